package merge

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"
)

type capturedLists struct {
	Name    string
	Request json.RawMessage
	Whole   string
	Ranked  string
	Legs    []string
	Vector  []string
	Direct  []string
}

func capturedListsOf(t *testing.T, file string) []capturedLists {
	t.Helper()
	return readLines[capturedLists](t, file)
}

func asBytes(list []string) [][]byte {
	var out [][]byte
	for _, l := range list {
		out = append(out, []byte(l))
	}
	return out
}

// A federated multi-search over shards answers as one engine: hits, names and positions in `_federation`, totals, facets.
func TestMergedFederatedEqualsOneEngine(t *testing.T) {
	for _, c := range capturedListsOf(t, "federated.jsonl") {
		t.Run(c.Name, func(t *testing.T) {
			var in struct {
				Federation struct {
					Offset            int
					Limit             *int
					Page, HitsPerPage *int
					MergeFacets       *struct{ MaxValuesPerFacet *int }
				}
				Queries []struct {
					ShowRankingScoreDetails bool
					FederationOptions       *struct{ Weight float64 }
				}
			}
			if err := json.Unmarshal(c.Request, &in); err != nil {
				t.Fatal(err)
			}
			req := FederatedRequest{Page: Page{Offset: in.Federation.Offset, Limit: 20}, RequestUID: "uid"}
			if in.Federation.Limit != nil {
				req.Page.Limit = *in.Federation.Limit
			}
			if in.Federation.Page != nil {
				req.Page = Page{Exhaustive: true, Page: *in.Federation.Page, HitsPerPage: *in.Federation.HitsPerPage}
			}
			if m := in.Federation.MergeFacets; m != nil {
				req.MergeFacets = &MergeFacets{-1}
				if m.MaxValuesPerFacet != nil {
					req.MergeFacets.MaxValues = *m.MaxValuesPerFacet
				}
			}
			var queries []int
			for i, q := range in.Queries {
				fq := FederatedQuery{Index: "movies", Weight: 1, ShowRankingScoreDetails: q.ShowRankingScoreDetails}
				if q.FederationOptions != nil {
					fq.Weight = q.FederationOptions.Weight
				}
				req.Queries = append(req.Queries, fq)
				queries = append(queries, i)
			}
			var legs []FederatedLeg
			for _, l := range c.Legs {
				legs = append(legs, FederatedLeg{Body: []byte(l), Queries: queries,
					Indexes: map[string]string{"leg0": "movies", "leg1": "movies", "leg2": "movies"}})
			}
			res, err := Federated(req, legs)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := topKeys(t, string(res.Body)), topKeys(t, c.Whole); !slices.Equal(got, want) {
				t.Errorf("members %v, want %v", got, want)
			}
			got, want, ranked := decode(t, res.Body), decode(t, []byte(c.Whole)), decode(t, []byte(c.Ranked))
			sameFederated(t, got.Hits, want.Hits, ranked.Hits)
			var rest, wanted map[string]json.RawMessage
			if json.Unmarshal(res.Body, &rest) != nil || json.Unmarshal([]byte(c.Whole), &wanted) != nil {
				t.Fatal("not JSON")
			}
			for _, name := range []string{"hits", "requestUid", "processingTimeMs"} {
				delete(rest, name)
				delete(wanted, name)
			}
			if !reflect.DeepEqual(rest, wanted) {
				t.Errorf("got  %s\nwant %s", rest, wanted)
			}
		})
	}
}

// sameFederated is sameHits for weighted lists: a run is hits of one query with equal details.
func sameFederated(t *testing.T, got, want, ranked []json.RawMessage) {
	t.Helper()
	type fed struct {
		Details    any             `json:"_rankingScoreDetails"`
		Federation json.RawMessage `json:"_federation"`
	}
	read := func(raw json.RawMessage) (f fed) {
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	if len(got) != len(want) {
		t.Fatalf("%d hits, want %d", len(got), len(want))
	}
	for i := range got {
		if g, w := read(got[i]), read(want[i]); string(g.Federation) != string(w.Federation) {
			t.Errorf("rank %d: %s, want %s", i, got[i], want[i])
		}
	}
	sameHits(t, got, want, ranked)
}

// A hybrid search in two halves answers as one engine; asked leg by leg it does so where every leg goes the same way.
func TestMergedHybridEqualsOneEngine(t *testing.T) {
	same, asked := 0, 0
	for _, c := range capturedListsOf(t, "hybrid.jsonl") {
		var in struct {
			Q             string
			Offset, Limit int
			Ratio         float32
			Sort          []string
		}
		if err := json.Unmarshal(c.Request, &in); err != nil {
			t.Fatal(err)
		}
		req := HybridRequest{SemanticRatio: in.Ratio, PrimaryKey: "id",
			SearchRequest: SearchRequest{Query: in.Q, Page: Page{Offset: in.Offset, Limit: in.Limit}, MaxTotalHits: 1000, CutRankingScore: true, ShowRankingScoreDetails: true}}
		good, err := KeywordGoodEnough(req, asBytes(c.Legs))
		if err != nil {
			t.Fatal(err)
		}
		vector := asBytes(c.Vector)
		if good {
			vector = nil
		}
		res, err := Hybrid(req, asBytes(c.Legs), vector)
		if err != nil {
			t.Fatal(err)
		}
		got, want := decode(t, res.Body), decode(t, []byte(c.Whole))
		if got.SemanticHitCount == nil || *got.SemanticHitCount != *want.SemanticHitCount || *got.EstimatedTotalHits != *want.EstimatedTotalHits {
			t.Errorf("%s: semantic %v total %v, want %v %v", c.Request, *got.SemanticHitCount, *got.EstimatedTotalHits, *want.SemanticHitCount, *want.EstimatedTotalHits)
		}
		asked++
		if sameSet(t, got.Hits, want.Hits) {
			same++
		} else {
			t.Logf("%s\n got %s\nwant %s", c.Request, got.Hits, want.Hits)
		}
		if _, err := HybridLegs(req, asBytes(c.Direct)); err != nil {
			t.Error(err)
		}
	}
	if same != asked {
		t.Errorf("%d of %d pages as one engine", same, asked)
	}
}

// sameSet compares pages by the details of every rank: hits that the rules leave equal come in any order.
func sameSet(t *testing.T, got, want []json.RawMessage) bool {
	t.Helper()
	details := func(raw json.RawMessage) []byte { return memberOf(raw, []byte("_rankingScoreDetails")) }
	for i := range want {
		if i >= len(got) || !sameJSON(t, details(got[i]), details(want[i])) {
			return false
		}
	}
	return len(got) == len(want)
}

func TestRRFTakesSidesInTurn(t *testing.T) {
	hit := func(id, details string) string { return `{"id":` + id + `,"_rankingScoreDetails":{` + details + `}}` }
	words, vector := `"words":{"order":0,"matchingWords":1,"maxMatchingWords":1,"score":1.0}`, `"vectorSort":{"order":0,"similarity":0.5}`
	leg := func(hits string) []byte {
		return []byte(`{"hits":[` + hits + `],"query":"","processingTimeMs":0,"limit":9,"offset":0,"estimatedTotalHits":4,"semanticHitCount":1}`)
	}
	res, err := HybridLegs(HybridRequest{SemanticRatio: 0.5, Fusion: FusionRRF, SearchRequest: SearchRequest{Page: Page{Limit: 9}}}, [][]byte{
		leg(hit("1", words) + "," + hit("2", words) + "," + hit("3", vector)), leg(hit("4", vector) + "," + hit("5", words)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(t, decode(t, res.Body)); !slices.Equal(got, []int{1, 4, 5, 2, 3}) || res.SemanticHits != 2 {
		t.Fatal(got, res.SemanticHits)
	}
}

// The fold equals the engine's own ranking score where all its parts are known.
func TestFoldEqualsRankingScore(t *testing.T) {
	for _, c := range []struct {
		details string
		want    float64
	}{
		{`{"words":{"order":0,"matchingWords":1,"maxMatchingWords":1,"score":1.0},"typo":{"order":1,"typoCount":0,"maxTypoCount":1,"score":1.0},"proximity":{"order":2,"score":1.0},"attributeRank":{"order":3,"score":0.5},"exactness":{"order":4,"matchType":"noExactMatch","matchingWords":0,"maxMatchingWords":1,"score":0.16}}`, 0.75 - (2.0/3+1.0/6)/4},
		{`{"words":{"order":0,"matchingWords":1,"maxMatchingWords":2,"score":0.5},"skipped":{"order":1}}`, 0},
	} {
		var s stream
		if end, _ := s.key.read([]byte(c.details), 0); end < 0 {
			t.Fatal("unreadable")
		}
		s.key.foldRules(1)
		if len(s.key.values) != 1 || math.Abs(s.key.values[0].a-c.want) > 1e-12 {
			t.Errorf("%+v, want %v", s.key.values, c.want)
		}
	}
}
