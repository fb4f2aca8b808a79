package merge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

func stampAt(n uint64) string { return string(nodeapi.AppendStamp(nil, hlc.Stamp(1<<50+n), n)) }

// markedLeg is an answer of a sidecar that was asked for stamps. Hits are given without stamp and marks.
func markedLeg(list string, hits map[uint64]string) []byte {
	out := []byte(`{"` + list + `":[`)
	for i, n := range slices.Sorted(mapKeys(hits)) {
		if i > 0 {
			out = append(out, ',')
		}
		h := strings.Replace(strings.TrimSuffix(hits[n], "}"), `"_rankingScoreDetails":{`, "\n"+`"_rankingScoreDetails":{`, 1)
		if h != "{" {
			h += ","
		}
		out = append(out, h+`"_miroir_updated_at":"`+stampAt(n)+"\"}\n"...)
	}
	return fmt.Appendf(out, `],"query":"","processingTimeMs":0,"limit":9,"offset":0,"estimatedTotalHits":%d,"total":%d}`, len(hits), len(hits))
}

func mapKeys(m map[uint64]string) func(func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// MG-1, MG-3: ties come in the order of the stamps, whatever else is done to the hits, and neither stamps nor marks are
// left in the answer.
func TestMG3StampsAreUsedAndCut(t *testing.T) {
	details := `"_rankingScoreDetails":{"words":{"order":0,"matchingWords":1,"maxMatchingWords":1,"score":1.0}}`
	hit := func(id int) string {
		return fmt.Sprintf(`{"id":%d,"own":{"_miroir_updated_at":1},"t":"a\nb","_formatted":{"id":"%d","t":"x"},"_rankingScore":1.0,%s}`, id, id, details)
	}
	a := markedLeg("hits", map[uint64]string{1: hit(1), 4: hit(4), 5: hit(5)})
	b := markedLeg("hits", map[uint64]string{2: hit(2), 3: hit(3), 6: hit(6)})
	for _, c := range []struct {
		name string
		req  SearchRequest
		hit  string
	}{
		{"all", SearchRequest{ShowRankingScoreDetails: true}, hit(0)},
		{"no details", SearchRequest{}, strings.Replace(hit(0), ","+details, "", 1)},
		{"no score", SearchRequest{CutRankingScore: true, ShowRankingScoreDetails: true}, strings.Replace(hit(0), `"_rankingScore":1.0,`, "", 1)},
		{"neither", SearchRequest{CutRankingScore: true}, strings.Replace(hit(0), `,"_rankingScore":1.0,`+details, "", 1)},
		{"hidden", SearchRequest{Veil: Veil{Extra: []Extra{{Field: "t"}, {Field: "own"}}}}, `{"id":0,"_formatted":{"id":"0"},"_rankingScore":1.0}`},
		{"distinct", SearchRequest{Distinct: "id"}, strings.Replace(hit(0), ","+details, "", 1)},
		{"pins", SearchRequest{Pins: true}, strings.Replace(hit(0), ","+details, "", 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.req.Page.Limit = 9
			res, err := Search(c.req, [][]byte{a, b})
			if err != nil {
				t.Fatal(err)
			}
			for i, h := range decode(t, res.Body).Hits {
				want := strings.Replace(strings.Replace(c.hit, `"id":0`, fmt.Sprintf(`"id":%d`, i+1), 1), `"id":"0"`, fmt.Sprintf(`"id":"%d"`, i+1), 1)
				if string(h) != want {
					t.Errorf("rank %d\ngot  %s\nwant %s", i, h, want)
				}
			}
			if res.Hits != 6 || bytes.IndexByte(res.Body, nodeapi.MarkLine) >= 0 {
				t.Errorf("%d hits, %q", res.Hits, res.Body)
			}
		})
	}
}

// §1.5, facts 3.3: in a federated search the query decides before the stamp, and the stamp before the leg.
func TestMG1FederatedTies(t *testing.T) {
	hit := func(id, query int) string {
		return fmt.Sprintf(`{"id":%d,"_federation":{"indexUid":"m","queriesPosition":%d,"weightedRankingScore":1.0},`+
			`"_rankingScoreDetails":{"words":{"order":0,"matchingWords":1,"maxMatchingWords":1,"score":1.0}}}`, id, query)
	}
	leg := func(hits map[uint64]string) FederatedLeg {
		return FederatedLeg{Body: markedLeg("hits", hits), Queries: []int{0, 1}}
	}
	res, err := Federated(FederatedRequest{Page: Page{Limit: 9}, Queries: []FederatedQuery{{Index: "m", Weight: 1}, {Index: "m", Weight: 1}}},
		[]FederatedLeg{leg(map[uint64]string{3: hit(3, 0), 7: hit(1, 1)}), leg(map[uint64]string{2: hit(2, 0), 4: hit(4, 0), 5: hit(5, 1)})})
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(t, decode(t, res.Body)); !slices.Equal(got, []int{2, 3, 4, 5, 1}) {
		t.Fatalf("%v: %s", got, res.Body)
	}
	if bytes.Contains(res.Body, []byte(nodeapi.FieldUpdatedAt)) {
		t.Fatalf("%s", res.Body)
	}
}

// §2: sorted lists of documents keep the order of writing among equal values.
func TestSortedDocumentsTies(t *testing.T) {
	document := func(id int) string {
		return fmt.Sprintf(`{"id":%d,"_federation":{"weightedScoreValues":[{"sort":{"asc":true,"value":"x"}}]}}`, id)
	}
	res, err := Documents(DocumentsRequest{Limit: 9, Sorted: true}, [][]byte{
		markedLeg("results", map[uint64]string{1: document(1), 4: document(4)}), markedLeg("results", map[uint64]string{2: document(2), 3: document(3)}),
	})
	if err != nil || string(res.Body) != `{"results":[{"id":1},{"id":2},{"id":3},{"id":4}],"offset":0,"limit":9,"total":4}` {
		t.Fatalf("%v %s", err, res.Body)
	}
}

// A hybrid search breaks ties within each half by the stamps.
func TestHybridTies(t *testing.T) {
	keyword := func(id int) string {
		return fmt.Sprintf(`{"id":%d,"_rankingScore":1.0,"_rankingScoreDetails":{"words":{"order":0,"matchingWords":1,"maxMatchingWords":1,"score":1.0}}}`, id)
	}
	legs := [][]byte{markedLeg("hits", map[uint64]string{2: keyword(2), 3: keyword(3)}), markedLeg("hits", map[uint64]string{1: keyword(1), 4: keyword(4)})}
	res, err := Hybrid(HybridRequest{SearchRequest: SearchRequest{Page: Page{Limit: 9}, CutRankingScore: true}, SemanticRatio: 0.5, PrimaryKey: "id"}, legs, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(t, decode(t, res.Body)); !slices.Equal(got, []int{1, 2, 3, 4}) || bytes.Contains(res.Body, []byte("_miroir")) {
		t.Fatalf("%v: %s", got, res.Body)
	}
}

// The quick reading of marked hits sees what the walk member by member sees, also where the hit is not what a sidecar
// writes.
func TestMarkedHitsAreReadAlike(t *testing.T) {
	pieces := []string{
		`"a":"}{\n\\"`, `"b":{"_rankingScoreDetails":{"words":{"order":0}}}`, `"_rankingScore":0.5`,
		"\n" + `"_rankingScoreDetails":{"words":{"order":0,"matchingWords":1,"maxMatchingWords":1,"score":1.0}}`,
		"\n" + `"_rankingScoreDetails":{"f:asc":{"order":0,"value":"x"}}`, "\n" + `"_rankingScoreDetails":7`,
	}
	stamps := []string{"", `"` + stampAt(1) + `"`, `"short"`, "7"}
	rapid.Check(t, func(t *rapid.T) {
		var hits []string
		for range rapid.IntRange(1, 3).Draw(t, "hits") {
			members := rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 5).Draw(t, "members")
			if last := rapid.SampledFrom(stamps).Draw(t, "stamp"); last != "" {
				members = append(members, `"_miroir_updated_at":`+last)
			}
			hits = append(hits, "{"+strings.Join(members, ",")+"}\n")
		}
		body := []byte(`{"hits":[` + strings.Join(hits, ",") + `],"query":"` + strings.Repeat("q", 80) + `","estimatedTotalHits":1}`)
		if !json.Valid(body) {
			t.Fatalf("%s", body)
		}
		var quick, slow stream
		if quick.open(body, "hits", 0) != nil || slow.open(body, "hits", 0) != nil {
			t.Fatal("not opened")
		}
		for range hits {
			ok, same, err := quick.advance(&look{cutDetails: true})
			okSlow, sameSlow, errSlow := slow.advance(&look{cutDetails: true, readScore: true})
			slow.hit.score = quick.hit.score
			// A hit that was looked at in vain is walked without memory of the one before.
			if !ok || !okSlow || err != nil || errSlow != nil || same && !sameSlow {
				t.Fatalf("%v %v %v, %v %v %v: %q", ok, same, err, okSlow, sameSlow, errSlow, body)
			}
			if quick.hit != slow.hit || compareScores(quick.key.scores, slow.key.scores) != 0 {
				t.Fatalf("%+v\n%+v\n%q", quick.hit, slow.hit, body)
			}
		}
	})
}
