package tuning

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Live holds the values that gateways and coordinators work by. It must not be modified.
type Live struct {
	Scatter          Scatter          `json:"scatter"`
	Fallback         Fallback         `json:"fallback"`
	Quorum           Quorum           `json:"quorum"`
	Health           Health           `json:"health"`
	Hedging          Hedging          `json:"hedging"`
	ReplicaSelection ReplicaSelection `json:"replica_selection"`
	QueryCoalescing  QueryCoalescing  `json:"query_coalescing"`
	QueryPlanner     QueryPlanner     `json:"query_planner"`
	VectorSearch     VectorSearch     `json:"vector_search"`
	Explain          Explain          `json:"explain"`
	SessionPinning   SessionPinning   `json:"session_pinning"`
	Idempotency      Idempotency      `json:"idempotency"`

	SettingsBroadcast SettingsBroadcast `json:"settings_broadcast"`
}

// What an answer may be when nobody answers for some shards (RD-8).
const (
	PolicyPartial = "partial" // the rest, with X-Miroir-Degraded
	PolicyError   = "error"   // 503 miroir_shard_unavailable
)

// Scatter says how legs are run.
type Scatter struct {
	NodeTimeoutMs          int    `json:"node_timeout_ms"`          // of a leg that reads
	RetryOnTimeout         bool   `json:"retry_on_timeout"`         // ask other owners once where a leg was too late
	UnavailableShardPolicy string `json:"unavailable_shard_policy"` // partial or error
}

// Fallback says where shards are read that a group does not have (RD-6).
type Fallback struct {
	CrossGroup bool `json:"cross_group"`
}

// What the quorum of a group is counted from (spec §1.3).
const (
	QuorumLive       = "live"       // the majority of its copies, or all complete ones that live where those are fewer
	QuorumConfigured = "configured" // the majority of its copies, however few live
)

// Quorum says how many copies must have a write before it is accepted.
type Quorum struct {
	Base string `json:"base"`
}

// Health says how sidecars watch their engines (NS-2).
type Health struct {
	IntervalMs         int `json:"interval_ms"` // between two probes
	TimeoutMs          int `json:"timeout_ms"`  // of a probe
	UnhealthyThreshold int `json:"unhealthy_threshold"`
	RecoveryThreshold  int `json:"recovery_threshold"`
}

// Hedging says when a late leg is asked of other owners too (F2).
type Hedging struct {
	Enabled              bool    `json:"enabled"`
	P95TriggerMultiplier float64 `json:"p95_trigger_multiplier"` // of the time that 95 of 100 legs take
	MinTriggerMs         float64 `json:"min_trigger_ms"`         // no leg is late before
	MaxHedgesPerQuery    int     `json:"max_hedges_per_query"`
	BudgetRatio          float64 `json:"budget_ratio"` // of all legs of a gateway within 10 s, at most
	CrossGroupFallback   bool    `json:"cross_group_fallback"`
}

// Strategies of replica selection.
const (
	StrategyAdaptive   = "adaptive"
	StrategyRoundRobin = "round_robin"
	StrategyRandom     = "random"
)

// ReplicaSelection says which of several owners is read from (F3).
type ReplicaSelection struct {
	Strategy           string  `json:"strategy"`
	LatencyWeight      float64 `json:"latency_weight"`  // of a millisecond
	InflightWeight     float64 `json:"inflight_weight"` // of a leg that is not answered yet
	ErrorWeight        float64 `json:"error_weight"`    // of the share of legs that fail
	EWMAHalfLifeMs     int     `json:"ewma_half_life_ms"`
	ExplorationEpsilon float64 `json:"exploration_epsilon"` // share of new queries that go to the dearer choice
	ExcludeFactor      float64 `json:"exclude_factor"`      // times the median score, above which a node is left out
}

// QueryCoalescing says when equal searches share one scatter (F10).
type QueryCoalescing struct {
	Enabled           bool `json:"enabled"`
	WindowMs          int  `json:"window_ms"`           // after the first of them began
	MaxSubscribers    int  `json:"max_subscribers"`     // of one scatter
	MaxPendingQueries int  `json:"max_pending_queries"` // scatters that others may join
}

// QueryPlanner says when a filter on the primary key narrows a read to some shards (F4).
type QueryPlanner struct {
	Enabled                 bool `json:"enabled"`
	MaxPKLiteralsNarrowable int  `json:"max_pk_literals_narrowable"` // ids that narrow at most
	LogPlans                bool `json:"log_plans"`                  // plans, never what is looked for
}

// VectorSearch says how searches by vectors are asked in legs (F12).
type VectorSearch struct {
	OverFetchFactor int `json:"over_fetch_factor"` // how many times the window a leg is asked for
	MaxLegHits      int `json:"max_leg_hits"`      // hits that a leg is asked for at most for that
}

// Explain says what explanations of searches are made of (F20).
type Explain struct {
	Enabled               bool `json:"enabled"`
	MaxWarnings           int  `json:"max_warnings"`
	AllowExecuteParameter bool `json:"allow_execute_parameter"`
}

// How a change of settings comes to the nodes of an index.
const (
	StrategyTwoPhase   = "two_phase"  // to many nodes at once
	StrategySequential = "sequential" // to one node after the other

	WavesAuto = "auto" // to one half of the replica groups after the other, where there are two
	WavesOff  = "off"  // to all at once
)

// SettingsBroadcast says how changes of settings are carried out (F5). A change that is under way keeps its strategy and waves.
type SettingsBroadcast struct {
	Strategy                   string `json:"strategy"`
	Waves                      string `json:"waves"`
	VerifyTimeoutS             int    `json:"verify_timeout_s"`   // how long a node that lives may answer nothing until it counts as down
	MaxRepairRetries           int    `json:"max_repair_retries"` // how often nodes that differ are sent a change again, or are set back again
	FreezeWritesOnUnrepairable bool   `json:"freeze_writes_on_unrepairable"`
}

// InTurns says whether the nodes of an index get a change one part after the other. groups are the replica groups that are read.
func (s SettingsBroadcast) InTurns(groups int) bool {
	return s.Strategy == StrategySequential || s.InWaves(groups)
}

// InWaves says whether one half of the groups gets a change after the other.
func (s SettingsBroadcast) InWaves(groups int) bool {
	return s.Strategy == StrategyTwoPhase && s.Waves == WavesAuto && groups > 1
}

// VerifyTimeout is how long a node that lives may answer nothing until it counts as down.
func (s SettingsBroadcast) VerifyTimeout() time.Duration {
	return time.Duration(s.VerifyTimeoutS) * time.Second
}

// Default has the defaults of the configuration page.
func Default() Live {
	return Live{
		Scatter:  Scatter{NodeTimeoutMs: 5000, RetryOnTimeout: true, UnavailableShardPolicy: PolicyPartial},
		Fallback: Fallback{CrossGroup: true},
		Quorum:   Quorum{Base: QuorumLive},
		Health:   Health{IntervalMs: 5000, TimeoutMs: 2000, UnhealthyThreshold: 3, RecoveryThreshold: 2},
		Hedging: Hedging{
			Enabled: true, P95TriggerMultiplier: 1.2, MinTriggerMs: 15, MaxHedgesPerQuery: 2, BudgetRatio: 0.05, CrossGroupFallback: true,
		},
		ReplicaSelection: ReplicaSelection{
			Strategy: StrategyAdaptive, LatencyWeight: 1, InflightWeight: 2, ErrorWeight: 10, EWMAHalfLifeMs: 5000, ExplorationEpsilon: 0.05,
			ExcludeFactor: 5,
		},
		QueryCoalescing: QueryCoalescing{Enabled: true, WindowMs: 50, MaxSubscribers: 1000, MaxPendingQueries: 10000},
		QueryPlanner:    QueryPlanner{Enabled: true, MaxPKLiteralsNarrowable: 128},
		VectorSearch:    VectorSearch{OverFetchFactor: 1, MaxLegHits: 3000},
		Explain:         Explain{Enabled: true, MaxWarnings: 20, AllowExecuteParameter: true},
		SessionPinning:  DefaultSessionPinning(),
		Idempotency:     Idempotency{Enabled: true, TTLSeconds: 86_400, MaxCachedKeys: 100_000, InProgressWaitMs: 2000},
		SettingsBroadcast: SettingsBroadcast{
			Strategy: StrategyTwoPhase, Waves: WavesAuto, VerifyTimeoutS: 60, MaxRepairRetries: 3, FreezeWritesOnUnrepairable: true,
		},
	}
}

// Most is how many ids narrow a read at most; 0 where nothing is narrowed.
func (q QueryPlanner) Most() int {
	if !q.Enabled {
		return 0
	}
	return q.MaxPKLiteralsNarrowable
}

// NodeTimeout is how long a leg that reads may take.
func (s Scatter) NodeTimeout() time.Duration {
	return time.Duration(s.NodeTimeoutMs) * time.Millisecond
}

// HalfLife is the time after which a measured time counts half.
func (r ReplicaSelection) HalfLife() time.Duration {
	return time.Duration(r.EWMAHalfLifeMs) * time.Millisecond
}

// Window is how long after its start a scatter may be joined.
func (q QueryCoalescing) Window() time.Duration { return time.Duration(q.WindowMs) * time.Millisecond }

// Record is config/runtime: the values that were set, by the names of the configuration page. What is not set has its
// default.
type Record struct {
	V   int             `json:"v"`
	Set json.RawMessage `json:"set"`
}

// Version is the schema version of Record.
const Version = 1

// ErrVersion says that a record has a schema version this program does not know.
var ErrVersion = errors.New("unknown record version")

// Decode reads a record. Keys that this version does not know are ignored; values that are wrong are an error, and the
// caller keeps what it had.
func Decode(record []byte) (Live, error) {
	live := Default()
	var r Record
	if err := json.Unmarshal(record, &r); err != nil {
		return live, fmt.Errorf("decode config/runtime: %w", err)
	}
	if r.V != Version {
		return live, fmt.Errorf("decode config/runtime version %d: %w", r.V, ErrVersion)
	}
	if len(r.Set) > 0 {
		if err := json.Unmarshal(r.Set, &live); err != nil {
			return live, fmt.Errorf("decode config/runtime: %w", err)
		}
	}
	return live, live.Validate()
}

// Check reads values that somebody wants to set, and refuses keys that do not exist.
func Check(set []byte) (Live, error) {
	live := Default()
	d := json.NewDecoder(bytes.NewReader(set))
	d.DisallowUnknownFields()
	if err := d.Decode(&live); err != nil {
		return live, err
	}
	return live, live.Validate()
}
