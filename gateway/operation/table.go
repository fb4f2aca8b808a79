package operation

// Kind names what a request asks for.
type Kind int

// Kinds of operations. Unknown is a path that Meilisearch does not know, WrongMethod one it knows under other methods,
// Unserved a route of Meilisearch that Miroir does not serve yet.
const (
	Unknown Kind = iota
	WrongMethod
	Unserved

	Root
	Health
	Version
	Stats

	ListIndexes
	CreateIndex
	GetIndex
	UpdateIndex
	DeleteIndex
	SwapIndexes
	IndexStats
	ListFields

	AddDocuments
	UpdateDocuments
	GetDocument
	ListDocuments
	FetchDocuments
	DeleteDocument
	DeleteDocuments
	DeleteByFilter
	DeleteAll
	EditDocuments

	SearchPost
	SearchGet
	FacetSearch
	SimilarPost
	SimilarGet
	MultiSearch
	Explain
	ExplainMulti

	GetSettings
	UpdateSettings
	ResetSettings

	ListTasks
	GetTask
	CancelTasks
	DeleteTasks
	ListBatches
	GetBatch

	GetMetrics
	GetFeatures
	UpdateFeatures

	ListKeys
	CreateKey
	GetKey
	UpdateKey
	DeleteKey
	ListWebhooks
	CreateWebhook
	GetWebhook
	UpdateWebhook
	DeleteWebhook
	CreateDump
	CreateSnapshot
	CompactIndex

	Admin
)

// Access is who may call a route.
type Access int

// Access rules. Open routes look at no credential, Keyed ones need a key that holds the route's action, for KeyedOrAdmin ones
// the admin key will do as well, Coordinator ones are checked by the coordinator that serves them.
const (
	Open Access = iota
	Keyed
	KeyedOrAdmin
	Coordinator
)

// Route is one line of the table. A pattern's {index}, {id} and {setting} segments match any one segment that is not
// empty.
type Route struct {
	Method  string
	Pattern string
	Kind    Kind
	Access  Access
	Action  string // Meilisearch's name of the action that a key must hold; several, separated by a space, must all be held
}

// settingRoutes are the sub-routes of settings with the verb that changes them.
var settingRoutes = []struct{ name, verb string }{
	{"filterable-attributes", "PUT"},
	{"sortable-attributes", "PUT"},
	{"displayed-attributes", "PUT"},
	{"searchable-attributes", "PUT"},
	{"stop-words", "PUT"},
	{"non-separator-tokens", "PUT"},
	{"separator-tokens", "PUT"},
	{"dictionary", "PUT"},
	{"synonyms", "PUT"},
	{"distinct-attribute", "PUT"},
	{"proximity-precision", "PUT"},
	{"localized-attributes", "PUT"},
	{"ranking-rules", "PUT"},
	{"search-cutoff-ms", "PUT"},
	{"facet-search", "PUT"},
	{"prefix-search", "PUT"},
	{"foreign-keys", "PUT"},
	{"chat", "PATCH"},
	{"typo-tolerance", "PATCH"},
	{"faceting", "PATCH"},
	{"pagination", "PATCH"},
	{"embedders", "PATCH"},
}

// Routes is the whole table, in the order in which patterns are tried: literal segments before placeholders.
func Routes() []Route {
	const ix = "/indexes/{index}"
	routes := []Route{
		{"GET", "/", Root, Open, ""},
		{"GET", "/health", Health, Open, ""},
		{"GET", "/version", Version, Keyed, "version"},
		{"GET", "/stats", Stats, Keyed, "stats.get"},

		{"GET", "/indexes", ListIndexes, Keyed, "indexes.get"},
		{"POST", "/indexes", CreateIndex, Keyed, "indexes.create"},
		{"GET", ix, GetIndex, Keyed, "indexes.get"},
		{"PATCH", ix, UpdateIndex, Keyed, "indexes.update"},
		{"DELETE", ix, DeleteIndex, Keyed, "indexes.delete"},
		{"POST", "/swap-indexes", SwapIndexes, Keyed, "indexes.swap"},
		{"GET", ix + "/stats", IndexStats, Keyed, "stats.get"},
		{"POST", ix + "/fields", ListFields, Keyed, "fields.post"},
		{"POST", ix + "/compact", CompactIndex, Keyed, "indexes.compact"},

		{"POST", ix + "/documents", AddDocuments, Keyed, "documents.add"},
		{"PUT", ix + "/documents", UpdateDocuments, Keyed, "documents.add"},
		{"GET", ix + "/documents", ListDocuments, Keyed, "documents.get"},
		{"DELETE", ix + "/documents", DeleteAll, Keyed, "documents.delete"},
		{"POST", ix + "/documents/fetch", FetchDocuments, Keyed, "documents.get"},
		{"POST", ix + "/documents/delete-batch", DeleteDocuments, Keyed, "documents.delete"},
		{"POST", ix + "/documents/delete", DeleteByFilter, Keyed, "documents.delete"},
		{"POST", ix + "/documents/edit", EditDocuments, Keyed, "documents.*"},
		{"GET", ix + "/documents/{id}", GetDocument, Keyed, "documents.get"},
		{"DELETE", ix + "/documents/{id}", DeleteDocument, Keyed, "documents.delete"},

		{"POST", ix + "/search", SearchPost, Keyed, "search"},
		{"GET", ix + "/search", SearchGet, Keyed, "search"},
		{"POST", ix + "/facet-search", FacetSearch, Keyed, "search"},
		{"GET", ix + "/similar", SimilarGet, Keyed, "search"},
		{"POST", ix + "/similar", SimilarPost, Keyed, "search"},
		{"POST", "/multi-search", MultiSearch, Keyed, "search"},
		{"POST", ix + "/explain", Explain, KeyedOrAdmin, "search"},
		{"POST", "/multi-search/explain", ExplainMulti, KeyedOrAdmin, "search"},

		{"GET", ix + "/settings", GetSettings, Keyed, "settings.get"},
		{"PATCH", ix + "/settings", UpdateSettings, Keyed, "settings.update"},
		{"DELETE", ix + "/settings", ResetSettings, Keyed, "settings.update"},
	}
	for _, s := range settingRoutes {
		p := ix + "/settings/" + s.name
		routes = append(routes,
			Route{"GET", p, GetSettings, Keyed, "settings.get"},
			Route{s.verb, p, UpdateSettings, Keyed, "settings.update"},
			Route{"DELETE", p, ResetSettings, Keyed, "settings.update"})
	}
	return append(routes, restOfTable()...)
}

func restOfTable() []Route {
	return []Route{
		{"GET", "/tasks", ListTasks, Keyed, "tasks.get"},
		{"GET", "/tasks/{id}", GetTask, Keyed, "tasks.get"},
		{"GET", "/tasks/{id}/documents", Unserved, Keyed, "tasks.get"},
		{"POST", "/tasks/cancel", CancelTasks, Keyed, "tasks.cancel"},
		{"POST", "/tasks/compact", Unserved, Keyed, "tasks.compact"},
		{"DELETE", "/tasks", DeleteTasks, Keyed, "tasks.delete"},
		{"GET", "/batches", ListBatches, Keyed, "tasks.get"},
		{"GET", "/batches/{id}", GetBatch, Keyed, "tasks.get"},

		{"GET", "/keys", ListKeys, Keyed, "keys.get"},
		{"POST", "/keys", CreateKey, Keyed, "keys.create"},
		{"GET", "/keys/{id}", GetKey, Keyed, "keys.get"},
		{"PATCH", "/keys/{id}", UpdateKey, Keyed, "keys.update"},
		{"DELETE", "/keys/{id}", DeleteKey, Keyed, "keys.delete"},

		{"POST", "/dumps", CreateDump, Keyed, "dumps.create"},
		{"POST", "/snapshots", CreateSnapshot, Keyed, "snapshots.create"},
		{"POST", "/export", Unserved, Keyed, "export"},
		{"GET", "/metrics", GetMetrics, Keyed, "metrics.get"},
		{"POST", "/logs/stream", Unserved, Keyed, "metrics.get"},
		{"DELETE", "/logs/stream", Unserved, Keyed, "metrics.get"},
		{"POST", "/logs/stderr", Unserved, Keyed, "metrics.get"},
		{"GET", "/experimental-features", GetFeatures, Keyed, "experimental.get"},
		{"PATCH", "/experimental-features", UpdateFeatures, Keyed, "experimental.update"},
		{"GET", "/webhooks", ListWebhooks, Keyed, "webhooks.get"},
		{"POST", "/webhooks", CreateWebhook, Keyed, "webhooks.create"},
		{"GET", "/webhooks/{id}", GetWebhook, Keyed, "webhooks.get"},
		{"PATCH", "/webhooks/{id}", UpdateWebhook, Keyed, "webhooks.update"},
		{"DELETE", "/webhooks/{id}", DeleteWebhook, Keyed, "webhooks.delete"},
		{"GET", "/network", Unserved, Keyed, "network.get"},
		{"PATCH", "/network", Unserved, Keyed, "network.update"},
		{"POST", "/network/control", Unserved, Keyed, "network.update"},
		{"POST", "/render-template", Unserved, Keyed, "settings.get documents.get"},
		{"POST", "/dynamic-search-rules", Unserved, Keyed, "dynamicSearchRules.get"},
		{"DELETE", "/dynamic-search-rules", Unserved, Keyed, "dynamicSearchRules.delete"},
		{"GET", "/dynamic-search-rules/{id}", Unserved, Keyed, "dynamicSearchRules.get"},
		{"PATCH", "/dynamic-search-rules/{id}", Unserved, Keyed, "dynamicSearchRules.update"},
		{"DELETE", "/dynamic-search-rules/{id}", Unserved, Keyed, "dynamicSearchRules.delete"},
		{"GET", "/chats", Unserved, Keyed, "chats.get"},
		{"GET", "/chats/{id}", Unserved, Keyed, "chats.get"},
		{"DELETE", "/chats/{id}", Unserved, Keyed, "chats.delete"},
		{"GET", "/chats/{id}/settings", Unserved, Keyed, "chatsSettings.get"},
		{"PATCH", "/chats/{id}/settings", Unserved, Keyed, "chatsSettings.update"},
		{"DELETE", "/chats/{id}/settings", Unserved, Keyed, "chatsSettings.update"},
		{"POST", "/chats/{id}/chat/completions", Unserved, Keyed, "chatCompletions"},
	}
}
