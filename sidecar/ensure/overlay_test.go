package ensure

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/routing"
)

// §3.2: what the engine gets besides what clients see.
func TestOverlay(t *testing.T) {
	for _, c := range []struct{ name, client, key, want string }{
		{"nothing set", ``, "filterableAttributes", `["_miroir_shard"]`},
		{"null view", `null`, "displayedAttributes", `["*"]`},
		{"rules explicit", `{}`, "rankingRules", string(currentRules)},
		{"own rules kept", `{"rankingRules":["words"]}`, "rankingRules", `["words"]`},
		{"names", `{"filterableAttributes":["b","a"]}`, "filterableAttributes", `["b","a","_miroir_shard"]`},
		{"patterns", `{"filterableAttributes":[{"attributePatterns":["*"]}]}`, "filterableAttributes",
			`[{"attributePatterns":["_miroir_shard"],"features":{"facetSearch":false,"filter":{"equality":true,"comparison":true}}},{"attributePatterns":["*"]}]`},
		{"displayed hidden", `{"displayedAttributes":["a"]}`, "displayedAttributes", `["*"]`},
		{"few facet values", `{"faceting":{"maxValuesPerFacet":5}}`, "faceting", `{"maxValuesPerFacet":1000}`},
		{"many facet values", `{"faceting":{"maxValuesPerFacet":5000,"sortFacetValuesBy":{"*":"count"}}}`, "faceting",
			`{"maxValuesPerFacet":5000,"sortFacetValuesBy":{"*":"count"}}`},
	} {
		got, err := engineView([]byte(c.client))
		if err != nil || string(got[c.key]) != c.want {
			t.Errorf("%s: %s, want %s (%v)", c.name, got[c.key], c.want, err)
		}
	}
	for _, bad := range []string{`[]`, `{"faceting":3}`, `{"filterableAttributes":3}`, `{"faceting":{"maxValuesPerFacet":"x"}}`} {
		if _, err := engineView([]byte(bad)); err == nil {
			t.Errorf("%s accepted", bad)
		}
	}
}

func TestDifference(t *testing.T) {
	want := map[string]json.RawMessage{}
	have := map[string]json.RawMessage{}
	for k, v := range map[string][2]string{
		"same": {`{"a":1,"b":[1,2]}`, `{"b":[1,2],"a":1}`}, "stopWords": {`["b","a"]`, `["a","b"]`}, "rankingRules": {`["a","b"]`, `["b","a"]`},
		"faceting": {`{"maxValuesPerFacet":1000}`, `{"maxValuesPerFacet":1000,"sortFacetValuesBy":{"*":"alpha"}}`},
		"hidden":   {`[]`, ``}, "unknown": {`[1]`, ``}, "typoTolerance": {`{"minWordSizeForTypos":{"oneTypo":4}}`, `{"minWordSizeForTypos":{"oneTypo":5}}`},
	} {
		want[k] = json.RawMessage(v[0])
		if v[1] != "" {
			have[k] = json.RawMessage(v[1])
		}
	}
	got := difference(want, have)
	if len(got) != 3 || got["rankingRules"] == nil || got["unknown"] == nil || got["typoTolerance"] == nil {
		t.Errorf("%s", got)
	}
}

// Deletion needs Miroir's form of name, and proof that the index left the catalog.
func TestOrphans(t *testing.T) {
	now := time.Unix(100_000, 0)
	view := &routing.View{
		Physical: map[string]*routing.Index{"a--1": {}},
		Nodes:    map[string]routing.Node{"n": {NodeRecord: routing.NodeRecord{State: routing.NodeActive}}},
	}
	k := New(Config{Node: "n", Known: true})
	k.seen["gone--2"] = true
	removed := func(k *Keeper, uid string, after time.Duration) bool {
		remove, _ := k.orphan(uid, view, now.Add(after))
		return remove
	}
	for _, uid := range []string{"a--1", "gone--2", "mine", "strange--3", "x--Y"} {
		if removed(k, uid, 0) {
			t.Errorf("%s is deleted at first sight", uid)
		}
	}
	for uid, want := range map[string]bool{"a--1": false, "gone--2": true, "mine": false, "strange--3": false, "x--Y": false} {
		if got := removed(k, uid, handOver); got != want {
			t.Errorf("%s: %v", uid, got)
		}
	}
	if removed(k, "gone--2", handOver-time.Millisecond) {
		t.Error("the sweep is before the deletion that counts the documents")
	}
	if removed(k, "strange--3", k.Patience-time.Second) || !removed(k, "strange--3", k.Patience) {
		t.Error("an index that was never seen is deleted after the patience, not before")
	}
	fresh := New(Config{Node: "n", Known: false})
	removed(fresh, "strange--3", 0)
	if removed(fresh, "strange--3", 24*time.Hour) {
		t.Error("a node that registered just now deletes what it does not know")
	}
}
