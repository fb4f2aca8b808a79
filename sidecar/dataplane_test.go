//go:build dataplane

package sidecar

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// A document goes in stamped and comes out as it was, by every way out (RS-4, §3.1).
func TestRSReservedFieldsStayInside(t *testing.T) {
	b := newBench(t)
	ix := b.index("movies", "id", 4)
	doc := `{"id":1,"title":"Love","big":12345678901234567890,"genre":"drama"}`
	b.add(ix, "1", 4, doc, `{"id":2,"title":"War","genre":"action"}`)
	leg := nodeapi.Leg{Shards: all(4), Count: 4}

	stored := b.direct("GET", "/indexes/"+ix+"/documents/1", nil)
	want := string(nodeapi.AppendSymbols(nil, uint64(shardmap.ShardOf([]byte("1"), 4)), nodeapi.ShardDigits))
	if stored.field(nodeapi.FieldShard) != want {
		t.Fatalf("stored as %s", stored.body)
	}
	for _, q := range []struct{ method, path, body string }{
		{"GET", "/indexes/" + ix + "/documents/1", ""},
		{"GET", "/indexes/" + ix + "/documents?limit=10", ""},
		{"POST", "/indexes/" + ix + "/documents/fetch", `{}`},
		{"POST", "/indexes/" + ix + "/search", `{"q":"love","attributesToHighlight":["*"],"showMatchesPosition":true,"showRankingScoreDetails":true}`},
		{"POST", "/indexes/" + ix + "/search", `{"facets":["*"]}`},
		{"GET", "/indexes/" + ix + "/search?q=war", ""},
		{"POST", "/multi-search", `{"queries":[{"indexUid":"` + ix + `","q":"love"}]}`},
		{"POST", "/multi-search", `{"federation":{"facetsByIndex":{"` + ix + `":["*"]}},"queries":[{"indexUid":"` + ix + `"}]}`},
		{"GET", "/indexes/" + ix + "/stats", ""},
		{"GET", "/stats", ""},
		{"GET", "/indexes/" + ix + "/settings", ""},
		{"GET", "/indexes/" + ix + "/settings/filterable-attributes", ""},
		{"GET", "/indexes/" + ix, ""},
		{"GET", "/indexes", ""},
		{"GET", "/tasks", ""},
		{"GET", nodeapi.PathDispatches + "?ids=1", ""},
	} {
		var body any
		if q.body != "" {
			body = q.body
		}
		a := b.leg(q.method, q.path, body, leg)
		if a.status != http.StatusOK || !json.Valid([]byte(a.body)) {
			t.Errorf("%s %s: %d %s", q.method, q.path, a.status, a.body)
		}
		if strings.Contains(a.body, "_miroir_") || strings.Contains(a.body, ix) {
			t.Errorf("%s %s leaks: %s", q.method, q.path, a.body)
		}
	}
	if a := b.leg("GET", "/indexes/"+ix+"/documents/1", nil, leg); a.body != doc {
		t.Errorf("the document came back as %s", a.body)
	}
	if a := b.leg("POST", "/indexes/"+ix+"/search", `{"q":"`+want+`"}`, leg); a.field("estimatedTotalHits") != float64(2) && !strings.Contains(a.body, `"hits":[]`) {
		t.Errorf("a reserved value is searchable: %s", a.body)
	}
	raw := leg
	raw.Raw = true
	if a := b.leg("GET", "/indexes/"+ix+"/documents/1", nil, raw); !strings.Contains(a.body, nodeapi.FieldShard) {
		t.Errorf("a raw leg lost the reserved field: %s", a.body)
	}
}

// Errors read as those of a lone engine: same text, no reserved name, no physical name (RD-9, RT-7).
func TestRD9ErrorsOfTheEngine(t *testing.T) {
	b := newBench(t)
	ix := b.index("movies", "id", 4)
	b.add(ix, "1", 4, `{"id":1,"n":2}`)
	part := nodeapi.Leg{Shards: []int{0, 1}, Count: 4}
	for body, want := range map[string]string{
		`{"filter":"nope = 1"}`:         "is not filterable. This index does not have configured filterable attributes.\n2:6 \"nope\" = \"1\"",
		`{"filter":["nope = 1"]}`:       "is not filterable. This index does not have configured filterable attributes.\n2:6 \"nope\" = \"1\"",
		`{"filter":"n = 1) OR (n = 2"}`: "Found unexpected characters at the end of the filter: `) OR (n = 2`",
		`{"filter":3}`:                  "Invalid syntax for the filter parameter: `expected String, Array, found: 3`.",
		`{"facets":["nope"]}`:           "is not filterable",
		`{"sort":["nope:asc"]}`:         "is not sortable. This index does not have configured sortable attributes.",
		`{"nope":1}`:                    "Unknown field `nope`",
		`{"q":`:                         "malformed",
	} {
		a := b.leg("POST", "/indexes/"+ix+"/search", body, part)
		msg, _ := a.field("message").(string)
		if a.status != http.StatusBadRequest || !strings.Contains(msg, want) || strings.Contains(msg, "_miroir_") || strings.Contains(msg, ix) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	for body, field := range map[string]string{
		`{"filter":"_miroir_shard = 1"}`: "_miroir_shard", `{"filter":[["n = 1","\"_miroir_updated_at\" > 1"]]}`: "_miroir_updated_at",
		`{"sort":["_miroir_shard:asc"]}`: "_miroir_shard", `{"facets":["_miroir_shard"]}`: "_miroir_shard", `{"distinct":"_miroir_shard"}`: "_miroir_shard",
	} {
		a := b.leg("POST", "/indexes/"+ix+"/search", body, nodeapi.Leg{Shards: all(4), Count: 4})
		if a.status != http.StatusBadRequest || a.field("code") != "miroir_reserved_field" || !strings.Contains(a.body, field) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := b.leg("POST", "/indexes/nope--1/search", `{}`, nodeapi.Leg{Shards: all(4), Count: 4}); a.status != http.StatusConflict || a.field("code") != nodeapi.CodeStalePlacement {
		t.Errorf("unknown index: %d %s", a.status, a.body)
	}
}

// A leg counts exactly the documents of its shards, in every form of reading (RD-3, RD-4, RD-5).
func TestRD3LegsCountTheirShardsOnly(t *testing.T) {
	b := newBench(t)
	const shards = 8
	ix := b.index("movies", "id", shards)
	var docs []string
	byShard := map[int]int{}
	for i := range 200 {
		docs = append(docs, fmt.Sprintf(`{"id":%d,"t":"word","n":%d}`, i, i%2))
		byShard[shardmap.ShardOf(fmt.Append(nil, i), shards)]++
	}
	b.add(ix, "1", shards, docs...)
	for _, part := range [][]int{{0}, {1, 2, 3}, {0, 2, 4, 6}, all(shards)} {
		want := 0
		for _, s := range part {
			want += byShard[s]
		}
		leg := nodeapi.Leg{Shards: part, Count: shards}
		for _, q := range []struct{ method, path, body, field string }{
			{"POST", "/search", `{"q":"word"}`, "estimatedTotalHits"},
			{"POST", "/search", `{"filter":null}`, "estimatedTotalHits"},
			{"POST", "/search", `{"filter":[]}`, "estimatedTotalHits"},
			{"GET", "/search?q=word", "", "estimatedTotalHits"},
			{"POST", "/documents/fetch", `{"limit":1}`, "total"},
			{"GET", "/documents?limit=1&fields=id", "", "total"},
			{"GET", "/documents", "", "total"},
			{"GET", "/documents?limit=%2B1", "", "total"},
		} {
			var body any
			if q.body != "" {
				body = q.body
			}
			a := b.leg(q.method, "/indexes/"+ix+q.path, body, leg)
			if a.status != http.StatusOK || a.field(q.field) != float64(want) {
				t.Errorf("%v %s %s: want %d, got %d %.300s", part, q.method, q.path, want, a.status, a.body)
			}
		}
	}
	if a := b.leg("POST", "/indexes/"+ix+"/search", `{}`, nodeapi.Leg{Shards: []int{1}, Count: 4}); a.field("code") != nodeapi.CodeStalePlacement {
		t.Errorf("another shard count: %d %s", a.status, a.body)
	}
}

// A node refuses reads of shards that it does not hold (RD-3).
func TestRD3StalePlacement(t *testing.T) {
	b := newBench(t)
	ix := b.index("movies", "id", 4, 3)
	for path, body := range map[string]string{"/search": `{}`, "/facet-search": `{"facetName":"x"}`, "/documents/fetch": `{}`, "/similar": `{"id":1,"embedder":"x"}`} {
		a := b.leg("POST", "/indexes/"+ix+path, body, nodeapi.Leg{Shards: all(4), Count: 4})
		if a.status != http.StatusConflict || a.field("code") != nodeapi.CodeStalePlacement {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	a := b.leg("POST", "/indexes/"+ix+"/documents", documents(4, `{"id":1}`), nodeapi.Leg{Shards: all(4), Count: 4, PrimaryKey: "id", Dispatch: "1"})
	if a.status != http.StatusConflict {
		t.Errorf("write: %d %s", a.status, a.body)
	}
	if a := b.leg("POST", "/indexes/"+ix+"/search", `{}`, nodeapi.Leg{Shards: []int{0, 1, 2}, Count: 4}); a.status != http.StatusOK {
		t.Errorf("what it holds: %d %s", a.status, a.body)
	}
}

// An answer that goes to the client as it is names no code that only senders of legs know (§5).
func TestRoutedAnswersHaveListedCodes(t *testing.T) {
	b := newBench(t)
	ix := b.index("movies", "id", 4, shardmap.ShardOf([]byte("1"), 4))
	get := func(what, id string, routed bool, status int, code string) {
		t.Helper()
		leg := nodeapi.Leg{Shards: []int{shardmap.ShardOf([]byte(id), 4)}, Count: 4, Routed: routed}
		if a := b.leg("GET", "/indexes/"+ix+"/documents/"+id, nil, leg); a.status != status || a.field("code") != code {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	get("a shard of another node, as a leg", "1", false, http.StatusConflict, nodeapi.CodeStalePlacement)
	get("a shard of another node", "1", true, http.StatusServiceUnavailable, "miroir_shard_unavailable")
	get("a document that is missing", "42", true, http.StatusNotFound, "document_not_found")
	b.engine.kill()
	eventually(t, "connections to the engine are known to be dead", func() error {
		a := b.leg("GET", "/indexes/"+ix+"/documents/42", nil, nodeapi.Leg{Shards: []int{shardmap.ShardOf([]byte("42"), 4)}, Count: 4})
		if a.status != http.StatusBadGateway || a.field("code") != nodeapi.CodeEngineDown {
			return fmt.Errorf("%d %s", a.status, a.body)
		}
		return nil
	})
	get("no engine", "42", true, http.StatusServiceUnavailable, "miroir_shard_unavailable")
}
