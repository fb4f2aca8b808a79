package operation

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/miroir-search/miroir/internal/testkit/golden"
)

// index is about indexes as such.
func (m maker) index() golden.Request {
	switch m.IntN(8) {
	case 0, 1, 2:
		return request(http.MethodPost, "/indexes", m.object("uid", m.value(20, text(m.uid())), "uid", m.value(30, text(m.uid())), "primaryKey", m.value(8, pick(m, `"id"`, `"isbn"`, "null"))))
	case 3:
		return request(http.MethodGet, "/indexes"+m.query("limit", m.number(), "offset", m.number()), "")
	case 4:
		return request(http.MethodGet, m.path(""), "")
	case 5:
		return request(http.MethodPatch, m.path(""), m.object("primaryKey", m.value(5, pick(m, `"id"`, `"isbn"`, `"nested.id"`))))
	case 6:
		return request(http.MethodPatch, m.path(""), m.object("uid", m.value(8, text(m.uid()))))
	default:
		return request(http.MethodDelete, m.path(""), "")
	}
}

func (m maker) swap() golden.Request {
	pair := func() string {
		return m.value(20, m.object("indexes", m.value(10, "["+text(m.uid())+","+text(m.uid())+"]"), "indexes", m.value(10, "["+text(m.uid())+","+text(m.uid())+"]"), "rename", m.value(12, pick(m, "false", "true"))))
	}
	pairs := make([]string, m.IntN(3))
	for i := range pairs {
		pairs[i] = pair()
	}
	return request(http.MethodPost, "/swap-indexes", m.value(15, "["+strings.Join(pairs, ",")+"]"))
}

// known is a placeholder for the uid of a task, or no uid.
func (m maker) known() string {
	if m.tasks == 0 || m.one(12) {
		return pick(m, "999999", "-1", "abc", "*", "4294967296", "1.0")
	}
	return fmt.Sprintf("{task:%d}", m.IntN(m.tasks))
}

// filters are parameters that choose tasks.
func (m maker) filters() []string {
	return []string{
		"uids", m.known() + pick(m, "", ","+m.known()), "statuses", pick(m, "succeeded", "failed", "canceled,enqueued", "*", "Succeeded", "done", ""),
		"types", pick(m, "settingsUpdate", "indexCreation,indexDeletion", "documentAdditionOrUpdate", "*", "unknown", "indexSwap"),
		"indexUids", pick(m, "a", "a,b", "*", "with%20space", "nowhere"), "canceledBy", pick(m, "abc", m.known()),
		"afterEnqueuedAt", pick(m, "2020-01-01", "2020-01-01T00:00:00Z", "yesterday", "2100-01-01"), "beforeFinishedAt", pick(m, "2100-01-01T00:00:00Z", "2000-01-01", "12"),
	}
}

// task looks at tasks and batches.
func (m maker) task() golden.Request {
	list := append(m.filters(), "limit", m.number(), "from", m.known(), "reverse", pick(m, "true", "false", "1"))
	switch m.IntN(6) {
	case 0, 1:
		return request(http.MethodGet, "/tasks"+m.query(list...), "")
	case 2:
		return request(http.MethodGet, "/tasks/"+m.known(), "")
	case 3:
		return request(http.MethodGet, "/batches"+m.query(list...), "")
	case 4:
		return request(http.MethodGet, "/batches/"+m.known(), "")
	default:
		return request(http.MethodPost, "/tasks/cancel"+m.query(m.filters()...), "")
	}
}

// end deletes tasks: few, for what is deleted can not be looked at any more.
func (m maker) end() golden.Request {
	return request(http.MethodDelete, "/tasks"+m.query("uids", m.known(), "statuses", pick(m, "done", "enqueued"), "types", pick(m, "unknown", "indexSwap"), "indexUids", pick(m, "nowhere", "p-1")), "")
}

// key is about keys: their uids are given, so that their values are the same everywhere.
func (m maker) key() golden.Request {
	uid := fmt.Sprintf("6062abda-a5aa-4414-ac91-ecd7944c0f8%d", m.IntN(4))
	name := pick(m, uid, uid, uid, "nobody", "6062abda-a5aa-4414-ac91-ecd7944c0fff", url.PathEscape("with space"))
	switch m.IntN(6) {
	case 0, 1:
		return request(http.MethodPost, "/keys", `{"uid":`+m.value(12, text(uid))+","+m.object("name", m.value(8, `"a key"`), "description", m.value(6, `"of a test"`),
			"actions", m.value(10, pick(m, `["*"]`, `["search"]`, `["documents.*","indexes.get"]`, `[]`, `["unknown"]`, `["search","search"]`, `["metrics.get"]`)), "actions", m.value(10, `["search","tasks.get"]`),
			"indexes", m.value(10, pick(m, `["*"]`, `["a","b"]`, `["a*"]`, `[]`, `["with space"]`, `["a**"]`)), "indexes", m.value(10, `["*"]`),
			"expiresAt", m.value(8, pick(m, "null", `"2100-01-01"`, `"2100-01-01T00:00:00Z"`, `"2000-01-01"`, `"soon"`, `"2100-01-01 00:00:00"`)), "expiresAt", m.value(8, "null"), "description", "null")[1:])
	case 2:
		return request(http.MethodGet, "/keys"+m.query("limit", m.number(), "offset", m.number()), "")
	case 3:
		return request(http.MethodGet, "/keys/"+name, "")
	case 4:
		return request(http.MethodPatch, "/keys/"+name, m.object("name", m.value(5, `"renamed"`), "description", m.value(5, "null"), pick(m, "uid", "actions", "indexes", "expiresAt", "key", "createdAt", "name"), m.wrong()))
	default:
		return request(http.MethodDelete, "/keys/"+name, "")
	}
}

// search asks for little: comparing what searches find is the business of e2e/compare.
func (m maker) search() golden.Request {
	members := []string{"q", m.value(8, `""`), "limit", m.value(6, "0"), "offset", m.value(6, "0"), "filter", m.value(10, m.filter()), "facets", m.value(8, pick(m, `["genres"]`, `["*"]`, `["unknown"]`)),
		"sort", m.value(8, pick(m, `["id:asc"]`, `["unknown:asc"]`, `["year"]`)), "matchingStrategy", m.value(8, `"all"`), "attributesToRetrieve", m.value(8, `["id"]`), "page", m.value(10, "1"), "hitsPerPage", m.value(6, "0"),
		"showRankingScore", m.value(8, "true"), "rankingScoreThreshold", m.value(6, "0.5"), "distinct", m.value(6, `"genres"`), "locales", m.value(6, `["eng"]`), "hybrid", m.value(4, `{"embedder":"own","semanticRatio":0.5}`),
		"attributesToSearchOn", m.value(6, `["title"]`), "cropLength", m.value(6, "5")}
	switch m.IntN(5) {
	case 0, 1:
		return request(http.MethodPost, m.path("/search"), m.object(members...))
	case 2:
		return request(http.MethodGet, m.path("/search"+m.query("q", "x", "limit", m.number(), "page", m.number(), "filter", "year%20%3E%202000", "sort", "unknown:asc", "showRankingScore", pick(m, "true", "x"), "rankingScoreThreshold", pick(m, "0.1", "2", "x"), "matchingStrategy", pick(m, "last", "first"))), "")
	case 3:
		return request(http.MethodPost, m.path("/facet-search"), m.object("facetName", m.value(8, pick(m, `"genres"`, `"unknown"`, `"year"`)), "facetName", `"genres"`, "facetQuery", m.value(8, `"a"`), "filter", m.value(10, m.filter()), "q", m.value(8, `"x"`), "exhaustiveFacetCount", m.value(6, "true")))
	default:
		query := m.object(append([]string{"indexUid", m.value(12, text(m.uid())), "indexUid", text(m.uid())}, members...)...)
		return request(http.MethodPost, "/multi-search", m.object("queries", m.value(12, "["+query+"]"), "queries", "["+query+"]", "federation", pick(m, "null", "null", "{}", `{"limit":0}`, m.wrong())))
	}
}

// state is about the whole server.
func (m maker) state() golden.Request {
	switch m.IntN(5) {
	case 0:
		return request(http.MethodGet, "/stats"+m.query("showInternalDatabaseSizes", pick(m, "true", "false", "x"), "sizeFormat", pick(m, "raw", "x", "Human")), "")
	case 1:
		return request(http.MethodGet, "/health", "")
	case 2:
		return request(http.MethodGet, "/experimental-features", "")
	default:
		return request(http.MethodPatch, "/experimental-features", m.object("containsFilter", m.value(10, pick(m, "true", "false")), "editDocumentsByFunction", m.value(10, pick(m, "true", "false")), "compositeEmbedders", m.value(10, pick(m, "true", "false")), "multimodal", m.value(10, "false")))
	}
}

// stray goes to places that hardly exist.
func (m maker) stray() golden.Request {
	return request(pick(m, http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodPut, http.MethodPatch), pick(m, "/", "/indexes/", "/indexes//documents", "/unknown", "/indexes/a/unknown", "/indexes/a/documents/1/x", "/tasks/", "/keys/", "/version/x", "/health/", "/stats",
		"/indexes/a/settings/unknown", "/indexes/a/settings/", "/multi-search/", "/swap-indexes/x", "//health", "/HEALTH", "/indexes/a/search/x", "/indexes/%2e%2e/stats", "/indexes/a%2Fb/stats", "/batches/", "/tasks/cancel", "/documents"), pick(m, "", "{}", "[]"))
}
