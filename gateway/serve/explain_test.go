package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/gateway/explain"
	"github.com/miroir-search/miroir/gateway/extproc"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/tuning"
)

// explained asks for an explanation that must be given.
func explained(t *testing.T, s *Service, path, body string) explain.Answer {
	t.Helper()
	r := ask(t, s, "", "POST", path, json.RawMessage(body))
	if r.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, r.Status, r.Body)
	}
	return decode[explain.Answer](t, r)
}

func codes(a explain.Answer) []string {
	list := []string{}
	for _, w := range a.Warnings {
		list = append(list, w.Code)
	}
	return list
}

// A20.2: the plan is that of the search: the same shards of the same nodes; and it is made without asking anybody.
func TestA202ExplainThenSearch(t *testing.T) {
	node := func() *readNode {
		return &readNode{answers: []scripted{{"/search", "", 200, answerOf(2, words(1, 5))}}}
	}
	nodes := []*readNode{node(), node(), node()}
	s := readService(t, nodes, [][]int{{0, 1}, {1, 2}, {2, 0}, {0, 2}}, `{}`)
	for _, body := range []string{`{"q":"x"}`, `{"q":"y","limit":3}`, `{"filter":"id = 7"}`, `{"filter":"id IN [1,2] AND b = 3","page":2}`} {
		a := explained(t, s, "/indexes/a/explain", body)
		for _, n := range nodes {
			if len(n.asked) > 0 {
				t.Fatalf("%s: a node was asked for an explanation: %v", body, n.asked)
			}
		}
		if r := ask(t, s, "", "POST", "/indexes/a/search", json.RawMessage(body)); r.Status != http.StatusOK {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		var got []string
		for i, n := range nodes {
			for _, asked := range n.asked {
				got = append(got, fmt.Sprintf("n%d %s", i, strings.Fields(asked)[1]))
			}
			n.asked = nil
		}
		var want []string
		for _, l := range a.Plan.Legs {
			want = append(want, l.Node+" "+strings.Trim(strings.ReplaceAll(fmt.Sprint(l.Shards), " ", ","), "[]"))
			for _, shard := range l.Shards {
				if a.Plan.TargetNodes[fmt.Sprint(shard)] != l.Node || !slices.Contains(a.Plan.TargetShards, shard) {
					t.Errorf("%s: shard %d of %+v", body, shard, a.Plan)
				}
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], "-", ",") // ranges of three are not in these
		}
		if len(got) != len(want) || a.Plan.FanOut != len(got) || a.Plan.ShardCount != 4 || !a.Plan.Feasible {
			t.Errorf("%s: asked %v, explained %v in %+v", body, got, want, a.Plan)
		}
		for i := range got {
			if strings.Fields(got[i])[0] != strings.Fields(want[i])[0] {
				t.Errorf("%s: asked %v, explained %v", body, got, want)
			}
		}
	}
}

// F20: with execute the answer is the search's, with a line for every request to a node and the headers of the search.
func TestF20Execute(t *testing.T) {
	nodes := []*readNode{
		{answers: []scripted{{"/search", "", 200, answerOf(1, words(1, 5))}}},
		{answers: []scripted{{"/search", "", 500, ""}}},
		{answers: []scripted{{"/search", "", 200, answerOf(1, words(2, 4))}}},
	}
	s := readService(t, nodes, [][]int{{0}, {1, 2}, {1}}, `{}`)
	r := ask(t, s, "", "POST", "/indexes/a/explain?execute=true", json.RawMessage(`{"q":"x"}`))
	a := decode[explain.Answer](t, r)
	if r.Status != http.StatusOK || a.Execution == nil || r.Header.Get(reply.HeaderDegraded) != "shards=2" ||
		r.Header.Get(reply.HeaderSettingsVersion) != "3" || !a.Execution.Degraded {
		t.Fatalf("%d %v %s", r.Status, r.Header, r.Body)
	}
	var result struct{ Hits []struct{ ID int } }
	if err := json.Unmarshal(a.Execution.Result, &result); err != nil || len(result.Hits) != 2 || result.Hits[0].ID != 1 {
		t.Errorf("%v %s", err, a.Execution.Result)
	}
	seen := map[string]explain.Ran{}
	for _, l := range a.Execution.Legs {
		seen[l.Node] = l
	}
	if l := seen["n0"]; l.Hits != 1 || l.Status != 200 || l.Attempts != 1 || l.Hedged || l.Ms < 0 {
		t.Errorf("%+v", l)
	}
	if l := seen["n1"]; l.Status != 500 || l.Hits != 0 {
		t.Errorf("%+v", l)
	}
	if l := seen["n2"]; l.Attempts != 2 || !slices.Equal(l.Shards, []int{1}) {
		t.Errorf("%+v", l)
	}
}

// A20.1, RD-8: without any node the plan says so, and running it is the search's error; with some shards gone it depends on
// the policy.
func TestA201InfeasiblePlans(t *testing.T) {
	s := readService(t, nil, [][]int{{0}, {1}}, `{}`)
	a := explained(t, s, "/indexes/a/explain", `{}`)
	if a.Plan.Feasible || a.Plan.InfeasibleCode == nil || *a.Plan.InfeasibleCode != "miroir_shard_unavailable" || a.Plan.ChosenGroup != nil ||
		!slices.Contains(codes(a), explain.NoCover) {
		t.Errorf("%+v %v", a.Plan, a.Warnings)
	}
	if r := ask(t, s, "", "POST", "/indexes/a/explain?execute=true", json.RawMessage(`{}`)); r.Status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	s = readService(t, []*readNode{{}}, [][]int{{0}, {1}}, `{}`)
	if a := explained(t, s, "/indexes/a/explain", `{}`); !a.Plan.Feasible || !slices.Contains(codes(a), explain.PartialCoverage) {
		t.Errorf("%+v %v", a.Plan, a.Warnings)
	}
	strict := tuning.Default()
	strict.Scatter.UnavailableShardPolicy = tuning.PolicyError
	s.Tuning = func() *tuning.Live { return &strict }
	if a := explained(t, s, "/indexes/a/explain", `{}`); a.Plan.Feasible {
		t.Errorf("%+v", a.Plan)
	}
}

// A20.3, A20.5: every warning has its cause; above the most there are, the others are counted.
func TestA203Warnings(t *testing.T) {
	settings := `{"filterableAttributes":["id","brand"],"sortableAttributes":["price"],"faceting":{"sortFacetValuesBy":{"brand":"count"}},
		"distinctAttribute":"maker","embedders":{"e":{"source":"userProvided","dimensions":2}}}`
	s := readService(t, []*readNode{{}, {}}, [][]int{{0}, {1}}, settings)
	low := tuning.Default()
	low.VectorSearch.OverFetchFactor, low.VectorSearch.MaxLegHits = 100, 100
	s.Tuning = func() *tuning.Live { return &low }
	for body, want := range map[string]string{
		`{"filter":"color = red AND id = 1"}`:     explain.NotFilterable,
		`{"q":"x","sort":["size:asc"]}`:           explain.NotSortable,
		`{"q":"x","sort":["_geoPoint(1,2):asc"]}`: explain.NotSortable,
		`{"q":"x","offset":990,"limit":20}`:       explain.DeepPagination,
		`{}`:                                      explain.Unbounded,
		`{"filter":"id != 1"}`:                    explain.NotNarrowed,
		`{"q":"x","facets":["brand"]}`:            explain.FacetsCapped,
		`{"q":"x"}`:                               explain.DistinctBound,
		`{"q":"x","limit":10,"hybrid":{"embedder":"e"},"vector":[1,2]}`:                                   explain.OverFetchLow,
		`{"q":"x","sort":["price:asc"],"filter":"brand = x OR brand STARTS WITH y","offset":0,"limit":1}`: "",
	} {
		a := explained(t, s, "/indexes/a/explain", body)
		if got := codes(a); want != "" && !slices.Contains(got, want) ||
			want == "" && (slices.Contains(got, explain.NotFilterable) || slices.Contains(got, explain.NotSortable)) {
			t.Errorf("%s: %v, want %s", body, got, want)
		}
	}
	few := tuning.Default()
	few.Explain.MaxWarnings = 2
	s.Tuning = func() *tuning.Live { return &few }
	a := explained(t, s, "/indexes/a/explain", `{"filter":"a = 1 AND b = 2 AND c = 3 AND d = 4"}`)
	if len(a.Warnings) != 2 || a.WarningsTruncated != 3 { // four attributes, and distinct
		t.Errorf("%d warnings, %d left out: %v", len(a.Warnings), a.WarningsTruncated, a.Warnings)
	}
}

// A20.6: a multi-search has one explanation a query; a wrong one is named; a federated one has one execution.
func TestA206ExplainedBatch(t *testing.T) {
	node := &readNode{answers: []scripted{
		{"/multi-search", "", 200, `{"hits":[],"processingTimeMs":0,"limit":20,"offset":0,"estimatedTotalHits":0}`}, {"/search", "", 200, answerOf(0)},
	}}
	s := readService(t, []*readNode{node}, [][]int{{0}}, `{}`)
	const three = `"queries":[{"indexUid":"a"},{"indexUid":"b","filter":"id = 1"},{"indexUid":"a","q":"x"}]`
	r := ask(t, s, "", "POST", "/multi-search/explain", json.RawMessage(`{`+three+`}`))
	batch := decode[explainedBatch](t, r)
	if r.Status != 200 || len(batch.Results) != 3 || batch.Results[1].Index != "b" || !batch.Results[1].Plan.Narrowed || len(node.asked) != 0 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	batch = decode[explainedBatch](t, ask(t, s, "", "POST", "/multi-search/explain?execute=true", json.RawMessage(`{`+three+`}`)))
	if len(batch.Results) != 3 || batch.Results[2].Execution == nil || len(batch.Results[2].Execution.Legs) != 1 {
		t.Errorf("%+v", batch)
	}
	batch = decode[explainedBatch](t, ask(t, s, "", "POST", "/multi-search/explain?execute=true", json.RawMessage(`{"federation":{},`+three+`}`)))
	if batch.Execution == nil || len(batch.Execution.Legs) != 1 || batch.Results[0].Execution != nil {
		t.Errorf("%+v", batch)
	}
	r = ask(t, s, "", "POST", "/multi-search/explain", json.RawMessage(`{"queries":[{"indexUid":"a"},{"indexUid":"none"}]}`))
	if r.Status != http.StatusBadRequest || !strings.Contains(string(r.Body), ".queries[1]") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// F20 bad input, HD-3: what is wrong is refused as for a search; headers and parameters are checked.
func TestF20BadInput(t *testing.T) {
	s := readService(t, []*readNode{{}}, [][]int{{0}}, `{"embedders":{"e":{"source":"userProvided","dimensions":2}}}`)
	off := tuning.Default()
	off.Explain.AllowExecuteParameter = false
	const hybrid = `{"q":"x","limit":100,"hybrid":{"embedder":"e"},"vector":[1,2]}`
	for _, c := range []struct {
		path, body, header string
		status             int
		code               apierr.Code
	}{
		{"/indexes/a/explain", `{"limit":-1}`, "", 400, "invalid_search_limit"},
		{"/indexes/none/explain", `{}`, "", 404, apierr.IndexNotFound},
		{"/indexes/a/explain?execute=maybe", `{}`, "", 400, apierr.BadRequest},
		{"/indexes/a/explain?execute=true", `{}`, "", 400, apierr.FeatureNotEnabled},
		{"/indexes/a/explain", `{}`, "0", 400, apierr.MiroirInvalidHeader},
		{"/indexes/a/explain", `{}`, "101", 400, apierr.MiroirInvalidHeader},
		{"/indexes/a/search", `{}`, "x", 400, apierr.MiroirInvalidHeader},
		{"/multi-search", `{"queries":[]}`, "", 200, ""},
		{"/multi-search", `{"queries":[]}`, "1.5", 400, apierr.MiroirInvalidHeader},
		{"/indexes/a/explain", hybrid, "31", 400, apierr.MiroirOverFetchTooLarge},
		{"/indexes/a/explain", hybrid, "30", 200, ""},
		{"/indexes/a/explain", `{"q":"x","limit":100}`, "100", 200, ""}, // by words: ignored
	} {
		s.Tuning = func() *tuning.Live { return &off }
		h := http.Header{"Content-Type": {"application/json"}}
		if c.header != "" {
			h.Set(headerOverFetch, c.header)
		}
		path, query, _ := strings.Cut(c.path, "?")
		r := s.Serve(t.Context(), &extproc.Request{Method: "POST", Path: path, Query: query, Header: h, Body: strings.NewReader(c.body)})
		if e := decode[struct{ Code apierr.Code }](t, r); r.Status != c.status || e.Code != c.code {
			t.Errorf("%s %s %q: %d %s", c.path, c.body, c.header, r.Status, r.Body)
		}
	}
	off.Explain.Enabled = false
	if r := ask(t, s, "", "POST", "/indexes/a/explain", json.RawMessage(`{}`)); r.Status != 400 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// A12.3: the factor widens what legs of a search by vectors bring, and nothing else.
func TestA123OverFetch(t *testing.T) {
	node := &readNode{answers: []scripted{{"/search", "", 200, answerOf(0)}}}
	s := readService(t, []*readNode{node, {answers: node.answers}}, [][]int{{0}, {1}}, `{"embedders":{"e":{"source":"userProvided","dimensions":2}}}`)
	for body, want := range map[string]string{
		`{"hybrid":{"embedder":"e","semanticRatio":1},"vector":[1,2],"offset":2,"limit":5}`: `"limit":21`,
		`{"q":"x","offset":2,"limit":5}`: `"limit":7`,
	} {
		node.asked = nil
		h := http.Header{"Content-Type": {"application/json"}}
		h.Set(headerOverFetch, "3")
		s.Serve(t.Context(), &extproc.Request{Method: "POST", Path: "/indexes/a/search", Header: h, Body: strings.NewReader(body)})
		if node.times(want) == 0 {
			t.Errorf("%s: %v, want %s", body, node.asked, want)
		}
	}
}

// F20, F4 × F7: an alias of one index is named with its version; one of several has a plan for each, and is run as a whole.
func TestF20Aliases(t *testing.T) {
	node := &readNode{answers: []scripted{
		{"/multi-search", "", 200, `{"hits":[],"processingTimeMs":0,"limit":20,"offset":0,"estimatedTotalHits":0}`}, {"/search", "", 200, answerOf(0)},
	}}
	s := readService(t, []*readNode{node}, [][]int{{0}, {0}}, `{}`)
	v := *s.Views.View()
	called := func(uid, name string) *routing.Index {
		ix := *v.Indexes[uid]
		ix.Name = name
		return &ix
	}
	v.Aliases = map[string]*routing.Alias{
		"one": {AliasRecord: routing.AliasRecord{Name: "one", Kind: routing.AliasSingle, Version: 4, AliasTargets: routing.AliasTargets{Target: "a"}}, Indexes: []*routing.Index{called("a", "one")}},
		"all": {AliasRecord: routing.AliasRecord{Name: "all", Kind: routing.AliasMulti, Version: 2, AliasTargets: routing.AliasTargets{Targets: []string{"a", "b"}}},
			Indexes: []*routing.Index{called("a", "all"), called("b", "all")}},
	}
	s.Views = fixedView{&v}
	a := explained(t, s, "/indexes/one/explain", `{}`)
	if r := a.Plan.AliasResolution; a.Index != "one" || a.ResolvedUID != "a" || r == nil || r.To != "a" || r.Version != 4 || r.Kind != "single" {
		t.Errorf("%+v", a)
	}
	a = explained(t, s, "/indexes/all/explain", `{"filter":"id = 7"}`)
	if a.Plan != nil || len(a.Plans) != 2 || a.Plans[1].ResolvedUID != "b" || !a.Plans[0].Plan.Narrowed || len(node.asked) != 0 {
		t.Errorf("%+v", a)
	}
	a = explained(t, s, "/indexes/all/explain?execute=true", `{"filter":"id = 7"}`)
	if a.Execution == nil || len(a.Execution.Legs) == 0 || len(node.asked) != len(a.Execution.Legs) {
		t.Errorf("%+v, asked %v", a, node.asked)
	}
}
