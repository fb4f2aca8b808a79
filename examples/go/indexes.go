package main

import (
	"strings"

	"github.com/meilisearch/meilisearch-go"
)

func (t *tour) server() {
	equal(get(t.sdk.Health()).Status, "available")
	equal(t.sdk.IsHealthy(), true)
	equal(meilisearch.New("http://127.0.0.1:9", meilisearch.DisableRetries()).IsHealthy(), false)
	check(strings.HasPrefix(get(t.sdk.Version()).PkgVersion, "1."), "version")
	fails2[*meilisearch.IndexesResults]("invalid_api_key")(t.client("wrong").ListIndexes(nil))
	anonymous := meilisearch.New(t.url)
	fails2[*meilisearch.IndexesResults]("missing_authorization_header")(anonymous.ListIndexes(nil))
	_, err := meilisearch.Connect("http://127.0.0.1:9", meilisearch.DisableRetries())
	check(err != nil, "connected to nobody")
}

// readers are views of the same client with fewer methods.
func (t *tour) readers() {
	check(t.sdk.ServiceReader().IsHealthy(), "reader of the service")
	equal(get(t.sdk.KeyReader().GetKeys(&meilisearch.KeysQuery{Limit: 1})).Limit, int64(1))
	equal(get(t.sdk.KeyManager().GetKeys(&meilisearch.KeysQuery{Limit: 1})).Limit, int64(1))
	equal(get(t.sdk.TaskReader().GetTasks(&meilisearch.TasksQuery{Limit: 1})).Limit, int64(1))
	equal(get(t.sdk.TaskManager().GetTasks(&meilisearch.TasksQuery{Limit: 1})).Limit, int64(1))
	check(t.sdk.ChatManager() != nil && t.sdk.ChatReader() != nil && t.sdk.WebhookManager() != nil && t.sdk.WebhookReader() != nil &&
		t.sdk.SearchRulesManager() != nil && t.sdk.SearchRulesReader() != nil, "readers")
	for _, name := range []string{"Service", "Key", "Task", "Chat", "Webhook", "SearchRules"} {
		t.note("ServiceManager."+name+"Reader", "ServiceManager."+name+"Manager")
	}
	ix := t.sdk.Index(prefix + "readers")
	t.done(ix.GetDocumentManager().AddDocuments([]map[string]any{{"id": 1}}, nil))
	equal(get(ix.GetIndexReader().FetchInfo()).PrimaryKey, "id")
	check(len(get(ix.GetTaskReader().GetTasks(&meilisearch.TasksQuery{})).Results) > 0, "tasks of the index")
	var found meilisearch.DocumentsResult
	must(ix.GetDocumentReader().GetDocuments(nil, &found))
	equal(found.Total, int64(1))
	equal(len(get(ix.GetSearch().Search("", &meilisearch.SearchRequest{})).Hits), 1)
	equal(get(ix.GetSettingsReader().GetFacetSearch()), true)
	equal(get(ix.GetSettingsManager().GetFacetSearch()), true)
	for _, name := range []string{"DocumentManager", "IndexReader", "TaskReader", "DocumentReader", "Search", "SettingsReader", "SettingsManager"} {
		t.note("IndexManager.Get" + name)
	}
	t.note("ServiceManager.Index")
}

func (t *tour) indexes() {
	books, papers := prefix+"books", prefix+"papers"
	task := t.done(t.sdk.CreateIndex(&meilisearch.IndexConfig{Uid: books, PrimaryKey: "isbn"}))
	equal(task.Details.PrimaryKey, "isbn")
	t.failed("index_already_exists")(t.sdk.CreateIndex(&meilisearch.IndexConfig{Uid: books}))
	t.done(t.sdk.CreateIndex(&meilisearch.IndexConfig{Uid: papers}))
	equal(get(t.sdk.GetIndex(books)).PrimaryKey, "isbn")
	equal(get(t.sdk.GetRawIndex(books))["uid"], any(books))
	var uids []string
	for _, ix := range get(t.sdk.ListIndexes(&meilisearch.IndexesQuery{Limit: 1000})).Results {
		if strings.HasPrefix(ix.UID, prefix) {
			uids = append(uids, ix.UID)
		}
	}
	equal(uids, []string{books, papers, prefix + "readers"})
	raw := get(t.sdk.GetRawIndexes(&meilisearch.IndexesQuery{Limit: 1, Offset: 1}))
	equal([]any{raw["limit"], raw["offset"]}, []any{1.0, 1.0})
	ix := t.sdk.Index(papers)
	equal(*get(ix.FetchPrimaryKey()), "")
	t.done(ix.UpdateIndex(&meilisearch.UpdateIndexRequestParams{PrimaryKey: "doi"}))
	info := get(ix.FetchInfo())
	check(info.PrimaryKey == "doi" && !info.UpdatedAt.Before(info.CreatedAt), "%+v", info)
	t.done(ix.UpdateIndex(&meilisearch.UpdateIndexRequestParams{UID: prefix + "articles"}))
	_, err := t.sdk.GetIndex(papers)
	fails("index_not_found", err)
	articles := t.sdk.Index(prefix + "articles")
	t.done(t.sdk.Index(books).AddDocuments([]map[string]any{{"isbn": 1, "of": "books"}}, nil))
	t.done(articles.AddDocuments([]map[string]any{{"doi": 2, "of": "articles"}}, nil))
	t.done(t.sdk.SwapIndexes([]*meilisearch.SwapIndexesParams{{Indexes: []string{books, prefix + "articles"}}}))
	var got map[string]any
	must(t.sdk.Index(books).GetDocument("2", nil, &got))
	equal(got["of"], any("articles"))
	t.done(t.sdk.DeleteIndex(books))
	equal(get(articles.Delete(prefix+"articles")), true) // the task that ends later tells, not the answer
	t.failed("index_not_found")(t.sdk.DeleteIndex(books))
	t.done(t.sdk.Index(prefix + "readers").Compact())
}
