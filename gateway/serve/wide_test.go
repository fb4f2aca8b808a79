package serve

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/auth"
	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/meili"
)

// grantOf is the grant of a tenant token with rules.
func grantOf(t *testing.T, rules any) auth.Grant {
	t.Helper()
	const uid = "11111111-1111-4111-8111-111111111111"
	checker := auth.NewChecker(auth.Options{MasterKey: masterKey, Now: time.Now, Metrics: auth.NewMetrics(prometheus.NewRegistry())})
	checker.Adopt(key.NewSet(map[string]*key.Record{uid: {V: key.Version, UID: uid, Actions: []string{"search"}, Indexes: []string{"*"}}}))
	tok, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"apiKeyUid": uid, "searchRules": rules}).
		SignedString([]byte(key.Value(masterKey, uid)))
	if err != nil {
		t.Fatal(err)
	}
	g, e := checker.Check(operation.NewTable().Classify("POST", "/multi-search"), http.Header{"Authorization": {"Bearer " + tok}})
	if e != nil {
		t.Fatal(e)
	}
	return g
}

// AU-14, RT-5: a query by an alias of several indexes is a query for each of them, with the rules of that index and of the
// alias; the client's numbers of queries stay known.
func TestAU14EveryTargetHasItsOwnFilter(t *testing.T) {
	s := readService(t, nil, [][]int{{}}, `{}`, aliases...)
	c := &call{view: s.Views.View(), grant: grantOf(t, map[string]any{
		"a": map[string]any{"filter": "x = 1"}, "b": map[string]any{"filter": "y = 2"}, "all": map[string]any{"filter": "z = 3"},
	})}
	m, e := meili.ParseMultiSearch([]byte(`{"federation":{"facetsByIndex":{"all":["f"],"b":null}},"queries":[
		{"indexUid":"b","q":"0"},{"indexUid":"all","q":"1","filter":"own = 1"},{"indexUid":"one","q":"2"}]}`))
	if e != nil {
		t.Fatal(e)
	}
	w := c.widen(m)
	var got []string
	for i, q := range w.m.Queries {
		got = append(got, q.IndexUID+" "+q.Query+" "+string(q.Filter)+" "+string(rune('0'+w.stand(i))))
	}
	want := `b 0  0|all/a 1 ["own = 1","z = 3","x = 1"] 1|all/b 1 ["own = 1","z = 3","y = 2"] 1|one 2  2`
	if strings.Join(got, "|") != want {
		t.Errorf("%s, want %s", strings.Join(got, "|"), want)
	}
	if f := w.m.Federation.FacetsByIndex; len(f) != 3 || f[0].IndexUID != "all/a" || f[2].IndexUID != "b" || len(m.Federation.FacetsByIndex) != 2 {
		t.Errorf("%+v", f)
	}
	if ix, ok := w.find(c, "all/b"); !ok || ix.UID != "b" || w.shown("all/b") != "all" || w.shown("b") != "b" {
		t.Errorf("%+v", ix)
	}
	if string(m.Queries[1].Filter) != `"own = 1"` {
		t.Errorf("the client's query was changed: %s", m.Queries[1].Filter)
	}
}

// F7: the legs of several indexes become one answer; a target that is missing is named, all of them missing is no index.
func TestSearchOfSeveralIndexes(t *testing.T) {
	hit := func(id int, index, score string) string {
		return `{"id":` + string(rune('0'+id)) + `,"_federation":{"indexUid":"` + index + `","queriesPosition":0,"weightedRankingScore":` + score +
			`},"_rankingScoreDetails":{"words":{"order":0,"matchingWords":` + score[2:] + `,"maxMatchingWords":9,"score":` + score + `}}}`
	}
	node := &readNode{answers: []scripted{{"/multi-search", `"a--1"`, 200, `{"hits":[` + hit(1, "a", "0.7") + `,` + hit(2, "b", "0.4") +
		`],"processingTimeMs":1,"limit":20,"offset":0,"estimatedTotalHits":2,"facetsByIndex":{"a":{"distribution":{"f":{"x":1}},"stats":{}},"b":{"distribution":{"f":{"x":2}},"stats":{}}}}`}}}
	node.answers[0].answer = strings.Replace(node.answers[0].answer, `"indexUid":"b","queriesPosition":0`, `"indexUid":"b","queriesPosition":1`, 1)
	s := readService(t, []*readNode{node}, [][]int{{0}}, `{}`, append(aliases,
		"aliases/part", `{"v":1,"name":"part","kind":"multi","target_uids":["a","gone","b"],"version":1}`,
		"aliases/none", `{"v":1,"name":"none","kind":"multi","target_uids":["gone"],"version":1}`)...)
	for name, degraded := range map[string]string{"all": "", "part": "index=gone"} {
		r := ask(t, s, "", "POST", "/indexes/"+name+"/search", json.RawMessage(`{"q":"w","facets":["f"]}`))
		want := `{"hits":[{"id":1},{"id":2}],"query":"w","processingTimeMs":`
		if r.Status != 200 || !strings.HasPrefix(string(r.Body), want) || r.Header.Get("X-Miroir-Degraded") != degraded ||
			!strings.Contains(string(r.Body), `"limit":20,"offset":0,"estimatedTotalHits":2,"facetDistribution":{"f":{"x":3}},"facetStats":{},"requestUid":`) {
			t.Errorf("%s: %d %v %s", name, r.Status, r.Header, r.Body)
		}
	}
	for path, body := range map[string]string{"/search": `{}`, "/facet-search": `{}`, "/documents/fetch": `{}`, "/similar": `{"id":1,"embedder":"e"}`} {
		r := ask(t, s, "", "POST", "/indexes/none"+path, json.RawMessage(body))
		if e := decode[apierr.Error](t, r); r.Status != 404 || e.Code != apierr.IndexNotFound {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
}
