package settings

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
)

func doc(t *testing.T, raw string) document {
	t.Helper()
	d, err := parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func patch(members string) meili.SettingsPatch {
	return meili.SettingsPatch{Members: json.RawMessage(members)}
}

// A5.7: what clients reorder where order means nothing is no difference.
func TestA57HashIgnoresOrderThatMeansNothing(t *testing.T) {
	same := [][2]string{
		{`{"stopWords":["b","a"],"synonyms":{"y":["1"],"x":["2"]}}`, `{"synonyms":{"x":["2"],"y":["1"]},"stopWords":["a","b","a"]}`},
		{`{"filterableAttributes":["b","a"]}`, `{"filterableAttributes":["a","b"]}`},
		{`{"faceting":{"maxValuesPerFacet":100,"sortFacetValuesBy":{"*":"alpha"}}}`, `{"faceting":{"sortFacetValuesBy":{"*":"alpha"},"maxValuesPerFacet":100}}`},
		{`{"n":12345678901234567890}`, `{"n": 12345678901234567890 }`},
	}
	for _, p := range same {
		if doc(t, p[0]).hash() != doc(t, p[1]).hash() {
			t.Errorf("%s and %s differ", p[0], p[1])
		}
	}
	other := [][2]string{
		{`{"rankingRules":["a","b"]}`, `{"rankingRules":["b","a"]}`}, {`{"searchableAttributes":["a","b"]}`, `{"searchableAttributes":["b","a"]}`},
		{`{"filterableAttributes":[{"attributePatterns":["a"]},"b"]}`, `{"filterableAttributes":["b",{"attributePatterns":["a"]}]}`},
		{`{"n":12345678901234567890}`, `{"n":12345678901234567891}`}, {`{"a":null}`, `{}`}, {`{"a":"1"}`, `{"a":1}`},
	}
	for _, p := range other {
		if doc(t, p[0]).hash() == doc(t, p[1]).hash() {
			t.Errorf("%s and %s are the same", p[0], p[1])
		}
	}
	for _, bad := range []string{"", "[]", `{"a":`} {
		if _, err := parse([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestShowsWhetherAChangeIsInEffect(t *testing.T) {
	const node = `{"displayedAttributes":["*"],"searchableAttributes":["*"],"filterableAttributes":["year","_miroir_shard"],
		"sortableAttributes":["a","b"],"rankingRules":["words"],"stopWords":["the"],"synonyms":{"a":["b"]},"distinctAttribute":null,
		"typoTolerance":{"enabled":true,"minWordSizeForTypos":{"oneTypo":4,"twoTypos":9},"disableOnWords":["x"],"disableOnAttributes":[],"disableOnNumbers":false},
		"faceting":{"maxValuesPerFacet":1000,"sortFacetValuesBy":{"*":"alpha"}},"pagination":{"maxTotalHits":1000},
		"embedders":{"e":{"source":"openAi","apiKey":"XXX...","model":"m"}},"searchCutoffMs":null,"facetSearch":true}`
	for _, c := range []struct {
		changes []string
		want    bool
	}{
		{[]string{`{}`}, true},
		{[]string{`{"stopWords":["the","the"]}`}, true},
		{[]string{`{"stopWords":["THE"]}`}, true},
		{[]string{`{"stopWords":["an"]}`}, false},
		{[]string{`{"stopWords":null}`}, false},
		{[]string{`{"stopWords":["an"]}`, `{"stopWords":["the"]}`}, true},
		{[]string{`{"stopWords":["an"]}`, `{"sortableAttributes":["a"]}`}, false},
		{[]string{`{"sortableAttributes":["b","a"]}`}, true},
		{[]string{`{"filterableAttributes":["year"]}`}, true},
		{[]string{`{"filterableAttributes":["year","month"]}`}, false},
		{[]string{`{"filterableAttributes":null}`}, false},
		{[]string{`{"displayedAttributes":["id"]}`}, true},
		{[]string{`{"displayedAttributes":null,"searchableAttributes":null,"pagination":null,"distinctAttribute":null,"searchCutoffMs":null,"facetSearch":null}`}, true},
		{[]string{`{"searchableAttributes":["title","*"]}`}, true},
		{[]string{`{"typoTolerance":{"minWordSizeForTypos":{"oneTypo":4}}}`}, true},
		{[]string{`{"typoTolerance":{"minWordSizeForTypos":{"oneTypo":5}}}`}, false},
		{[]string{`{"typoTolerance":{"enabled":null,"disableOnWords":["X"]}}`}, true},
		{[]string{`{"typoTolerance":null}`}, false},
		{[]string{`{"faceting":{"maxValuesPerFacet":20}}`}, true},
		{[]string{`{"faceting":{"maxValuesPerFacet":2000}}`}, false},
		{[]string{`{"synonyms":{"a":["b"]}}`}, true},
		{[]string{`{"synonyms":{"a":["c"]}}`}, false},
		{[]string{`{"embedders":{"e":{"source":"openAi","apiKey":"secret"}}}`}, true},
		{[]string{`{"embedders":{"f":{"source":"openAi"}}}`}, false},
		{[]string{`{"settingOfTomorrow":1}`}, true},
		{[]string{`{"distinctAttribute":"sku"}`}, false},
		{[]string{`{"rankingRules":["words"]}`}, true},
		{[]string{`{"rankingRules":null}`}, false},
	} {
		var list []change
		for i, members := range c.changes {
			list = append(list, change{uid: uint32(i), patch: patch(members)})
		}
		if got := doc(t, node).shows(list); got != c.want {
			t.Errorf("%v: %v", c.changes, got)
		}
	}
}

func TestReferenceKeptWhatTheChangeDoesNotName(t *testing.T) {
	const kept, lost, other = `{"stopWords":["a"],"sortableAttributes":["x"]}`, `{"stopWords":[],"sortableAttributes":["x"]}`, `{"stopWords":[],"sortableAttributes":["y"]}`
	for name, c := range map[string]struct {
		shown     map[string]string
		committed string
		named     string
		want      string
	}{
		"nobody answers":                     {nil, kept, `{}`, ""},
		"all agree":                          {map[string]string{"b": kept, "a": kept}, kept, `{}`, "a"},
		"one kept it":                        {map[string]string{"a": lost, "b": lost, "c": kept}, kept, `{}`, "c"},
		"the change names it":                {map[string]string{"a": lost, "b": lost, "c": kept}, kept, `{"stopWords":[]}`, "a"},
		"nothing committed, the most decide": {map[string]string{"a": other, "b": lost, "c": lost}, "", `{}`, "b"},
		"nobody kept it":                     {map[string]string{"a": other, "b": lost, "c": lost}, kept, `{}`, "b"},
		"a tie goes by id":                   {map[string]string{"b": other, "a": lost}, "", `{}`, "a"},
		"the overlay is no loss": {
			map[string]string{"a": `{"displayedAttributes":["*"],"faceting":{"maxValuesPerFacet":1000}}`, "b": `{"displayedAttributes":["id"],"faceting":{}}`},
			`{"displayedAttributes":["id"],"faceting":{}}`, `{}`, "a",
		},
	} {
		shown := map[string]document{}
		for id, raw := range c.shown {
			shown[id] = doc(t, raw)
		}
		got, err := reference(shown, []byte(c.committed), namedIn(patch(c.named)))
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := reference(nil, []byte("{"), nil); err == nil {
		t.Error("unreadable committed settings were used")
	}
}

func TestDifference(t *testing.T) {
	a := doc(t, `{"x":1,"y":2,"embedders":{"e":{"apiKey":"XXX..."}}}`)
	if got := a.difference(doc(t, `{"x":1,"y":3,"z":null}`), nil); string(got) != `{"y":3,"z":null}` {
		t.Errorf("%s", got)
	}
	if got := a.difference(a, nil); got != nil {
		t.Errorf("from itself: %s", got)
	}
	want := doc(t, `{"embedders":{"f":{"apiKey":"XXX...","source":"rest"}}}`)
	if got := a.difference(want, nil); string(got) != `{"embedders":{"f":{"source":"rest"},"e":null}}` {
		t.Errorf("a mask is sent: %s", got)
	}
	known := []byte(`{"embedders":{"f":{"apiKey":"secret"}}}`)
	if got := a.difference(want, known); string(got) != `{"embedders":{"f":{"apiKey":"secret","source":"rest"},"e":null}}` {
		t.Errorf("the secret is known: %s", got)
	}
}

func TestRestoringTakesBackWhatWasNamed(t *testing.T) {
	committed := `{"stopWords":["a"],"synonyms":{},"embedders":{"e":{"source":"rest","apiKey":"XXX..."}}}`
	for _, c := range []struct{ patch, committed, want string }{
		{`{"stopWords":["b"]}`, committed, `{"stopWords":["a"]}`},
		{`{"stopWords":["b"]}`, ``, `{"stopWords":null}`},
		{`{"prefixSearch":"disabled"}`, committed, `{"prefixSearch":null}`},
		{`{"embedders":{"f":{"source":"userProvided"}}}`, committed, `{"embedders":{"e":{"source":"rest"},"f":null}}`},
		{`{"embedders":null}`, committed, `{"embedders":{"e":{"source":"rest"}}}`},
		// A key comes back as it was, and where there was none, none stays.
		{`{"embedders":{"e":{"apiKey":"new"}}}`, `{"embedders":{"e":{"source":"rest","apiKey":"old"}}}`, `{"embedders":{"e":{"apiKey":"old","source":"rest"}}}`},
		{`{"embedders":{"e":{"apiKey":"new"}}}`, `{"embedders":{"e":{"source":"rest"}}}`, `{"embedders":{"e":{"apiKey":null,"source":"rest"}}}`},
		{`{"embedders":{"e":{"source":"rest","apiKey":"new"}}}`, `{"embedders":{"e":{"source":"huggingFace"}}}`, `{"embedders":{"e":{"source":"huggingFace"}}}`},
		{`{}`, committed, `{}`},
	} {
		got, err := restoring(patch(c.patch), []byte(c.committed))
		if err != nil || string(got.Members) != c.want {
			t.Errorf("%s after %s: %s, %v", c.patch, c.committed, got.Members, err)
		}
	}
	if _, err := restoring(patch(`{}`), []byte("{")); err == nil {
		t.Error("unreadable committed settings were used")
	}
}

func TestCovers(t *testing.T) {
	copies := func(nodes ...string) (list []routing.Copy) {
		for _, n := range nodes {
			s := routing.CopyActive
			if strings.HasSuffix(n, "!") {
				n, s = strings.TrimSuffix(n, "!"), routing.CopyBuilding
			}
			list = append(list, routing.Copy{Node: n, State: s})
		}
		return list
	}
	ix := &routing.Index{
		IndexRecord: routing.IndexRecord{Shards: 2},
		Placement: routing.PlacementRecord{Groups: map[int][][]routing.Copy{
			0: {copies("a", "b"), copies("b", "c!")}, 1: {copies("d"), copies("d")}, 2: {copies("e")},
		}},
	}
	for _, c := range []struct {
		nodes  string
		groups []int
		want   bool
	}{
		{"a b", []int{0}, true}, {"b", []int{0}, true}, {"a", []int{0}, false}, {"a c", []int{0}, false}, {"d", []int{0, 1}, true},
		{"d", []int{0}, false}, {"e", []int{2}, false}, {"", []int{0, 1}, false}, {"a b d", nil, false},
	} {
		nodes := map[string]document{}
		for n := range strings.FieldsSeq(c.nodes) {
			nodes[n] = nil
		}
		if got := covers(ix, c.groups, nodes); got != c.want {
			t.Errorf("%q for groups %v: %v", c.nodes, c.groups, got)
		}
	}
}
