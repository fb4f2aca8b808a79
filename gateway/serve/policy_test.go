package serve

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/balance"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/tuning"
)

// twoGroups is a gateway over an index of one shard with a copy in each of two groups.
func twoGroups(t *testing.T, nodes [2]*readNode, live *tuning.Live) *Service {
	t.Helper()
	s := serviceOf(t, nil, nil, `{}`)
	b := routing.NewBuilder()
	groups := ""
	for g, n := range nodes {
		server := httptest.NewServer(n)
		t.Cleanup(server.Close)
		for key, value := range map[string]string{
			fmt.Sprintf("groups/%d", g):  fmt.Sprintf(`{"v":1,"id":%d,"state":"active","rf":1}`, g),
			fmt.Sprintf("nodes/n%d", g):  fmt.Sprintf(`{"v":1,"id":"n%d","address":%q,"replica_group":%d,"state":"active"}`, g, server.URL, g),
			fmt.Sprintf("health/n%d", g): `{"v":1,"ok":true}`,
		} {
			if err := b.Put(key, []byte(value), 1); err != nil {
				t.Fatal(err)
			}
		}
		groups += fmt.Sprintf(`"%d":[[{"node":"n%d","state":"active"}]],`, g, g)
	}
	for key, value := range map[string]string{
		"indexes/a": `{"v":1,"uid":"a","physical":"a--1","primary_key":"id","shards":1}`, "settings/a--1": `{"v":1,"version":3,"client_view":{},"engine_hash":"committed"}`,
		"placement/a--1": `{"v":1,"physical":"a--1","shards":1,"groups":{` + strings.TrimSuffix(groups, ",") + `}}`,
	} {
		if err := b.Put(key, []byte(value), 1); err != nil {
			t.Fatal(err)
		}
	}
	s.Views = fixedView{b.View()}
	s.Tuning = func() *tuning.Live { return live }
	return s
}

// RD-6: a shard that its group does not answer for is read from another group, and nobody is told; unless that is switched
// off.
func TestRD6CrossGroupFallback(t *testing.T) {
	good := &readNode{answers: []scripted{{"/search", "", 200, answerOf(1, words(1, 5))}}}
	for _, nodes := range [][2]*readNode{{good, {}}, {{}, good}} {
		live := tuning.Default()
		s := twoGroups(t, nodes, &live)
		var unavailable int
		for i := range 8 {
			body := json.RawMessage(fmt.Sprintf(`{"q":"x%d"}`, i))
			live.Fallback.CrossGroup = true
			if r := ask(t, s, "", "POST", "/indexes/a/search", body); r.Status != 200 || r.Header.Get(reply.HeaderDegraded) != "" {
				t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
			}
			live.Fallback.CrossGroup = false
			if r := ask(t, s, "", "POST", "/indexes/a/search", body); r.Status == 503 && strings.Contains(string(r.Body), "miroir_shard_unavailable") {
				unavailable++
			} else if r.Status != 200 {
				t.Errorf("%d %s", r.Status, r.Body)
			}
		}
		if unavailable == 0 || unavailable == 8 {
			t.Errorf("%d of 8 queries stayed within a group that does not answer", unavailable)
		}
	}
}

// RD-8: what nobody answers for leaves the rest as the answer, or none, as the policy says; every kind of read obeys it.
func TestRD8PolicyForShardsThatNobodyAnswersFor(t *testing.T) {
	live := tuning.Default()
	script := []scripted{
		{"/search", "", 200, answerOf(1, words(1, 5))},
		{"/facet-search", "", 200, `{"facetHits":[],"facetQuery":null,"processingTimeMs":0}`},
		{"/documents/fetch", "", 200, `{"results":[],"offset":0,"limit":20,"total":0}`},
		{"/multi-search", "", 200, `{"hits":[],"processingTimeMs":0,"limit":20,"offset":0,"estimatedTotalHits":0,"semanticHitCount":0}`},
	}
	s := readService(t, []*readNode{{answers: script}, {}}, [][]int{{0}, {1}}, `{}`)
	s.Tuning = func() *tuning.Live { return &live }
	for _, c := range []struct{ path, body string }{
		{"/indexes/a/search", `{"q":"x"}`},
		{"/indexes/a/facet-search", `{"facetName":"f"}`},
		{"/indexes/a/documents/fetch", `{"sort":["id:asc"]}`},
		{"/indexes/a/documents/fetch", `{}`},
		{"/multi-search", `{"federation":{},"queries":[{"indexUid":"a"}]}`},
	} {
		live.Scatter.UnavailableShardPolicy = tuning.PolicyPartial
		if r := ask(t, s, "", "POST", c.path, json.RawMessage(c.body)); r.Status != 200 || !strings.HasSuffix(r.Header.Get(reply.HeaderDegraded), "shards=1") {
			t.Errorf("partial, %s: %d %s %v", c.path, r.Status, r.Body, r.Header)
		}
		live.Scatter.UnavailableShardPolicy = tuning.PolicyError
		r := ask(t, s, "", "POST", c.path, json.RawMessage(c.body))
		if e := decode[struct{ Code, Message string }](t, r); r.Status != 503 || e.Code != "miroir_shard_unavailable" || !strings.Contains(e.Message, "shards 1 ") ||
			r.Header.Get("Retry-After") != "10" {
			t.Errorf("error, %s: %d %s %v", c.path, r.Status, r.Body, r.Header)
		}
	}
}

// F3: a node that fails is left out of searches, and asked last for a document, while others have what it has.
func TestF3ANodeThatDoesBadlyIsLeftOut(t *testing.T) {
	good := []scripted{{"/search", "", 200, answerOf(1, words(1, 5))}}
	nodes := []*readNode{{answers: good}, {answers: good}}
	s := readService(t, nodes, [][]int{{0, 1}}, `{}`)
	view := s.Views.View()
	view.Groups[0].RF = 2
	live, now := tuning.Default(), time.Unix(1000, 0)
	live.ReplicaSelection.ExplorationEpsilon = 0
	s.Tuning = func() *tuning.Live { return &live }
	s.Balance = balance.New(balance.Options{
		Tuning: s.Tuning, Now: func() time.Time { return now }, Metrics: balance.NewMetrics(prometheus.NewRegistry()),
	})
	search := func(n int) {
		for i := range n {
			if r := ask(t, s, "", "POST", "/indexes/a/search", json.RawMessage(fmt.Sprintf(`{"q":"x%d"}`, i))); r.Status != 200 {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
		}
	}
	search(16)
	for i, n := range nodes {
		if n.times("/search") == 0 {
			t.Errorf("node %d is not asked", i)
		}
	}
	nodes[1].answers = nil // it answers 500 from now on
	before := nodes[1].times("/search")
	search(16) // every answer is whole all the same
	if nodes[1].times("/search") == before {
		t.Error("nobody noticed")
	}
	now = now.Add(time.Second / 2)
	before = nodes[1].times("/search")
	search(16)
	if got := nodes[1].times("/search") - before; got != 0 {
		t.Errorf("%d legs to a node that is left out", got)
	}
	for i := range 16 {
		r := ask(t, s, "", "GET", fmt.Sprintf("/indexes/a/documents/%d", i), nil)
		if r.Route == nil || !strings.Contains(r.Route.Cluster, "n0") || strings.Index(r.Route.Cluster, "n1") < strings.Index(r.Route.Cluster, "n0") {
			t.Errorf("document %d is read from %+v", i, r.Route)
		}
	}
}

// A2.4, F2: with one copy in each of two groups a late leg is asked of the other group, unless that is switched off; with a
// single copy of everything no leg is hedged at all.
func TestA24LateLegsAndOtherGroups(t *testing.T) {
	live := tuning.Default()
	s := twoGroups(t, [2]*readNode{{}, {}}, &live)
	c := &call{view: s.Views.View()}
	ix := c.view.Indexes["a"]
	nobody := func(string) bool { return false }
	for _, cross := range []bool{true, false} {
		live.Hedging.CrossGroupFallback = cross
		for group, other := range []string{"n1", "n0"} {
			late := plan.Leg{Node: fmt.Sprintf("n%d", group), Group: group, Shards: []int{0}}
			legs := s.standIns(t.Context(), c, ix)(late, scatter.Late, nobody)
			if cross && (len(legs) != 1 || legs[0].Node != other) || !cross && legs != nil {
				t.Errorf("cross group %v: %v stands in for %s", cross, legs, late.Node)
			}
		}
	}
	if !spare(c.view) || spare(serviceOf(t, nil, [][]int{}, `{}`).Views.View()) {
		t.Error("whether there are other copies is not seen")
	}
}
