package nodeapi

import (
	"encoding/json"
	"time"
)

// Routes that exist on a sidecar only. They need the node key, like every leg.
const (
	PathStatus     = "/_node/status"     // GET → Status
	PathDispatches = "/_node/dispatches" // GET ?ids=a,b[&wait_ms=n] → Dispatches
	PathHealth     = "/healthz"          // GET, no key: 200 while the sidecar serves and its engine probe is good
)

// Codes that only travel between sidecar and sender; the sender turns them into its own decision.
const (
	CodeStaleEpoch     = "stale_epoch"     // 409: the leg's epoch is older than the sidecar's fence
	CodeStalePlacement = "stale_placement" // 409: the node does not hold a shard that the leg names
	CodeWrongShard     = "wrong_shard"     // 400: a document does not belong to the shard its line names
	CodeFenced         = "fenced"          // 503: the sidecar lost its lease and refuses writes
	CodeStaleStamp     = "stale_stamp"     // 503: the write can not be put in order on the node any more: the replica misses it
	CodeEngineDown     = "engine_down"     // 502: no connection to the engine came about, so it has nothing of the request
	CodeClockSkew      = "clock_skew"      // 503: the write's stamp is further ahead of the node's clock than hlc.MaxSkew
)

// Status is what a sidecar says about itself and its node.
type Status struct {
	Node          string    `json:"node"`
	Group         int       `json:"group"`
	Epoch         int64     `json:"epoch"` // revision of the routing view it applied
	Fence         int64     `json:"fence"` // writes from older epochs are refused
	EngineOK      bool      `json:"engine_ok"`
	EngineVersion string    `json:"engine_version"`
	StartedAt     time.Time `json:"started_at"`
}

// Dispatch is what became of one write on this node. Task is the engine's own task object; it is empty while State is
// "unknown", which means that this node never enqueued the dispatch.
type Dispatch struct {
	ID    string          `json:"id"`
	State string          `json:"state"` // unknown, or the engine task's status
	Task  json.RawMessage `json:"task,omitempty"`
}

// StateUnknown marks a dispatch that the node has no task for.
const StateUnknown = "unknown"

// Dispatches answers PathDispatches in the order of the ids asked for.
type Dispatches struct {
	Dispatches []Dispatch `json:"dispatches"`
}
