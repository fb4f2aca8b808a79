package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/meilisearch/meilisearch-go"
)

// ids are those of hits, in their order.
func ids(hits meilisearch.Hits) []int {
	var list []doc
	must(hits.DecodeInto(&list))
	found := make([]int, len(list))
	for i, d := range list {
		found[i] = d.ID
	}
	return found
}

func (t *tour) searches() {
	uid := prefix + "search"
	ix := t.sdk.Index(uid)
	t.done(t.sdk.CreateIndex(&meilisearch.IndexConfig{Uid: uid, PrimaryKey: "id"}))
	t.done(ix.UpdateSettings(&meilisearch.Settings{
		FilterableAttributes: []string{"genre", "year", "_geo"}, SortableAttributes: []string{"year", "_geo"}, SearchableAttributes: []string{"title", "note"},
		Embedders: map[string]meilisearch.Embedder{"own": {Source: "userProvided", Dimensions: 3}}, FacetSearch: true,
	}))
	t.done(ix.AddDocuments(movies(), nil))
	search := func(q string, r meilisearch.SearchRequest) *meilisearch.SearchResponse { return get(ix.Search(q, &r)) }

	equal(ids(search("golden river 7", meilisearch.SearchRequest{MatchingStrategy: "all"}).Hits), []int{7})
	equal(search("", meilisearch.SearchRequest{}).EstimatedTotalHits, int64(24))
	equal(ids(search("", meilisearch.SearchRequest{Filter: "genre = Drama AND year > 2000", Sort: []string{"year:desc"}, Limit: 2}).Hits), []int{24, 20})
	five := int64(5)
	page := search("river", meilisearch.SearchRequest{Page: 2, HitsPerPage: &five, Sort: []string{"year:asc"}})
	equal(ids(page.Hits), []int{6, 7, 8, 9, 10})
	equal([]int64{page.TotalHits, page.TotalPages, page.Page}, []int64{24, 5, 2})
	faceted := search("", meilisearch.SearchRequest{Facets: []string{"genre", "year"}})
	check(strings.Contains(string(faceted.FacetDistribution), `"genre":{"Action":6,"Comedy":6,"Drama":6,"Horror":6}`), "%s", faceted.FacetDistribution)
	equal(string(faceted.FacetStats), `{"year":{"min":1991.0,"max":2014.0}}`)
	hit := search("golden", meilisearch.SearchRequest{
		Limit: 1, AttributesToRetrieve: []string{"id"}, AttributesToHighlight: []string{"title"}, ShowMatchesPosition: true, ShowRankingScore: true,
	}).Hits[0]
	check(len(hit) == 4 && strings.Contains(string(hit["_formatted"]), "<em>Golden</em>"), "%v", hit)
	equal(ids(search("", meilisearch.SearchRequest{Sort: []string{"_geoPoint(45.5, 7):asc"}, Limit: 1}).Hits), []int{5})
	equal(len(search("", meilisearch.SearchRequest{Distinct: "genre"}).Hits), 4)
	vector := search("", meilisearch.SearchRequest{Vector: []float32{1, 1, 0}, Hybrid: &meilisearch.SearchRequestHybrid{Embedder: "own", SemanticRatio: 1}, Limit: 3})
	equal(ids(vector.Hits), []int{24, 23, 22})
	var raw struct {
		Hits []doc `json:"hits"`
	}
	must(json.Unmarshal(*get(ix.SearchRaw("silent", &meilisearch.SearchRequest{Filter: "year < 1995"})), &raw))
	equal([]any{len(raw.Hits), raw.Hits[0].ID}, []any{1, 3})
	var similar meilisearch.SimilarDocumentResult
	must(ix.SearchSimilarDocuments(&meilisearch.SimilarDocumentQuery{Id: 12, Embedder: "own", Limit: 2}, &similar))
	check(len(similar.Hits) == 2 && ids(similar.Hits)[0]+ids(similar.Hits)[1] == 24, "11 and 13 are next to 12: %v", similar.Hits)
	facet := get(ix.FacetSearch(&meilisearch.FacetSearchRequest{FacetName: "genre", FacetQuery: "dr"}))
	check(strings.HasPrefix(string(*facet), `{"facetHits":[{"value":"Drama","count":6}],"facetQuery":"dr",`), "%s", *facet)
	fails2[*meilisearch.SearchResponse]("invalid_search_filter")(ix.Search("", &meilisearch.SearchRequest{Filter: "title = x"}))
	fails2[*meilisearch.SearchResponse]("index_not_found")(t.sdk.Index(prefix+"nowhere").Search("", &meilisearch.SearchRequest{}))

	two := get(t.sdk.MultiSearch(&meilisearch.MultiSearchRequest{Queries: []*meilisearch.SearchRequest{
		{IndexUID: uid, Query: "golden", Limit: 2}, {IndexUID: uid, Query: "silent", Filter: "year < 1995"},
	}})).Results
	check(len(two) == 2 && len(two[0].Hits) == 2 && fmt.Sprint(ids(two[1].Hits)) == "[3]", "%+v", two)
	one := get(t.sdk.MultiSearch(&meilisearch.MultiSearchRequest{Federation: &meilisearch.MultiSearchFederation{Limit: 5}, Queries: []*meilisearch.SearchRequest{
		{IndexUID: uid, Query: "golden river 7", MatchingStrategy: "all"}, {IndexUID: uid, Query: "silent river 9", MatchingStrategy: "all"},
	}}))
	check(len(one.Hits) == 2 && strings.Contains(string(one.Hits[0]["_federation"]), uid), "%+v", one)
}

func (t *tour) keys() {
	uid := prefix + "search"
	made := get(t.sdk.CreateKey(&meilisearch.Key{
		Name: "tour", Description: "of the tour", Actions: []string{"search", "documents.*"}, Indexes: []string{prefix + "*"},
		ExpiresAt: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
	}))
	equal([]any{made.Name, made.Actions, made.Indexes, made.ExpiresAt.Year()}, []any{"tour", []string{"search", "documents.*"}, []string{prefix + "*"}, 2099})
	equal(get(t.sdk.GetKey(made.Key)).UID, made.UID)
	all := get(t.sdk.GetKeys(&meilisearch.KeysQuery{Limit: 1000}))
	check(all.Total == int64(len(all.Results)) && all.Total >= 3, "%d keys of %d", len(all.Results), all.Total)
	equal(get(t.sdk.UpdateKey(made.UID, &meilisearch.Key{Name: "renamed"})).Name, "renamed")
	limited := t.client(made.Key)
	check(len(get(limited.Index(uid).Search("golden", &meilisearch.SearchRequest{})).Hits) > 0, "the key can not search")
	fails2[*meilisearch.Stats]("invalid_api_key")(limited.GetStats(nil))
	fails2[*meilisearch.SearchResponse]("invalid_api_key")(limited.Index("other").Search("", &meilisearch.SearchRequest{}))
	rules := map[string]any{uid: map[string]any{"filter": "genre = Drama"}}
	token := get(t.sdk.GenerateTenantToken(made.UID, rules, &meilisearch.TenantTokenOptions{APIKey: made.Key, ExpiresAt: time.Now().Add(time.Hour)}))
	t.note("ServiceManager.GenerateTenantToken")
	tenant := t.client(token).Index(uid)
	equal(get(tenant.Search("", &meilisearch.SearchRequest{})).EstimatedTotalHits, int64(6))
	var page meilisearch.DocumentsResult
	fails("invalid_api_key", tenant.GetDocuments(nil, &page))
	equal(get(t.sdk.DeleteKey(made.UID)), true)
	fails2[*meilisearch.Key]("api_key_not_found")(t.sdk.GetKey(made.UID))
	fails2[*meilisearch.SearchResponse]("invalid_api_key")(tenant.Search("", &meilisearch.SearchRequest{}))
}
