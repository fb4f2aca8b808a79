package meili

import (
	"slices"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
)

// F5: a preview names what changes, by its value as it will be shown, and what engines go through all documents for.
func TestF5PreviewSettings(t *testing.T) {
	committed := DefaultSettings(Split)
	first, e := ParseSettings([]byte(`{"stopWords":["a","the"],"synonyms":{"a":["b"]},"searchableAttributes":["t","u"],"rankingRules":["words","year:asc"],
		"typoTolerance":{"disableOnNumbers":true},"embedders":{"m":{"source":"openAi","apiKey":"sk-secret-of-this-test"}}}`), nil)
	if e != nil {
		t.Fatal(e)
	}
	if committed, e = committed.Apply(first); e != nil {
		t.Fatal(e)
	}
	view := appendObject(nil, committed.members())
	for _, c := range []struct{ patch, changed, reindexed string }{
		{`{}`, "", ""},
		{`{"stopWords":["the","a","a"],"sortableAttributes":[]}`, "", ""}, // A5.7
		{`{"stopWords":null,"synonyms":{"a":["c"]},"pagination":{"maxTotalHits":5}}`, "stopWords synonyms pagination", "stopWords"},
		{`{"searchableAttributes":["u","t"],"displayedAttributes":["t"],"searchCutoffMs":5}`, "displayedAttributes searchableAttributes searchCutoffMs", ""},
		{`{"searchableAttributes":["u"]}`, "searchableAttributes", "searchableAttributes"},
		{`{"rankingRules":["year:desc","words"]}`, "rankingRules", "rankingRules"},
		{`{"rankingRules":["year:asc","words"]}`, "rankingRules", ""},
		{`{"typoTolerance":{"minWordSizeForTypos":{"oneTypo":4}}}`, "typoTolerance", ""},
		{`{"typoTolerance":{"disableOnNumbers":false}}`, "typoTolerance", "typoTolerance"},
		{`{"embedders":{"m":{"apiKey":"another-secret-of-this-test"}}}`, "embedders", ""},
		{`{"embedders":{"m":null},"filterableAttributes":["x"],"prefixSearch":"disabled"}`, "filterableAttributes embedders prefixSearch", "filterableAttributes embedders prefixSearch"},
	} {
		p, e := PreviewSettings(view, []byte(c.patch), nil)
		if e != nil {
			t.Errorf("%s: %v", c.patch, e)
			continue
		}
		var changed, reindexed []string
		for _, one := range p.Changes {
			changed = append(changed, one.Setting)
			if one.Reindex {
				reindexed = append(reindexed, one.Setting)
			}
			if strings.Contains(string(one.From)+string(one.To), "of-this-test") {
				t.Errorf("%s: a secret is shown: %s %s", c.patch, one.From, one.To)
			}
		}
		slices.Sort(reindexed)
		want := strings.Fields(c.reindexed)
		slices.Sort(want)
		if strings.Join(changed, " ") != c.changed || !slices.Equal(reindexed, want) || len(p.Hash) != 64 {
			t.Errorf("%s: %v, with a reindex %v, %q", c.patch, changed, reindexed, p.Hash)
		}
	}
	same, _ := PreviewSettings(view, []byte(`{}`), nil)
	if other, _ := PreviewSettings(view, []byte(`{"stopWords":["the","a"]}`), nil); other.Hash != same.Hash {
		t.Error("the order of a set changes the hash")
	}
	if other, _ := PreviewSettings(view, []byte(`{"synonyms":{}}`), nil); other.Hash == same.Hash {
		t.Error("other settings have the same hash")
	}
	for patch, want := range map[string]apierr.Code{
		`{"stopWords":3}`: apierr.InvalidSettingsStopWords, `{"nope":3}`: apierr.BadRequest, `[`: apierr.MalformedPayload,
		`{"typoTolerance":{"minWordSizeForTypos":{"oneTypo":20}}}`: apierr.InvalidSettingsTypoTolerance,
	} {
		if _, e := PreviewSettings(nil, []byte(patch), nil); e == nil || e.Code != want {
			t.Errorf("%s: %v, want %s", patch, e, want)
		}
	}
}
