package main

import (
	"fmt"
	"os"
	"time"

	"github.com/meilisearch/meilisearch-go"
)

func (t *tour) tasks() {
	uid := fmt.Sprintf("%stasks_%d", prefix, os.Getpid()) // tasks outlive their index, and those of an earlier tour would be found
	ix := t.sdk.Index(uid)
	var uids []int64
	for i := range 3 {
		info := get(ix.AddDocuments([]map[string]any{{"id": i}}, nil))
		uids = append(uids, info.TaskUID)
		equal(get(t.sdk.WaitForTask(info.TaskUID, 20*time.Millisecond)).Status, meilisearch.TaskStatusSucceeded)
	}
	t.note("ServiceManager.WaitForTask", "IndexManager.WaitForTask", "IndexManager.WaitForTaskWithContext")
	equal(get(ix.WaitForTask(uids[0], 0)).UID, uids[0])
	query := func() *meilisearch.TasksQuery {
		return &meilisearch.TasksQuery{IndexUIDS: []string{uid}, Statuses: []meilisearch.TaskStatus{"succeeded"}, Types: []meilisearch.TaskType{"documentAdditionOrUpdate"}, Limit: 2}
	}
	for _, found := range []*meilisearch.TaskResult{get(t.sdk.GetTasks(query())), get(ix.GetTasks(query()))} {
		check(len(found.Results) == 2 && found.Results[0].UID == uids[2] && found.Total == 3 && found.Next == uids[0], "%+v", found)
	}
	equal(get(t.sdk.GetTask(uids[0])).Details.IndexedDocuments, int64(1))
	equal(get(ix.GetTask(uids[1])).UID, uids[1])
	fails2[*meilisearch.Task]("task_not_found")(t.sdk.GetTask(4_000_000_000))
	var payload []map[string]any
	t.refuses(taskPayload, []probe{{"ServiceManager.GetTaskDocuments", func() error { return t.sdk.GetTaskDocuments(uids[0], &payload) }}}, func() {
		t.enable(func(f *meilisearch.ExperimentalFeatures, on bool) { f.SetGetTaskDocumentsRoute(on) }, func() {
			fails("task_file_not_found", t.sdk.GetTaskDocuments(uids[0], &payload)) // it has been indexed
		})
	})
	batches := get(t.sdk.GetBatches(&meilisearch.BatchesQuery{IndexUIDs: []string{uid}}))
	check(batches.Total >= 1 && batches.Results[0].Stats.IndexedUIDs[uid] >= 1, "%+v", batches)
	equal(get(t.sdk.GetBatch(batches.Results[0].UID)).UID, batches.Results[0].UID)
	canceled := t.done(t.sdk.CancelTasks(&meilisearch.CancelTasksQuery{UIDS: uids[:1]})).Details
	equal([]int64{canceled.MatchedTasks, canceled.CanceledTasks}, []int64{1, 0})
	fails2[*meilisearch.TaskInfo]("missing_task_filters")(t.sdk.CancelTasks(&meilisearch.CancelTasksQuery{}))
	gone := t.done(t.sdk.DeleteTasks(&meilisearch.DeleteTasksQuery{IndexUIDS: []string{uid}, Statuses: []meilisearch.TaskStatus{"succeeded"}})).Details
	equal(gone.DeletedTasks, int64(3))
	fails2[*meilisearch.Task]("task_not_found")(t.sdk.GetTask(uids[0]))
}

func (t *tour) webhooks() {
	made := get(t.sdk.AddWebhook(&meilisearch.AddWebhookRequest{URL: "https://example.com/hook", Headers: map[string]string{"x-tour": "1"}}))
	check(made.URL == "https://example.com/hook" && made.Headers["x-tour"] == "1" && made.IsEditable, "%+v", made)
	check(len(get(t.sdk.ListWebhooks()).Result) > 0, "no webhook is listed")
	equal(get(t.sdk.GetWebhook(made.UUID)).URL, made.URL)
	equal(get(t.sdk.UpdateWebhook(made.UUID, &meilisearch.UpdateWebhookRequest{URL: "https://example.com/b"})).URL, "https://example.com/b")
	must(t.sdk.DeleteWebhook(made.UUID))
	fails2[*meilisearch.Webhook]("webhook_not_found")(t.sdk.GetWebhook(made.UUID))
	fails2[*meilisearch.Webhook]("invalid_webhook_url")(t.sdk.AddWebhook(&meilisearch.AddWebhookRequest{URL: "no url"}))
}

// enable runs something with an experimental feature on.
func (t *tour) enable(set func(f *meilisearch.ExperimentalFeatures, on bool), run func()) {
	f := t.sdk.ExperimentalFeatures()
	set(f, true)
	get(f.Update())
	run()
	f = t.sdk.ExperimentalFeatures()
	set(f, false)
	get(f.Update())
}

func (t *tour) features() {
	was := get(t.sdk.ExperimentalFeatures().Get())
	ix := t.sdk.Index(prefix + "search")
	containing := &meilisearch.SearchRequest{Filter: "genre CONTAINS ra"}
	fails2[*meilisearch.SearchResponse]("feature_not_enabled")(ix.Search("", containing))
	t.enable(func(f *meilisearch.ExperimentalFeatures, on bool) { f.SetContainsFilter(on) }, func() {
		equal(get(t.sdk.ExperimentalFeatures().Get()).ContainsFilter, true)
		equal(get(ix.Search("", containing)).EstimatedTotalHits, int64(6))
	})
	equal(get(t.sdk.ExperimentalFeatures().SetContainsFilter(was.ContainsFilter).Update()), was)
	// One setter for each feature; what is not sent stays as it is.
	all := t.sdk.ExperimentalFeatures().SetLogsRoute(was.LogsRoute).SetMetrics(was.Metrics).SetEditDocumentsByFunction(was.EditDocumentsByFunction).
		SetNetwork(was.Network).SetCompositeEmbedders(was.CompositeEmbedders).SetChatCompletions(was.ChatCompletions).SetMultiModal(was.MultiModal).
		SetDynamicSearchRules(was.DynamicSearchRules).SetGetTaskDocumentsRoute(was.GetTaskDocumentsRoute)
	equal(get(all.Update()), was)
	for _, name := range []string{
		"LogsRoute", "Metrics", "EditDocumentsByFunction", "ContainsFilter", "Network", "CompositeEmbedders", "ChatCompletions", "MultiModal",
		"DynamicSearchRules", "GetTaskDocumentsRoute",
	} {
		t.note("ExperimentalFeatures.Set" + name)
	}
	t.note("ServiceManager.ExperimentalFeatures")
}
