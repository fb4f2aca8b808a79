package routing

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// Families of keys, below the cluster's prefix, that make up the view.
const (
	FamilyAliases   = "aliases/"
	FamilyNodes     = "nodes/"
	FamilyHealth    = "health/"
	FamilyGroups    = "groups/"
	FamilyIndexes   = "indexes/"
	FamilyPlacement = "placement/"
	FamilySettings  = "settings/"
	FamilyDirty     = "dirty/"
	FamilyBarriers  = "barriers/"
	KeyCluster      = "config/cluster"
	KeyFeatures     = "features"

	FamilyNodeSettings = "node_settings/"
)

// Families lists the prefixes a watcher must follow to feed a Builder.
func Families() []string {
	return []string{
		FamilyAliases, FamilyBarriers, KeyCluster, FamilyDirty, KeyFeatures, FamilyGroups, FamilyHealth, FamilyIndexes, FamilyNodeSettings,
		FamilyNodes, FamilyPlacement, FamilySettings,
	}
}

// Builder collects records and makes views of them. It is not safe for concurrent use: one watcher owns it.
type Builder struct {
	cluster   ClusterRecord
	features  FeaturesRecord
	nodes     map[string]NodeRecord
	health    map[string]HealthRecord
	groups    map[int]GroupRecord
	indexes   map[string]IndexRecord
	placement map[string]PlacementRecord
	placedAt  map[string]int64
	settings  map[string]SettingsRecord
	dirty     map[string]map[dirtyKey]bool // by physical name
	barriers  map[string]BarrierRecord
	shown     map[string]map[string]NodeSettingsRecord // by physical name and node
	aliases   map[string]storedAlias
	epoch     int64
}

// NewBuilder returns a Builder without records.
func NewBuilder() *Builder {
	return &Builder{
		nodes: map[string]NodeRecord{}, health: map[string]HealthRecord{}, groups: map[int]GroupRecord{},
		indexes: map[string]IndexRecord{}, placement: map[string]PlacementRecord{}, placedAt: map[string]int64{}, settings: map[string]SettingsRecord{},
		dirty: map[string]map[dirtyKey]bool{}, barriers: map[string]BarrierRecord{},
		shown: map[string]map[string]NodeSettingsRecord{}, aliases: map[string]storedAlias{},
	}
}

// Put takes over one record under its key below the cluster's prefix. A record that cannot be read is an error and
// leaves the last good one in place. Keys of other families are ignored. Barriers come and go beside it. Health, and the
// settings that nodes show, are observed, not decided, and never move the epoch: a process that lists them must not seem to
// know more than one that watched them.
func (b *Builder) Put(key string, value []byte, revision int64) error {
	family, name := split(key)
	var err error
	changed := true
	switch family {
	case KeyCluster:
		err = set(&b.cluster, value)
	case KeyFeatures:
		err = set(&b.features, value)
	case FamilyAliases:
		a := storedAlias{revision: revision}
		if err = set(&a.record, value); err == nil {
			b.aliases[name] = a
		}
	case FamilyNodes:
		err = put(b.nodes, name, value)
	case FamilyHealth:
		changed, err = false, put(b.health, name, value)
	case FamilyBarriers:
		changed, err = false, put(b.barriers, name, value)
	case FamilyGroups:
		var g GroupRecord
		if err = set(&g, value); err == nil {
			b.groups[g.ID] = g
		}
	case FamilyIndexes:
		err = put(b.indexes, name, value)
	case FamilyPlacement:
		if err = put(b.placement, name, value); err == nil {
			b.placedAt[name] = revision
		}
	case FamilySettings:
		err = put(b.settings, name, value)
	case FamilyDirty:
		err = b.putDirty(name)
	case FamilyNodeSettings:
		changed, err = false, b.putShown(name, value)
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("key %s: %w", key, err)
	}
	if changed {
		b.epoch = max(b.epoch, revision)
	}
	return nil
}

// Delete forgets the record under key.
func (b *Builder) Delete(key string, revision int64) {
	family, name := split(key)
	switch family {
	case FamilyAliases:
		delete(b.aliases, name)
	case FamilyNodes:
		delete(b.nodes, name)
	case FamilyHealth:
		delete(b.health, name)
		return
	case FamilyBarriers:
		delete(b.barriers, name)
		return
	case FamilyNodeSettings:
		if physical, node, ok := strings.Cut(name, "/"); ok && b.shown[physical] != nil {
			m := maps.Clone(b.shown[physical]) // views share the old one
			delete(m, node)
			b.shown[physical] = m
		}
		return
	case FamilyGroups:
		if id, err := strconv.Atoi(name); err == nil {
			delete(b.groups, id)
		}
	case FamilyIndexes:
		delete(b.indexes, name)
	case FamilyPlacement:
		delete(b.placement, name)
		delete(b.placedAt, name)
	case FamilySettings:
		delete(b.settings, name)
	case FamilyDirty:
		if physical, k, ok := dirtyOf(name); ok {
			m := maps.Clone(b.dirty[physical]) // views share the old one
			delete(m, k)
			b.dirty[physical] = m
		}
	default:
		return
	}
	b.epoch = max(b.epoch, revision)
}

func (b *Builder) putDirty(name string) error {
	physical, k, ok := dirtyOf(name)
	if !ok {
		return fmt.Errorf("dirty marker %q: want <physical>/<shard>/<node>", name)
	}
	m := maps.Clone(b.dirty[physical])
	if m == nil {
		m = map[dirtyKey]bool{}
	}
	m[k] = true
	b.dirty[physical] = m
	return nil
}

func (b *Builder) putShown(name string, value []byte) error {
	physical, node, ok := strings.Cut(name, "/")
	if !ok {
		return fmt.Errorf("settings of a node %q: want <physical>/<node>", name)
	}
	m := maps.Clone(b.shown[physical])
	if m == nil {
		m = map[string]NodeSettingsRecord{}
	}
	if err := put(m, node, value); err != nil {
		return err
	}
	b.shown[physical] = m
	return nil
}

// astray lists the nodes that show other settings than those committed, and those that rest.
func astray(s SettingsRecord, shown map[string]NodeSettingsRecord) map[string]bool {
	var list map[string]bool
	add := func(node string) {
		if list == nil {
			list = map[string]bool{}
		}
		list[node] = true
	}
	for node, rec := range shown {
		if s.EngineHash != "" && rec.Hash != s.EngineHash {
			add(node)
		}
	}
	for _, node := range s.Resting {
		add(node)
	}
	return list
}

// View makes an immutable view of the records. An index without a placement is left out: it is not routable yet.
func (b *Builder) View() *View {
	v := &View{
		Epoch: b.epoch, Cluster: b.cluster, Features: b.features, Nodes: make(map[string]Node, len(b.nodes)),
		Barriers: maps.Clone(b.barriers), Indexes: make(map[string]*Index, len(b.indexes)), Physical: make(map[string]*Index, len(b.indexes)),
	}
	for id, n := range b.nodes {
		h, alive := b.health[id]
		v.Nodes[id] = Node{NodeRecord: n, Alive: alive, OK: alive && h.OK && n.State != NodeRemoved, Suspect: alive && h.Suspect}
	}
	v.Groups = slices.SortedFunc(maps.Values(b.groups), func(a, c GroupRecord) int { return cmp.Compare(a.ID, c.ID) })
	budget := new(atomic.Int64)
	budget.Store(coverBudget)
	for uid, rec := range b.indexes {
		p, ok := b.placement[rec.Physical]
		if !ok {
			continue
		}
		s := b.settings[rec.Physical]
		ix := &Index{
			IndexRecord: rec, Name: uid, Placement: p, PlacedAt: b.placedAt[rec.Physical], Settings: s.ClientView, SettingsVersion: s.Version,
			SettingsHash: s.EngineHash, SettingsNodes: s.Nodes, Shown: b.shown[rec.Physical], dirty: b.dirty[rec.Physical], memo: &memo{budget: budget},
			Frozen: s.Frozen, Resting: s.Resting, Astray: astray(s, b.shown[rec.Physical]),
		}
		v.Indexes[uid] = ix
		v.Physical[rec.Physical] = ix
		v.UIDs = append(v.UIDs, uid)
	}
	slices.Sort(v.UIDs)
	v.Aliases = b.aliasesOf(v)
	return v
}

func split(key string) (family, name string) {
	if key == KeyCluster {
		return KeyCluster, ""
	}
	if i := strings.IndexByte(key, '/'); i >= 0 {
		return key[:i+1], key[i+1:]
	}
	return key, ""
}

func dirtyOf(name string) (physical string, k dirtyKey, ok bool) {
	parts := strings.Split(name, "/")
	if len(parts) != 3 {
		return "", dirtyKey{}, false
	}
	shard, err := strconv.Atoi(parts[1])
	if err != nil {
		return "", dirtyKey{}, false
	}
	return parts[0], dirtyKey{shard, parts[2]}, true
}

func set[R record](dst *R, value []byte) error {
	r, err := Decode[R](value)
	if err == nil {
		*dst = r
	}
	return err
}

func put[R record](m map[string]R, name string, value []byte) error {
	r, err := Decode[R](value)
	if err == nil {
		m[name] = r
	}
	return err
}
