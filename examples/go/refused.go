package main

import (
	"net/http"

	"github.com/meilisearch/meilisearch-go"
)

// What Miroir answers with 501, and why. A plain Meilisearch serves all of it, and the tour looks that it does.
const (
	onward      = "by decision: an export of a cluster needs a job of its own; a dump does the same"
	taskPayload = "by decision: the payload of a task is spread over the nodes"
	remotes     = "by decision: how nodes work together is what Miroir takes care of"
	talk        = "by decision: a conversation needs the whole index in one engine"
	pinned      = "by decision: what a pinned place means over several shards is not defined"
)

func (t *tour) copies() {
	check(t.done(t.sdk.CreateDump()).Details.DumpUid != "", "the dump has no name")
	t.done(t.sdk.CreateSnapshot())
	nothing := &meilisearch.ExportParams{URL: "http://127.0.0.1:9", PayloadSize: "1 MiB", Indexes: map[string]meilisearch.IndexExportOptions{prefix + "nowhere*": {}}}
	t.refuses(onward, []probe{{"ServiceManager.Export", func() error { return only(t.sdk.Export(nothing)) }}}, func() {
		t.done(t.sdk.Export(nothing)) // of no index
	})
}

func (t *tour) network() {
	one := &meilisearch.UpdateNetworkRequest{
		Self: meilisearch.String("a"), Remotes: meilisearch.NewOpt(map[string]meilisearch.Opt[meilisearch.UpdateRemote]{
			"a": meilisearch.NewOpt(meilisearch.UpdateRemote{URL: meilisearch.String("http://127.0.0.1:9")}),
		}),
	}
	t.refuses(remotes, []probe{
		{"ServiceManager.GetNetwork", func() error { return only(t.sdk.GetNetwork()) }},
		{"ServiceManager.UpdateNetwork", func() error { return only(t.sdk.UpdateNetwork(one)) }},
	}, func() {
		t.enable(func(f *meilisearch.ExperimentalFeatures, on bool) { f.SetNetwork(on) }, func() {
			get(t.sdk.UpdateNetwork(one))
			now := get(t.sdk.GetNetwork())
			check(now.Self == "a" && now.Remotes["a"].URL == "http://127.0.0.1:9", "%+v", now)
			get(t.sdk.UpdateNetwork(&meilisearch.UpdateNetworkRequest{
				Self: meilisearch.Null[string](), Remotes: meilisearch.NewOpt(map[string]meilisearch.Opt[meilisearch.UpdateRemote]{"a": meilisearch.Null[meilisearch.UpdateRemote]()}),
			}))
		})
	})
}

func (t *tour) chat() {
	given := &meilisearch.ChatWorkspaceSettings{Source: meilisearch.OpenaiChatSource, ApiKey: "secret", BaseUrl: "http://127.0.0.1:9"}
	hello := &meilisearch.ChatCompletionQuery{Model: "none", Stream: true, Messages: []*meilisearch.ChatCompletionMessage{{Role: "user", Content: "hello"}}}
	t.refuses(talk, []probe{
		{"ServiceManager.ListChatWorkspaces", func() error { return only(t.sdk.ListChatWorkspaces(&meilisearch.ListChatWorkSpaceQuery{Limit: 5})) }},
		{"ServiceManager.GetChatWorkspace", func() error { return only(t.sdk.GetChatWorkspace("tour")) }},
		{"ServiceManager.GetChatWorkspaceSettings", func() error { return only(t.sdk.GetChatWorkspaceSettings("tour")) }},
		{"ServiceManager.UpdateChatWorkspace", func() error { return only(t.sdk.UpdateChatWorkspace("tour", given)) }},
		{"ServiceManager.ResetChatWorkspace", func() error { return only(t.sdk.ResetChatWorkspace("tour")) }},
		{"ServiceManager.ChatCompletionStream", func() error { return only(t.sdk.ChatCompletionStream("tour", hello)) }},
	}, func() {
		t.enable(func(f *meilisearch.ExperimentalFeatures, on bool) { f.SetChatCompletions(on) }, func() {
			equal(get(t.sdk.UpdateChatWorkspace("tour", given)).ApiKey, "XXX...")
			equal(get(t.sdk.GetChatWorkspaceSettings("tour")).Source, meilisearch.OpenaiChatSource)
			equal(get(t.sdk.GetChatWorkspace("tour")).UID, "tour")
			check(get(t.sdk.ListChatWorkspaces(&meilisearch.ListChatWorkSpaceQuery{Limit: 5})).Total > 0, "no workspace is listed")
			stream := get(t.sdk.ChatCompletionStream("tour", hello))
			for stream.Next() {
				equal(len(stream.Current().Choices), 0) // there is nobody at that address: the only event tells so
			}
			must(stream.Close())
			get(t.sdk.ResetChatWorkspace("tour"))
		})
	})
}

// rules: the package speaks of the rules of an earlier Meilisearch, which answered with the rule and not with a task. What 1.50
// answers to it is what the tour expects.
func (t *tour) rules() {
	off := false
	rule := &meilisearch.SearchRulesRequest{Description: "of the tour", Active: &off}
	t.refuses(pinned, []probe{
		{"ServiceManager.ListSearchRules", func() error { return only(t.sdk.ListSearchRules(&meilisearch.SearchRulesParams{Limit: 5})) }},
		{"ServiceManager.GetSearchRule", func() error { return only(t.sdk.GetSearchRule("tour")) }},
		{"ServiceManager.UpdateSearchRule", func() error { return only(t.sdk.UpdateSearchRule("tour", rule)) }},
		{"ServiceManager.DeleteSearchRule", func() error { return t.sdk.DeleteSearchRule("tour") }},
	}, func() {
		t.enable(func(f *meilisearch.ExperimentalFeatures, on bool) { f.SetDynamicSearchRules(on) }, func() {
			equal(get(t.sdk.ListSearchRules(&meilisearch.SearchRulesParams{Limit: 5})).Total, int64(0))
			fails2[*meilisearch.SearchRule]("dynamic_search_rule_not_found")(t.sdk.GetSearchRule("tour"))
			_, err := t.sdk.UpdateSearchRule("tour", rule)
			status, _ := answered(err)
			equal(status, http.StatusAccepted)
			status, _ = answered(t.sdk.DeleteSearchRule("tour"))
			equal(status, http.StatusAccepted)
		})
	})
}
