package explain

import "encoding/json"

// Answer is the explanation of one search. Its form is the same for every credential.
type Answer struct {
	Index             string     `json:"index"`        // as the client named it
	ResolvedUID       string     `json:"resolved_uid"` // the logical index; of an alias of several, the alias
	Plan              *Plan      `json:"plan,omitempty"`
	Plans             []Target   `json:"plans,omitempty"` // of an alias of several indexes, one for each
	Warnings          []Warning  `json:"warnings"`
	WarningsTruncated int        `json:"warnings_truncated"`
	Execution         *Execution `json:"execution,omitempty"`
}

// Target is the plan for one index of an alias of several.
type Target struct {
	ResolvedUID string `json:"resolved_uid"`
	Plan        *Plan  `json:"plan"`
}

// Plan is how the search of one index would run.
type Plan struct {
	AliasResolution *Resolution `json:"alias_resolution"`
	Revision        int64       `json:"revision"`   // epoch of the routing view
	Generation      int         `json:"generation"` // of the index; 1 until it is resharded

	Feasible       bool    `json:"feasible"`
	InfeasibleCode *string `json:"infeasible_code"` // what a search would be answered with

	Narrowed        bool   `json:"narrowed"`
	NarrowingReason string `json:"narrowing_reason"`
	TargetShards    []int  `json:"target_shards"`
	ShardCount      int    `json:"shard_count"`

	ChosenGroup  *Group            `json:"chosen_group"` // null where nobody can be asked
	TargetNodes  map[string]string `json:"target_nodes"` // shard → node
	Legs         []Leg             `json:"legs"`
	LegsLeftOut  int               `json:"legs_left_out,omitempty"` // above the most that are listed
	FanOut       int               `json:"fan_out"`
	HedgingArmed bool              `json:"hedging_armed"`
	HedgeTrigger *float64          `json:"hedge_trigger_ms"` // the smallest of all legs

	CoalescingEligible bool `json:"coalescing_eligible"`
	CacheCandidate     bool `json:"cache_candidate"` // results are not cached

	TenantAffinity *struct{} `json:"tenant_affinity_pinned"`
	SessionPin     *Pin      `json:"session_pin"`

	EstimatedP95 int `json:"estimated_p95_ms"` // of the slowest leg; 0 where too little is known

	SettingsVersion     uint64  `json:"settings_version"`
	SettingsFloor       *uint64 `json:"settings_floor"`
	BroadcastPending    bool    `json:"broadcast_pending"`
	ProposedFingerprint *string `json:"proposed_fingerprint"`
	CommitETA           *int    `json:"commit_eta_ms"`

	Merge          Merge `json:"merge"`
	InjectedFilter bool  `json:"injected_filter"`
}

// Resolution is what an alias stands for.
type Resolution struct {
	From    string `json:"from"`
	To      any    `json:"to"` // a name, or a list of names
	Kind    string `json:"kind"`
	Version uint64 `json:"version"`
}

// Pin is where reads of a session stay as long as some of what it wrote is not applied.
type Pin struct {
	Group    *int   `json:"group"` // that took the writes first; null where it is lost, or only settings were changed
	Pending  int    `json:"pending_writes"`
	Strategy string `json:"strategy"` // whether such a read waits
}

// Strategies of pins.
const (
	PinBlock = "block" // it waits until the writes are applied
	PinRoute = "route_pin"
)

// Group is the replica group that answers, and those that were looked at.
type Group struct {
	ID         int         `json:"id"`
	Reason     string      `json:"reason"`
	Candidates []Candidate `json:"candidates"`
}

// Candidate is a group that could answer.
type Candidate struct {
	ID       int      `json:"id"`
	Score    *float64 `json:"score_ms"` // of its slowest leg, 95 of 100; null where too little is known
	Eligible bool     `json:"eligible"`
	WhyNot   string   `json:"why_not,omitempty"`
}

// Leg is what one node is asked.
type Leg struct {
	Node         string   `json:"node"`
	Group        int      `json:"group"`
	Shards       []int    `json:"shards"`
	ShardFilter  bool     `json:"shard_filter"` // the node holds other shards too, which its sidecar filters out
	Limit        int      `json:"limit"`
	HedgeTrigger *float64 `json:"hedge_trigger_ms"`
}

// Merge is how the legs' answers become one.
type Merge struct {
	Strategy  string `json:"strategy"`
	OverFetch int    `json:"over_fetch_factor"`
	Window    int    `json:"window"`
}

// Strategies of merges.
const (
	StrategyNone       = "none"          // one leg answers
	StrategyRules      = "ranking_rules" // rule by rule
	StrategySimilarity = "similarity"
	StrategyConvex     = "convex" // words and vectors, weighted as an engine weighs them
)

// Execution is what came of running the search.
type Execution struct {
	Result   json.RawMessage `json:"result"`
	Legs     []Ran           `json:"legs"`
	TotalMs  float64         `json:"total_ms"`
	Degraded bool            `json:"degraded"`
}

// Ran is one request that a node got.
type Ran struct {
	Node     string  `json:"node"`
	Shards   []int   `json:"shards"`
	Ms       float64 `json:"ms"`
	Attempts int     `json:"attempts"` // 2 where the node stands in for another that failed
	Hedged   bool    `json:"hedged"`   // it was asked because another was late
	Hits     int     `json:"hits"`
	Status   int     `json:"status"` // 0 where there was no answer
}
