package main

import "github.com/meilisearch/meilisearch-go"

// subsetting changes one setting, reads it back, resets it and finds the default again.
func subsetting[T any](t *tour, read func() (T, error), update, reset func() (*meilisearch.TaskInfo, error), want, normal T) {
	equal(get(read()), normal)
	t.done(update())
	equal(get(read()), want)
	t.done(reset())
	equal(get(read()), normal)
}

// to fixes the argument of an update.
func to[A any](update func(A) (*meilisearch.TaskInfo, error), argument A) func() (*meilisearch.TaskInfo, error) {
	return func() (*meilisearch.TaskInfo, error) { return update(argument) }
}

func (t *tour) settings() {
	ix := t.sdk.Index(prefix + "settings")
	t.done(t.sdk.CreateIndex(&meilisearch.IndexConfig{Uid: prefix + "settings", PrimaryKey: "id"}))
	empty := get(ix.GetSettings())
	t.lists(ix)
	t.values(ix)
	equal(get(ix.GetSettings()), empty)
	t.done(ix.UpdateSettings(&meilisearch.Settings{StopWords: []string{"of"}, RankingRules: []string{"words", "year:desc"}, FacetSearch: true}))
	after := get(ix.GetSettings())
	equal([][]string{after.StopWords, after.RankingRules}, [][]string{{"of"}, {"words", "year:desc"}})
	fails2[*meilisearch.TaskInfo]("invalid_settings_ranking_rules")(ix.UpdateSettings(&meilisearch.Settings{RankingRules: []string{"nonsense"}}))
	t.done(ix.ResetSettings())
	equal(get(ix.GetSettings()), empty)
}

func (t *tour) lists(ix meilisearch.IndexManager) {
	all, none := &[]string{"*"}, &[]string{}
	rules := &[]string{"words", "typo", "proximity", "attributeRank", "sort", "wordPosition", "exactness"}
	sorted := &[]string{"sort", "words", "typo"}
	subsetting(t, ix.GetRankingRules, to(ix.UpdateRankingRules, sorted), ix.ResetRankingRules, sorted, rules)
	two := &[]string{"title", "note"}
	subsetting(t, ix.GetSearchableAttributes, to(ix.UpdateSearchableAttributes, two), ix.ResetSearchableAttributes, two, all)
	subsetting(t, ix.GetDisplayedAttributes, to(ix.UpdateDisplayedAttributes, two), ix.ResetDisplayedAttributes, two, all)
	subsetting(t, ix.GetStopWords, to(ix.UpdateStopWords, two), ix.ResetStopWords, &[]string{"note", "title"}, none)
	subsetting(t, ix.GetSortableAttributes, to(ix.UpdateSortableAttributes, two), ix.ResetSortableAttributes, &[]string{"note", "title"}, none)
	filterable := &[]any{"genre", map[string]any{
		"attributePatterns": []any{"y*"}, "features": map[string]any{"facetSearch": false, "filter": map[string]any{"equality": true, "comparison": true}},
	}}
	subsetting(t, ix.GetFilterableAttributes, to(ix.UpdateFilterableAttributes, filterable), ix.ResetFilterableAttributes, filterable, &[]any{})
	words := &map[string][]string{"river": {"stream"}}
	subsetting(t, ix.GetSynonyms, to(ix.UpdateSynonyms, words), ix.ResetSynonyms, words, &map[string][]string{})
	subsetting(t, ix.GetSeparatorTokens, to(ix.UpdateSeparatorTokens, []string{"&sep"}), ix.ResetSeparatorTokens, []string{"&sep"}, []string{})
	subsetting(t, ix.GetNonSeparatorTokens, to(ix.UpdateNonSeparatorTokens, []string{"@"}), ix.ResetNonSeparatorTokens, []string{"@"}, []string{})
	subsetting(t, ix.GetDictionary, to(ix.UpdateDictionary, []string{"J. R. R."}), ix.ResetDictionary, []string{"J. R. R."}, []string{})
	locales := []*meilisearch.LocalizedAttributes{{Locales: []string{"eng"}, AttributePatterns: []string{"title"}}}
	subsetting(t, ix.GetLocalizedAttributes, to(ix.UpdateLocalizedAttributes, locales), ix.ResetLocalizedAttributes, locales, []*meilisearch.LocalizedAttributes{})
}

func (t *tour) values(ix meilisearch.IndexManager) {
	genre, nothing := "genre", ""
	subsetting(t, ix.GetDistinctAttribute, to(ix.UpdateDistinctAttribute, genre), ix.ResetDistinctAttribute, &genre, &nothing)
	typos := &meilisearch.TypoTolerance{
		Enabled: true, MinWordSizeForTypos: meilisearch.MinWordSizeForTypos{OneTypo: 5, TwoTypos: 9}, DisableOnWords: []string{}, DisableOnAttributes: []string{},
	}
	strict := *typos
	strict.DisableOnWords, strict.DisableOnNumbers = []string{"river"}, true
	subsetting(t, ix.GetTypoTolerance, to(ix.UpdateTypoTolerance, &strict), ix.ResetTypoTolerance, &strict, typos)
	fifty := &meilisearch.Pagination{MaxTotalHits: 50}
	subsetting(t, ix.GetPagination, to(ix.UpdatePagination, fifty), ix.ResetPagination, fifty, &meilisearch.Pagination{MaxTotalHits: 1000})
	facets := &meilisearch.Faceting{MaxValuesPerFacet: 7, SortFacetValuesBy: map[string]meilisearch.SortFacetType{"*": "alpha", "genre": "count"}}
	subsetting(t, ix.GetFaceting, to(ix.UpdateFaceting, facets), ix.ResetFaceting, facets,
		&meilisearch.Faceting{MaxValuesPerFacet: 100, SortFacetValuesBy: map[string]meilisearch.SortFacetType{"*": "alpha"}})
	embedders := map[string]meilisearch.Embedder{"own": {Source: "userProvided", Dimensions: 3}}
	subsetting(t, ix.GetEmbedders, to(ix.UpdateEmbedders, embedders), ix.ResetEmbedders, embedders, map[string]meilisearch.Embedder{})
	subsetting(t, ix.GetSearchCutoffMs, to(ix.UpdateSearchCutoffMs, int64(150)), ix.ResetSearchCutoffMs, int64(150), 0)
	subsetting(t, ix.GetProximityPrecision, to(ix.UpdateProximityPrecision, meilisearch.ProximityPrecisionType("byAttribute")), ix.ResetProximityPrecision, "byAttribute", "byWord")
	off, normal := "disabled", "indexingTime"
	subsetting(t, ix.GetPrefixSearch, to(ix.UpdatePrefixSearch, off), ix.ResetPrefixSearch, &off, &normal)
	subsetting(t, ix.GetFacetSearch, to(ix.UpdateFacetSearch, false), ix.ResetFacetSearch, false, true)
}
