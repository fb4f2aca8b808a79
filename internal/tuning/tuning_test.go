package tuning

import (
	"strings"
	"testing"
)

// CF-9, F2, F3: every wrong value is named by its path, all at once; a record with one is not obeyed.
func TestCF9WrongValuesAreNamed(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	const set = `{"scatter":{"node_timeout_ms":0,"unavailable_shard_policy":"maybe"},"quorum":{"base":"some"},
		"health":{"interval_ms":99,"timeout_ms":60001,"unhealthy_threshold":0,"recovery_threshold":101},
		"hedging":{"p95_trigger_multiplier":0.9,"min_trigger_ms":0,"max_hedges_per_query":-1,"budget_ratio":1.1},
		"replica_selection":{"strategy":"best","latency_weight":-1,"inflight_weight":-1,"error_weight":-1,"ewma_half_life_ms":99,
			"exploration_epsilon":-0.1,"exclude_factor":1},
		"query_coalescing":{"window_ms":-1,"max_subscribers":0,"max_pending_queries":0},
		"query_planner":{"max_pk_literals_narrowable":10001},"vector_search":{"over_fetch_factor":0,"max_leg_hits":0},"explain":{"max_warnings":-1},
		"session_pinning":{"ttl_seconds":0,"max_sessions":0,"wait_strategy":"hope","max_wait_ms":-1,"on_timeout":"shrug"},
		"idempotency":{"ttl_seconds":59,"max_cached_keys":0,"in_progress_wait_ms":60001}}`
	_, err := Check([]byte(set))
	if err == nil {
		t.Fatal("it passed")
	}
	for _, path := range []string{
		"scatter.node_timeout_ms", "scatter.unavailable_shard_policy", "quorum.base", "health.interval_ms",
		"health.timeout_ms", "health.unhealthy_threshold", "health.recovery_threshold", "hedging.p95_trigger_multiplier", "hedging.min_trigger_ms",
		"hedging.max_hedges_per_query", "hedging.budget_ratio", "replica_selection.strategy", "replica_selection.latency_weight",
		"replica_selection.inflight_weight", "replica_selection.error_weight", "replica_selection.ewma_half_life_ms",
		"replica_selection.exploration_epsilon", "replica_selection.exclude_factor", "query_coalescing.window_ms",
		"query_coalescing.max_subscribers", "query_coalescing.max_pending_queries",
		"query_planner.max_pk_literals_narrowable", "vector_search.over_fetch_factor", "vector_search.max_leg_hits", "explain.max_warnings",
		"session_pinning.ttl_seconds", "session_pinning.max_sessions", "session_pinning.wait_strategy", "session_pinning.max_wait_ms",
		"session_pinning.on_timeout", "idempotency.ttl_seconds", "idempotency.max_cached_keys", "idempotency.in_progress_wait_ms",
	} {
		if !strings.Contains(err.Error(), path+": ") {
			t.Errorf("%s is not named", path)
		}
	}
	if _, err := Decode([]byte(`{"v":1,"set":` + set + `}`)); err == nil {
		t.Error("a record with wrong values was read")
	}
}

func TestARecordSetsWhatItNames(t *testing.T) {
	live, err := Decode([]byte(`{"v":1,"set":{"hedging":{"enabled":false},"later":{"key":1}}}`))
	want := Default()
	want.Hedging.Enabled = false
	if err != nil || live != want {
		t.Errorf("%+v, %v", live, err)
	}
	if live, err = Decode([]byte(`{"v":1}`)); err != nil || live != Default() {
		t.Errorf("%+v, %v", live, err)
	}
	for _, record := range []string{`{"v":2}`, `{`, `{"v":1,"set":[]}`} {
		if _, err := Decode([]byte(record)); err == nil {
			t.Errorf("%s was read", record)
		}
	}
	if _, err := Check([]byte(`{"hedging":{"enable":false}}`)); err == nil {
		t.Error("a key that does not exist was set")
	}
}
