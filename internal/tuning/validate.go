package tuning

import (
	"errors"
	"fmt"
	"slices"
)

// Validate reports everything that is wrong, each with its path (CF-9).
func (l Live) Validate() error {
	var wrong []error
	check := func(ok bool, path, want string, got any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("%s: %v is not %s", path, got, want))
		}
	}
	s := l.Scatter
	check(s.NodeTimeoutMs >= 1 && s.NodeTimeoutMs <= 600_000, "scatter.node_timeout_ms", "within 1 to 600000", s.NodeTimeoutMs)
	check(slices.Contains([]string{PolicyPartial, PolicyError}, s.UnavailableShardPolicy),
		"scatter.unavailable_shard_policy", "partial or error", s.UnavailableShardPolicy)
	check(slices.Contains([]string{QuorumLive, QuorumConfigured}, l.Quorum.Base), "quorum.base", "live or configured", l.Quorum.Base)
	e := l.Health
	check(e.IntervalMs >= 100 && e.IntervalMs <= 60_000, "health.interval_ms", "within 100 to 60000", e.IntervalMs)
	check(e.TimeoutMs >= 50 && e.TimeoutMs <= 60_000, "health.timeout_ms", "within 50 to 60000", e.TimeoutMs)
	check(e.UnhealthyThreshold >= 1 && e.UnhealthyThreshold <= 100, "health.unhealthy_threshold", "within 1 to 100", e.UnhealthyThreshold)
	check(e.RecoveryThreshold >= 1 && e.RecoveryThreshold <= 100, "health.recovery_threshold", "within 1 to 100", e.RecoveryThreshold)
	h := l.Hedging
	check(h.P95TriggerMultiplier >= 1, "hedging.p95_trigger_multiplier", "1 or more", h.P95TriggerMultiplier)
	check(h.MinTriggerMs >= 1, "hedging.min_trigger_ms", "1 or more", h.MinTriggerMs)
	check(h.MaxHedgesPerQuery >= 0, "hedging.max_hedges_per_query", "0 or more", h.MaxHedgesPerQuery)
	check(share(h.BudgetRatio), "hedging.budget_ratio", "within 0 to 1", h.BudgetRatio)
	r := l.ReplicaSelection
	check(slices.Contains([]string{StrategyAdaptive, StrategyRoundRobin, StrategyRandom}, r.Strategy),
		"replica_selection.strategy", "adaptive, round_robin or random", r.Strategy)
	check(r.LatencyWeight >= 0, "replica_selection.latency_weight", "0 or more", r.LatencyWeight)
	check(r.InflightWeight >= 0, "replica_selection.inflight_weight", "0 or more", r.InflightWeight)
	check(r.ErrorWeight >= 0, "replica_selection.error_weight", "0 or more", r.ErrorWeight)
	check(r.EWMAHalfLifeMs >= 100, "replica_selection.ewma_half_life_ms", "100 or more", r.EWMAHalfLifeMs)
	check(share(r.ExplorationEpsilon), "replica_selection.exploration_epsilon", "within 0 to 1", r.ExplorationEpsilon)
	check(r.ExcludeFactor > 1, "replica_selection.exclude_factor", "more than 1", r.ExcludeFactor)
	q := l.QueryCoalescing
	check(q.WindowMs >= 0 && q.WindowMs <= 1000, "query_coalescing.window_ms", "within 0 to 1000", q.WindowMs)
	check(q.MaxSubscribers >= 1, "query_coalescing.max_subscribers", "1 or more", q.MaxSubscribers)
	check(q.MaxPendingQueries >= 1, "query_coalescing.max_pending_queries", "1 or more", q.MaxPendingQueries)
	p := l.QueryPlanner
	check(p.MaxPKLiteralsNarrowable >= 1 && p.MaxPKLiteralsNarrowable <= 10_000, "query_planner.max_pk_literals_narrowable", "within 1 to 10000", p.MaxPKLiteralsNarrowable)
	v := l.VectorSearch
	check(v.OverFetchFactor >= 1 && v.OverFetchFactor <= 100, "vector_search.over_fetch_factor", "within 1 to 100", v.OverFetchFactor)
	check(v.MaxLegHits >= 1 && v.MaxLegHits <= 100_000, "vector_search.max_leg_hits", "within 1 to 100000", v.MaxLegHits)
	check(l.Explain.MaxWarnings >= 0 && l.Explain.MaxWarnings <= 1000, "explain.max_warnings", "within 0 to 1000", l.Explain.MaxWarnings)
	b := l.SettingsBroadcast
	check(slices.Contains([]string{StrategyTwoPhase, StrategySequential}, b.Strategy), "settings_broadcast.strategy", "two_phase or sequential", b.Strategy)
	check(slices.Contains([]string{WavesAuto, WavesOff}, b.Waves), "settings_broadcast.waves", "auto or off", b.Waves)
	check(b.VerifyTimeoutS >= 1 && b.VerifyTimeoutS <= 3600, "settings_broadcast.verify_timeout_s", "within 1 to 3600", b.VerifyTimeoutS)
	check(b.MaxRepairRetries >= 0 && b.MaxRepairRetries <= 10, "settings_broadcast.max_repair_retries", "within 0 to 10", b.MaxRepairRetries)
	l.SessionPinning.check(check)
	l.Idempotency.check(check)
	return errors.Join(wrong...)
}

// checker takes note of a value that is wrong.
type checker func(ok bool, path, want string, got any)

func (s SessionPinning) check(check checker) {
	check(s.TTLSeconds >= 1 && s.TTLSeconds <= 86_400, "session_pinning.ttl_seconds", "within 1 to 86400", s.TTLSeconds)
	check(s.MaxSessions >= 1 && s.MaxSessions <= 1_000_000, "session_pinning.max_sessions", "within 1 to 1000000", s.MaxSessions)
	check(slices.Contains([]string{WaitBlock, WaitPin}, s.WaitStrategy), "session_pinning.wait_strategy", "block or route_pin", s.WaitStrategy)
	check(s.MaxWaitMs >= 0 && s.MaxWaitMs <= 60_000, "session_pinning.max_wait_ms", "within 0 to 60000", s.MaxWaitMs)
	check(slices.Contains([]string{TimeoutServe, TimeoutError}, s.OnTimeout), "session_pinning.on_timeout", "serve or error", s.OnTimeout)
}

func (i Idempotency) check(check checker) {
	check(i.TTLSeconds >= 60 && i.TTLSeconds <= 7*86_400, "idempotency.ttl_seconds", "within 60 to 604800", i.TTLSeconds)
	check(i.MaxCachedKeys >= 1 && i.MaxCachedKeys <= 1_000_000, "idempotency.max_cached_keys", "within 1 to 1000000", i.MaxCachedKeys)
	check(i.InProgressWaitMs >= 0 && i.InProgressWaitMs <= 60_000, "idempotency.in_progress_wait_ms", "within 0 to 60000", i.InProgressWaitMs)
}

func share(f float64) bool { return f >= 0 && f <= 1 }
