package explain

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/miroir-search/miroir/gateway/leg"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
)

// input is a planned search of an index of two shards, each on a node of its own, in two groups of which one takes no reads.
func input(t *testing.T, body string, records map[string]string) Input {
	t.Helper()
	b := routing.NewBuilder()
	put := func(key, value string) {
		if err := b.Put(key, []byte(value), 1); err != nil {
			t.Fatal(key, err)
		}
	}
	put("groups/0", `{"v":1,"id":0,"state":"active","rf":1}`)
	put("groups/1", `{"v":1,"id":1,"state":"draining","rf":1}`)
	for i := range 2 {
		put(fmt.Sprintf("nodes/n%d", i), fmt.Sprintf(`{"v":1,"id":"n%d","address":"http://secret%d","state":"active"}`, i, i))
		put(fmt.Sprintf("health/n%d", i), `{"v":1,"ok":true}`)
	}
	put("indexes/a", `{"v":1,"uid":"a","physical":"a--1","primary_key":"id","shards":2}`)
	put("placement/a--1", `{"v":1,"physical":"a--1","shards":2,"groups":{"0":[[{"node":"n0","state":"active"}],[{"node":"n1","state":"active"}]]}}`)
	put("settings/a--1", `{"v":1,"version":2,"client_view":{},"engine_hash":"right"}`)
	for key, value := range records {
		put(key, value)
	}
	v := b.View()
	q, e := meili.ParseSearchBody([]byte(body))
	if e != nil {
		t.Fatal(e)
	}
	ix, settings := v.Indexes["a"], leg.ParseSettings(nil)
	n := plan.Narrow(ix, q.Filter, 128)
	return Input{
		View: v, Index: ix, Query: q, Search: leg.NewSearch(q, settings, "id"), Settings: settings, Narrowing: n,
		Read: plan.CoverNarrowed(v, ix, n, 0, nil),
		P95:  func(string) time.Duration { return 3 * time.Millisecond },
		Late: func(node string) (time.Duration, bool) { return 15 * time.Millisecond, node == "n1" },
	}
}

// A20.3: what tells of the inside of the cluster is for administrators only.
func TestA203AdministratorsAreToldMore(t *testing.T) {
	for want, records := range map[string]map[string]string{
		GroupQuarantined: nil,
		SettingsDrift:    {"node_settings/a--1/n0": `{"v":1,"version":2,"hash":"wrong"}`},
		ReplicaExcluded:  {"dirty/a--1/0/n0": `{"v":1}`},
		BelowFloor:       {"node_settings/a--1/n0": `{"v":1,"version":1,"hash":"right"}`},
	} {
		in := input(t, `{"q":"x"}`, records)
		if floor := uint64(2); want == BelowFloor {
			in.Floor = &floor
		}
		has := func(admin bool) bool {
			return slices.ContainsFunc(Warnings(in, admin), func(w Warning) bool { return w.Code == want })
		}
		if !has(true) || has(false) {
			t.Errorf("%s: administrators %v, others %v", want, has(true), has(false))
		}
	}
	in := input(t, `{"q":"x"}`, map[string]string{
		"node_settings/a--1/n0": `{"v":1,"version":2,"hash":"right"}`, "node_settings/a--1/n1": `{"v":1,"version":1,"hash":"right"}`,
	})
	if !slices.ContainsFunc(Warnings(in, false), func(w Warning) bool { return w.Code == MixedSettings }) {
		t.Error("nodes show two versions of the settings, and nobody is told")
	}
	for _, w := range Warnings(in, true) {
		if !slices.Contains(Codes(), w.Code) {
			t.Errorf("%s is not in the list of codes", w.Code)
		}
	}
}

// F20: the plan names groups, legs and what they are asked.
func TestF20Plan(t *testing.T) {
	in := input(t, `{"q":"x","offset":2,"limit":3}`, nil)
	p := Of(in)
	if !p.Feasible || p.FanOut != 2 || !p.HedgingArmed || *p.HedgeTrigger != 15 || p.EstimatedP95 != 3 || p.SettingsVersion != 2 ||
		p.Merge != (Merge{StrategyRules, 1, 5}) || p.Legs[0].Limit != 5 || p.Legs[0].HedgeTrigger != nil || p.Legs[0].ShardFilter {
		t.Errorf("%+v", p)
	}
	g := p.ChosenGroup
	if g.ID != 0 || g.Reason != "only_cover" || len(g.Candidates) != 2 || g.Candidates[1].Eligible || g.Candidates[1].WhyNot == "" || *g.Candidates[0].Score != 3 {
		t.Errorf("%+v", g)
	}
	p = Of(input(t, `{"filter":"id = 1"}`, nil))
	if !p.Narrowed || p.FanOut != 1 || len(p.TargetShards) != 1 || p.Merge.Strategy != StrategyNone {
		t.Errorf("%+v", p)
	}
}
