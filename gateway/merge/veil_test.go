package merge

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// naiveChoose is how an engine chooses attributes, over decoded values.
func naiveChoose(v any, selectors []string) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			var below []string
			for _, s := range selectors {
				if s == key {
					out[key] = value
				} else if rest, ok := strings.CutPrefix(s, key+"."); ok {
					below = append(below, rest)
				}
			}
			if _, whole := out[key]; whole || below == nil {
				continue
			}
			switch value.(type) {
			case map[string]any, []any:
				out[key] = naiveChoose(value, below)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, e := range v {
			switch e := e.(type) {
			case map[string]any:
				if chosen, _ := naiveChoose(e, selectors).(map[string]any); len(chosen) > 0 {
					out = append(out, chosen)
				}
			case []any:
				out = append(out, naiveChoose(e, selectors))
			}
		}
		return out
	}
	return v
}

func drawNested(t *rapid.T, depth int) any {
	kinds := 4
	if depth == 0 {
		kinds = 2
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return float64(rapid.IntRange(0, 9).Draw(t, "number"))
	case 1:
		return rapid.SampledFrom([]string{"x", `q"}`, ""}).Draw(t, "text")
	case 2:
		out := map[string]any{}
		for _, key := range []string{"a", "b", "c", `d"`} {
			if rapid.Bool().Draw(t, "has") {
				out[key] = drawNested(t, depth-1)
			}
		}
		return out
	}
	out := []any{}
	for range rapid.IntRange(0, 3).Draw(t, "elements") {
		out = append(out, drawNested(t, depth-1))
	}
	return out
}

// MG-3: what the planner added to a hit goes again, in the hit and in `_formatted`, and nothing else does.
func TestVeilTakesBackWhatWasAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		paths := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "a.b", "b.a", "b.a.c", `d"`, "a.a.a"}), 0, 3)
		keep, formatted := paths.Draw(t, "keep"), paths.Draw(t, "formatted")
		x, y := drawNested(t, 3), drawNested(t, 3)
		hit, err := json.Marshal(map[string]any{"x": x, "y": 1, "_formatted": map[string]any{"x": y, "z": 2}})
		if err != nil {
			t.Fatal(err)
		}
		leg := fmt.Appendf(nil, `{"hits":[%s,"_rankingScoreDetails":{}}],"query":"","estimatedTotalHits":1}`, hit[:len(hit)-1])
		res, err := Search(SearchRequest{Page: Page{Limit: 9}, Veil: Veil{Extra: []Extra{{Field: "x", Keep: keep, Formatted: formatted}}}}, [][]byte{leg})
		if err != nil {
			t.Fatal(err)
		}
		chosen := func(v any, selectors []string) (any, bool) {
			switch v.(type) {
			case map[string]any, []any:
				return naiveChoose(v, selectors), len(selectors) > 0
			}
			return nil, false
		}
		want := map[string]any{"y": 1.0}
		inner := map[string]any{"z": 2.0}
		want["_formatted"] = inner
		if v, ok := chosen(x, keep); ok {
			want["x"] = v
		}
		if v, ok := chosen(y, formatted); ok {
			inner["x"] = v
		}
		var got struct{ Hits []map[string]any }
		if err := json.Unmarshal(res.Body, &got); err != nil {
			t.Fatalf("%v: %s", err, res.Body)
		}
		if !reflect.DeepEqual(got.Hits[0], want) {
			t.Fatalf("got  %s\nwant %v", res.Body, want)
		}
	})
}

// §3.2: score details name no field that is not displayed, and neither do the positions of matches.
func TestVeilRedactsAsAnEngine(t *testing.T) {
	hit := `{"title":"a","_matchesPosition":{"title":[{"start":0,"length":1}],"meta.note":[],"metadata":[],"secret.x":[]},` +
		`"_rankingScoreDetails":{"words":{"order":0,"matchingWords":1,"maxMatchingWords":1,"score":1.0},` +
		`"price:asc":{"order":1,"value":3.0},"title:desc":{"order":2,"value":"a"},"_geoPoint(1, 2):asc":{"order":3,"value":null,"distance":null},` +
		`"x:y:desc":{"order":4,"value":null}}}`
	leg := `{"hits":[` + hit + `],"query":"","processingTimeMs":0,"limit":1,"offset":0,"estimatedTotalHits":1}`
	for _, c := range []struct {
		name, want string
		displayed  []string
	}{
		{"all displayed", hit, nil},
		{"some displayed", `{"title":"a","_matchesPosition":{"title":[{"start":0,"length":1}],"meta.note":[]},` +
			`"_rankingScoreDetails":{"words":{"order":0,"matchingWords":1,"maxMatchingWords":1,"score":1.0},` +
			`"<hidden-rule-1>":{"order":1,"value":"<hidden>"},"title:desc":{"order":2,"value":"a"},"_geoPoint(1, 2):asc":{"order":3,"value":null,"distance":null},` +
			`"<hidden-rule-4>":{"order":4,"value":"<hidden>"}}}`, []string{"title", "meta", "price.x"}},
		{"named with a colon", `{"title":"a","_matchesPosition":{},` +
			`"_rankingScoreDetails":{"words":{"order":0,"matchingWords":1,"maxMatchingWords":1,"score":1.0},` +
			`"<hidden-rule-1>":{"order":1,"value":"<hidden>"},"<hidden-rule-2>":{"order":2,"value":"<hidden>"},"_geoPoint(1, 2):asc":{"order":3,"value":null,"distance":null},` +
			`"x:y:desc":{"order":4,"value":null}}}`, []string{"x:y"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := Search(SearchRequest{Page: Page{Limit: 1}, ShowRankingScoreDetails: true, Veil: Veil{Displayed: c.displayed}}, [][]byte{[]byte(leg)})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(decode(t, res.Body).Hits[0]); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
