package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// records are what refers to each other.
type records struct {
	indexes   map[string]routing.IndexRecord // by name
	placement map[string]routing.PlacementRecord
	nodes     map[string]routing.NodeRecord
	groups    map[int]bool
	settings  map[string]routing.SettingsRecord
	dirty     map[string]string                                // key by physical name
	shown     map[string]map[string]routing.NodeSettingsRecord // by physical name and node
	aliases   map[string]routing.AliasRecord
}

// together judges whether records agree with each other. Those that can not be read are left out: they were told already.
func together(entries []state.Entry) []Finding {
	r := collect(entries)
	var found []Finding
	say := func(s Severity, key, format string, args ...any) {
		found = append(found, Finding{s, key, fmt.Sprintf(format, args...)})
	}
	used := map[string]string{}
	for _, uid := range slices.Sorted(maps.Keys(r.indexes)) {
		ix, name := r.indexes[uid], routing.FamilyIndexes+uid
		if ix.UID != uid {
			say(Wrong, name, "it is the record of index %s", ix.UID)
		}
		if other, taken := used[ix.Physical]; taken {
			say(Wrong, name, "points to %s, as %s does", ix.Physical, other)
		}
		used[ix.Physical] = uid
		p, placed := r.placement[ix.Physical]
		if !placed {
			say(Wrong, name, "its physical index %s has no placement: nothing can be read or written", ix.Physical)
		} else if p.Shards != ix.Shards {
			say(Wrong, name, "has %d shards, its placement has %d", ix.Shards, p.Shards)
		}
	}
	for _, physical := range slices.Sorted(maps.Keys(r.placement)) {
		name := routing.FamilyPlacement + physical
		if _, known := used[physical]; !known {
			say(Loose, name, "no index points to it")
		}
		found = append(found, r.placed(name, r.placement[physical])...)
	}
	for _, physical := range slices.Sorted(maps.Keys(r.settings)) {
		if _, known := used[physical]; !known {
			say(Loose, routing.FamilySettings+physical, "no index points to it")
		}
	}
	for _, physical := range slices.Sorted(maps.Keys(r.dirty)) {
		if _, known := used[physical]; !known {
			say(Loose, r.dirty[physical], "no index points to it")
		}
	}
	for _, physical := range slices.Sorted(maps.Keys(r.shown)) {
		want := r.settings[physical]
		for _, node := range slices.Sorted(maps.Keys(r.shown[physical])) {
			name := routing.FamilyNodeSettings + physical + "/" + node
			if _, known := used[physical]; !known {
				say(Loose, name, "no index points to it")
			} else if got := r.shown[physical][node]; want.EngineHash != "" && got.Hash != want.EngineHash {
				say(Note, name, "shows other settings than those committed as version %d; the last it was seen to show is %d", want.Version, got.Version)
			}
		}
	}
	found = append(found, r.aliased()...)
	for _, id := range slices.Sorted(maps.Keys(r.nodes)) {
		if n := r.nodes[id]; n.State != routing.NodeRemoved && !r.groups[n.ReplicaGroup] {
			say(Wrong, routing.FamilyNodes+id, "its replica group %d does not exist", n.ReplicaGroup)
		}
	}
	return found
}

// aliased judges the aliases.
func (r records) aliased() (found []Finding) {
	for _, name := range slices.Sorted(maps.Keys(r.aliases)) {
		a, key := r.aliases[name], routing.FamilyAliases+name
		if a.Name != name {
			found = append(found, Finding{Wrong, key, "it is the record of alias " + a.Name})
		}
		if _, index := r.indexes[name]; index {
			found = append(found, Finding{Wrong, key, "an index has the same name, which hides it"})
		}
		for _, uid := range a.UIDs() {
			if _, known := r.indexes[uid]; !known {
				found = append(found, Finding{Loose, key, "it stands for " + uid + ", which does not exist"})
			}
		}
	}
	return found
}

// placed judges the copies of one placement.
func (r records) placed(name string, p routing.PlacementRecord) (found []Finding) {
	for _, g := range slices.Sorted(maps.Keys(p.Groups)) {
		if len(p.Groups[g]) != p.Shards {
			found = append(found, Finding{Wrong, name, fmt.Sprintf("group %d has %d of %d shards", g, len(p.Groups[g]), p.Shards)})
		}
		for shard, copies := range p.Groups[g] {
			if len(copies) == 0 {
				found = append(found, Finding{Wrong, name, fmt.Sprintf("shard %d has no copy in group %d", shard, g)})
			}
			for _, c := range copies {
				if n, known := r.nodes[c.Node]; !known || n.State == routing.NodeRemoved {
					found = append(found, Finding{Wrong, name, fmt.Sprintf("shard %d has a copy on %s, which is no node of the cluster", shard, c.Node)})
				}
			}
		}
	}
	return found
}

func collect(entries []state.Entry) records {
	r := records{
		indexes: map[string]routing.IndexRecord{}, placement: map[string]routing.PlacementRecord{}, nodes: map[string]routing.NodeRecord{},
		groups: map[int]bool{}, settings: map[string]routing.SettingsRecord{}, dirty: map[string]string{},
		shown: map[string]map[string]routing.NodeSettingsRecord{}, aliases: map[string]routing.AliasRecord{},
	}
	for _, e := range entries {
		at := strings.IndexByte(e.Key, '/') + 1
		switch name := e.Key[at:]; e.Key[:at] {
		case routing.FamilyIndexes:
			if rec, err := routing.Decode[routing.IndexRecord](e.Value); err == nil {
				r.indexes[name] = rec
			}
		case routing.FamilyAliases:
			if rec, err := routing.Decode[routing.AliasRecord](e.Value); err == nil {
				r.aliases[name] = rec
			}
		case routing.FamilyPlacement:
			if rec, err := routing.Decode[routing.PlacementRecord](e.Value); err == nil {
				r.placement[name] = rec
			}
		case routing.FamilyNodes:
			if rec, err := routing.Decode[routing.NodeRecord](e.Value); err == nil {
				r.nodes[name] = rec
			}
		case routing.FamilyGroups:
			if rec, err := routing.Decode[routing.GroupRecord](e.Value); err == nil {
				r.groups[rec.ID] = true
			}
		case routing.FamilySettings:
			rec, _ := routing.Decode[routing.SettingsRecord](e.Value)
			r.settings[name] = rec
		case routing.FamilyDirty:
			physical, _, _ := strings.Cut(name, "/")
			r.dirty[physical] = e.Key
		case routing.FamilyNodeSettings:
			physical, node, _ := strings.Cut(name, "/")
			if rec, err := routing.Decode[routing.NodeSettingsRecord](e.Value); err == nil {
				if r.shown[physical] == nil {
					r.shown[physical] = map[string]routing.NodeSettingsRecord{}
				}
				r.shown[physical][node] = rec
			}
		}
	}
	return r
}
