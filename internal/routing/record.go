package routing

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
)

// Version is the schema version written into every record of this package.
const Version = 1

// ErrVersion says that a record has a schema version this program does not know.
var ErrVersion = errors.New("unknown record version")

// NodeState is the desired state of a node. Whether it is alive is observed and stands in HealthRecord.
type NodeState string

// Desired states of a node, see the topology workflows.
const (
	NodeJoining  NodeState = "joining"  // registered, holds nothing yet
	NodeActive   NodeState = "active"   // holds and serves shards
	NodeDraining NodeState = "draining" // serves what it still holds, receives nothing new
	NodeRemoved  NodeState = "removed"  // tombstone: the id is never used again
)

// NodeRecord is nodes/<id>: a node as it should be.
type NodeRecord struct {
	V             int       `json:"v"`
	ID            string    `json:"id"`
	Address       string    `json:"address"` // base URL of the sidecar
	ReplicaGroup  int       `json:"replica_group"`
	State         NodeState `json:"state"`
	Since         time.Time `json:"since"`
	EngineVersion string    `json:"engine_version,omitempty"`
}

// HealthRecord is health/<id>, kept under the sidecar's lease: its presence says that the sidecar lives, OK that its
// engine answers too.
type HealthRecord struct {
	V             int       `json:"v"`
	OK            bool      `json:"ok"`
	Suspect       bool      `json:"suspect,omitempty"` // OK, but the last probe was missed
	Probes        int       `json:"probes"`            // consecutive probes with this outcome
	EngineVersion string    `json:"engine_version,omitempty"`
	Epoch         int64     `json:"revision_acked"` // epoch of the view the sidecar applied
	LastOK        time.Time `json:"last_ok"`
}

// GroupState is the desired state of a replica group.
type GroupState string

// States of a replica group. Only an active group is read from and counts for quorum.
const (
	GroupInitializing GroupState = "initializing"
	GroupActive       GroupState = "active"
	GroupDraining     GroupState = "draining"
	GroupRemoved      GroupState = "removed"
)

// GroupRecord is groups/<g>.
type GroupRecord struct {
	V     int        `json:"v"`
	ID    int        `json:"id"`
	State GroupState `json:"state"`
	RF    int        `json:"rf"` // copies of every shard inside the group
	Since time.Time  `json:"since"`
}

// ClusterRecord is config/cluster: what new indexes are made with.
type ClusterRecord struct {
	V      int `json:"v"`
	Shards int `json:"shards"` // shards of a new index
}

// FeaturesRecord is features: which experimental features are on, on every node.
type FeaturesRecord struct {
	V         int             `json:"v"`
	Features  map[string]bool `json:"features"` // by Meilisearch's names; one that is not there is off
	Pending   *PendingChange  `json:"pending,omitempty"`
	UpdatedAt time.Time       `json:"updated_at"`
}

// PendingChange is a change of features that a gateway makes on the nodes. Until it is over, or its time is, nobody else
// touches the nodes' features; a change that was not over in time never was.
type PendingChange struct {
	Features map[string]bool `json:"features"` // those that change
	By       string          `json:"by"`
	Until    time.Time       `json:"until"`
}

// Busy says until when somebody changes the features, the zero time when nobody does.
func (f FeaturesRecord) Busy(now time.Time) time.Time {
	if f.Pending == nil || !now.Before(f.Pending.Until) {
		return time.Time{}
	}
	return f.Pending.Until
}

// PKCase says what letters the ids of an index's documents may have. An index of which it is not known may have any.
type PKCase string

// Letters of ids. The first id with an upper-case letter makes an index mixed for ever: it is not sent to any node before all
// gateways know that it may be there.
const (
	PKLower  PKCase = "lower"
	PKMixing PKCase = "mixing" // some gateways may not know yet
	PKMixed  PKCase = "mixed"
)

// IndexRecord is indexes/<uid>: the catalog entry of a logical index.
type IndexRecord struct {
	V          int       `json:"v"`
	UID        string    `json:"uid"`
	Physical   string    `json:"physical"` // name on the nodes
	PrimaryKey string    `json:"primary_key,omitempty"`
	PKCase     PKCase    `json:"pk_case,omitempty"`
	Shards     int       `json:"shards"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// CopyState says what a copy of a shard may be used for.
type CopyState string

// States of a copy: a building copy takes writes only.
const (
	CopyActive   CopyState = "active"
	CopyBuilding CopyState = "building"
	CopyDraining CopyState = "draining"
)

// Copy is one physical copy of a shard.
type Copy struct {
	Node  string    `json:"node"`
	State CopyState `json:"state"`
}

// PlacementRecord is placement/<physical>: the fact that is routed by. Groups[g][shard] lists the copies, best-ranked
// first.
type PlacementRecord struct {
	V        int              `json:"v"`
	Physical string           `json:"physical"`
	Shards   int              `json:"shards"`
	Groups   map[int][][]Copy `json:"groups"`
}

// SettingsRecord is settings/<physical>: the committed settings of an index as clients see them, in Meilisearch's
// canonical form.
type SettingsRecord struct {
	V          int             `json:"v"`
	Version    uint64          `json:"version"`               // grows by one with every committed change
	ClientView json.RawMessage `json:"client_view,omitempty"` // missing where the record only says that the index is frozen
	EngineHash string          `json:"engine_hash,omitempty"` // SHA-256 of the canonical engine view
	Nodes      []string        `json:"nodes,omitempty"`       // that carried out the change from the version before, secrets included
	Frozen     *Freeze         `json:"frozen,omitempty"`      // writes of documents are refused; nil where they are not
	Resting    []string        `json:"resting,omitempty"`     // nodes that serve no reads of the index as far as others do: they are being changed, or not yet
	UpdatedAt  time.Time       `json:"updated_at"`
}

// Freeze says why an index takes no writes of documents: a change of its settings left nodes with different ones, and they
// could not be set back. The next change that is committed ends it, or an operator.
type Freeze struct {
	Task uint32    `json:"task"` // of the change
	At   time.Time `json:"at"`
}

// NodeSettingsRecord is node_settings/<physical>/<node>: which settings the node's engine was seen to show, by its sidecar.
// Hash says what it shows now; it is in step when that is the committed hash.
type NodeSettingsRecord struct {
	V         int       `json:"v"`
	Version   uint64    `json:"version"` // the newest committed version that it was seen to show
	Hash      string    `json:"hash"`    // SHA-256 of the canonical engine view
	UpdatedAt time.Time `json:"updated_at"`
}

// DirtyRecord is dirty/<physical>/<shard>/<node>: the copy missed a write and serves no reads until it is repaired.
type DirtyRecord struct {
	V      int       `json:"v"`
	Since  time.Time `json:"since"`
	From   hlc.Stamp `json:"from"`            // of the earliest write that it missed; 0 when nobody knows
	Whole  bool      `json:"whole,omitempty"` // it may lack anything, not only what was written since
	Reason string    `json:"reason"`
}

// BarrierRecord is barriers/<physical>, kept under the lease of the gateway that closed it: while it is closed no gateway
// begins a write to the index. Its stamp is the one that later writes must surpass: of its opening, or of the one before.
type BarrierRecord struct {
	V      int       `json:"v"`
	ID     string    `json:"id"` // of this closing
	Holder string    `json:"holder"`
	Closed bool      `json:"closed"`
	Stamp  hlc.Stamp `json:"stamp"`
}

// record lists what Decode accepts.
type record interface {
	BarrierRecord | NodeRecord | HealthRecord | GroupRecord | ClusterRecord | IndexRecord | PlacementRecord | SettingsRecord |
		DirtyRecord | FeaturesRecord | NodeSettingsRecord | AliasRecord
}

// Decode reads one record. Unknown fields are ignored, so that the next version may add some; an unknown version is
// ErrVersion.
func Decode[R record](data []byte) (R, error) {
	var head struct {
		V int `json:"v"`
	}
	var r R
	if err := json.Unmarshal(data, &head); err != nil {
		return r, fmt.Errorf("decode %T: %w", r, err)
	}
	if head.V != Version {
		return r, fmt.Errorf("decode %T version %d: %w", r, head.V, ErrVersion)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("decode %T: %w", r, err)
	}
	return r, nil
}
