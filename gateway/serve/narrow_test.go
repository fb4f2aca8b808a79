package serve

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/tuning"
)

// F4, A4.1: reads of all kinds whose filter names ids ask the owners of those ids alone.
func TestF4ReadsAreNarrowed(t *testing.T) {
	const fetched = `{"results":[],"offset":0,"limit":20,"total":0}`
	answers := []scripted{
		{"/documents/fetch", "", 200, fetched},
		{"/facet-search", "", 200, `{"facetHits":[],"facetQuery":null,"processingTimeMs":0}`},
		{"/multi-search", "", 200, `{"hits":[],"processingTimeMs":0,"limit":20,"offset":0,"estimatedTotalHits":0}`},
		{"/search", "", 200, answerOf(0)},
	}
	nodes := []*readNode{{answers: answers}, {answers: answers}, {answers: answers}}
	s := readService(t, nodes, [][]int{{0}, {1}, {2}, {0}}, `{}`)
	shard := shardmap.ShardOf([]byte("7"), 4)
	owner := nodes[shard%3]
	for _, c := range []struct {
		name, path, body string
		narrowed         bool
	}{
		{"search", "/indexes/a/search", `{"filter":"id = 7","limit":3}`, true},
		{"search by page", "/indexes/a/search", `{"filter":["id IN [7]",["brand = x","brand = y"]],"page":2}`, true},
		{"search of another field", "/indexes/a/search", `{"filter":"brand = x"}`, false},
		{"search with facets", "/indexes/a/search", `{"filter":"id = 7","facets":["brand"]}`, false},
		{"facet search", "/indexes/a/facet-search", `{"facetName":"brand","filter":"id = 7"}`, true},
		{"facet search with a filter of no form", "/indexes/a/facet-search", `{"facetName":"brand","filter":7}`, false},
		{"listing", "/indexes/a/documents/fetch", `{"filter":"id = 7"}`, true},
		{"listing by ids", "/indexes/a/documents/fetch", `{"ids":[7,"7"]}`, true},
		{"listing by ids and filter", "/indexes/a/documents/fetch", `{"ids":[7,8,9,10,11],"filter":"id = 7"}`, true},
		{"listing of all", "/indexes/a/documents/fetch", `{}`, false},
		{"multi-search", "/multi-search", `{"queries":[{"indexUid":"a","filter":"id = 7"}]}`, true},
		{"federated", "/multi-search", `{"federation":{},"queries":[{"indexUid":"a","filter":"id = 7"},{"indexUid":"a","filter":"id IN [7]","q":"x"}]}`, true},
		{"federated with another query of the index", "/multi-search", `{"federation":{},"queries":[{"indexUid":"a","filter":"id = 7"},{"indexUid":"a"}]}`, false},
		{"federated with facets", "/multi-search", `{"federation":{"facetsByIndex":{"a":["brand"]}},"queries":[{"indexUid":"a","filter":"id = 7"}]}`, false},
	} {
		for _, n := range nodes {
			n.asked = nil
		}
		r := ask(t, s, "", "POST", c.path, json.RawMessage(c.body))
		if r.Status != http.StatusOK {
			t.Errorf("%s: %d %s", c.name, r.Status, r.Body)
			continue
		}
		total := 0
		for _, n := range nodes {
			total += len(n.asked)
		}
		if narrowed := total == 1 && len(owner.asked) == 1; narrowed != c.narrowed || !c.narrowed && total < 3 {
			t.Errorf("%s: %d legs, %v at the owner", c.name, total, owner.asked)
		}
		if c.narrowed && !strings.Contains(owner.asked[0], " "+shardmap.FormatRanges([]int{shard})+" ") {
			t.Errorf("%s: leg %s, want shard %d", c.name, owner.asked[0], shard)
		}
	}
	off := tuning.Default()
	off.QueryPlanner.Enabled = false
	s.Tuning = func() *tuning.Live { return &off }
	owner.asked = nil
	if ask(t, s, "", "POST", "/indexes/a/search", json.RawMessage(`{"filter":"id = 7"}`)); nodes[(shard+1)%3].times("/search") == 0 {
		t.Error("the planner is off, yet the search is narrowed")
	}
}

// RD-8: a narrowed search is whole as long as the owners of its ids are up.
func TestF4LostShardsOutsideOfTheFilterDoNotCount(t *testing.T) {
	up := &readNode{answers: []scripted{{"/search", "", 200, answerOf(1, `{"id":7}`)}}}
	shard := shardmap.ShardOf([]byte("7"), 2)
	holders := [][]int{{1}, {1}}
	holders[shard] = []int{0}
	s := readService(t, []*readNode{up, {}}, holders, `{}`)
	r := ask(t, s, "", "POST", "/indexes/a/search", json.RawMessage(`{"filter":"id = 7"}`))
	if got := hitIDs(t, r); len(got) != 1 || r.Header.Get("X-Miroir-Degraded") != "" {
		t.Errorf("%v %v", got, r.Header)
	}
}
