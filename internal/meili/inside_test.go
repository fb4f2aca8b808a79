package meili

import (
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
)

// A node that was asked for some of the client's queries numbers them in its own way.
func TestRenumber(t *testing.T) {
	const rules = "The results of queries #0 and #1 are incompatible: \n  1. `queries[0].sort[0]`, `books.rankingRules[0]`: x\n  2. `queries[1]`, `books.rankingRules[0..=5]`: y\n" +
		"  - note: The ranking rules of query #1 were modified:\n    1. Removed `words` at position #0"
	for _, c := range []struct {
		code          apierr.Code
		message, want string
		at            int
	}{
		{apierr.InvalidSearchSort, "Inside `.queries[1]`: Attribute `query #0`", "Inside `.queries[5]`: Attribute `query #0`", 5},
		{apierr.InvalidSearchSort, "Inside `.queries[7]`: x", "Inside `.queries[7]`: x", maxWindow},
		{apierr.InvalidSearchFacets, "Inside `.federation.facetsByIndex.a`: x", "Inside `.federation.facetsByIndex.a`: x", maxWindow},
		{apierr.InvalidMultiSearchQueryRankingRules, "Inside `.queries[1]`: " + rules, "Inside `.queries[5]`: The results of queries #2 and #5 are incompatible: \n" +
			"  1. `queries[2].sort[0]`, `books.rankingRules[0]`: x\n  2. `queries[5]`, `books.rankingRules[0..=5]`: y\n" +
			"  - note: The ranking rules of query #5 were modified:\n    1. Removed `words` at position #0", 5},
	} {
		e := apierr.New(c.code, "%s", c.message)
		if at := Renumber(e, []int{2, 5}); at != c.at || e.Message != c.want {
			t.Errorf("%d %s\nwant %d %s", at, e.Message, c.at, c.want)
		}
	}
}

// As Meilisearch 1.50 answered to swaps of such names.
func TestErrorsOfSwaps(t *testing.T) {
	for want, e := range map[string]*apierr.Error{
		"Indexes `nope`, `nope2` not found.": IndexesNotFound([]string{"nope2", "nope", "nope"}),
		"Index `nope` not found.":            IndexesNotFound([]string{"nope", "nope"}),
		"Cannot rename `c` to `d` as the index already exists. Hint: You can remove `d` first and then do your remove.":                                                                  RenamesTaken([][2]string{{"c", "d"}}),
		"The following indexes are being renamed but cannot because their new name conflicts with an already existing index: `b`, `d`. Renaming doesn't overwrite the other index name.": RenamesTaken([][2]string{{"c", "d"}, {"a", "b"}}),
	} {
		if e.Message != want {
			t.Errorf("%s, want %s", e.Message, want)
		}
	}
}
