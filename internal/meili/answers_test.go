package meili

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
)

// exchange is one line of testdata/answers.jsonl: a request, and what a Meilisearch 1.50 answered when it refused it.
type exchange struct {
	Method, Path string
	ContentType  *string
	Body         *string
	BodyBase64   []byte
	Status       int
	Answer       string
}

func (x exchange) body() []byte {
	if x.Body != nil {
		return []byte(*x.Body)
	}
	return x.BodyBase64
}

func readExchanges(t *testing.T, path string) []exchange {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var list []exchange
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var x exchange
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
	if lines.Err() != nil || len(list) == 0 {
		t.Fatal(path, lines.Err())
	}
	return list
}

// refuse is what this package answers to a request before anything is looked up: the gateway's order of checks.
func refuse(method, path, query string, contentType *string, body []byte) *apierr.Error {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range segments {
		segments[i], _ = url.PathUnescape(s)
	}
	if body != nil {
		ct := ""
		if contentType != nil {
			ct = *contentType
		}
		if e := CheckJSONContentType(ct); e != nil {
			return e
		}
	}
	missing := false
	if segments[0] == "indexes" && len(segments) > 1 {
		missing = segments[1] == "none"
		if e := CheckIndexUID(segments[1]); e != nil && segments[len(segments)-1] != "fields" {
			return e
		}
		segments[1] = "{}"
	}
	route := method + " /" + strings.Join(segments, "/")
	if strings.HasPrefix(route, "GET /tasks/") {
		_, e := ParseTaskUID(segments[1])
		return e
	}
	if method == "GET" || body == nil {
		return refuseQuery(route, query)
	}
	return refuseBody(route, segments, body, missing)
}

func refuseQuery(route, query string) (e *apierr.Error) {
	switch route {
	case "GET /indexes":
		_, e = ParsePage(query, apierr.InvalidIndexOffset, apierr.InvalidIndexLimit)
	case "GET /tasks":
		_, e = ParseTaskQuery(query)
	case "POST /tasks/cancel":
		_, e = ParseTaskCancelation(query)
	case "DELETE /tasks":
		_, e = ParseTaskDeletion(query)
	case "GET /indexes/{}/documents":
		var q *DocumentsQuery
		if q, e = ParseDocumentsParameters(query); e == nil {
			e = q.Check()
		}
	case "GET /indexes/{}/documents/1":
		e = ParseDocumentQuery(query)
	case "GET /indexes/{}/search":
		var q *SearchQuery
		if q, e = ParseSearchParameters(query); e == nil {
			e = q.Check()
		}
	case "GET /indexes/{}/similar":
		var q *SimilarQuery
		if q, e = ParseSimilarParameters(query); e == nil {
			e = q.Check()
		}
	case "DELETE /indexes/{}/documents", "DELETE /indexes/{}/documents/1":
		_, e = ParseCustomMetadata(query)
	}
	return e
}

// refuseMulti is what is wrong with a multi-search whose indexes all exist but `none` and `nope`.
func refuseMulti(body []byte) *apierr.Error {
	m, e := ParseMultiSearch(body)
	if e != nil {
		return e
	}
	for i := range m.Queries {
		if e := m.Queries[i].CheckFilter(); e != nil && m.Federation != nil {
			return Inside(i, e)
		}
	}
	if m.Federation != nil && m.Federation.Personalize {
		return PersonalizationRefused()
	}
	for i := range m.Queries {
		q := &m.Queries[i]
		check := q.CheckPlain
		if m.Federation != nil {
			check = func() *apierr.Error { return q.CheckFederated(m.Federation) }
		}
		if e := check(); e != nil {
			return Inside(i, e)
		}
		if e := q.Acceptable(); e != nil {
			return Inside(i, e)
		}
		if q.IndexUID == "none" || q.IndexUID == "nope" {
			e := IndexNotFound(q.IndexUID)
			e.Status = http.StatusBadRequest
			return Inside(i, e)
		}
		if e := q.Check(); e != nil {
			return Inside(i, e)
		}
	}
	return nil
}

func refuseBody(route string, segments []string, body []byte, missing bool) (e *apierr.Error) {
	switch route {
	case "POST /indexes":
		_, e = ParseIndexCreation(body)
	case "PATCH /indexes/{}":
		_, e = ParseIndexUpdate(body)
	case "POST /indexes/{}/similar":
		var q *SimilarQuery
		if q, e = ParseSimilarBody(body); e == nil {
			if e = q.Check(); e != nil && q.Embedder != "default" {
				e = SimilarEmbedderNotFound(q.Embedder)
			}
		}
	case "POST /multi-search":
		e = refuseMulti(body)
	case "POST /indexes/{}/fields":
		_, e = ParseFieldsBody(body)
	case "POST /swap-indexes":
		_, e = ParseSwaps(body)
	case "POST /indexes/{}/documents/delete-batch":
		_, e = ParseIDs(body)
	case "POST /indexes/{}/documents/delete":
		_, e = ParseFilterBody(body)
	case "POST /indexes/{}/documents/fetch":
		var q *DocumentsQuery
		if q, e = ParseDocumentsBody(body); e == nil && !missing {
			e = q.Check()
		}
	case "POST /indexes/{}/search":
		var q *SearchQuery
		if q, e = ParseSearchBody(body); e == nil && !missing {
			e = q.Check()
		}
	case "PATCH /indexes/{}/settings":
		_, e = ParseSettings(body, nil)
	default:
		if len(segments) == 4 && segments[2] == "settings" {
			_, e = ParseSetting(segments[3], body, nil)
		}
	}
	return e
}

// judgedByNodes are refusals that depend on the index, or on languages inside strings, and come from the nodes.
var judgedByNodes = []string{
	"not_found", "Was expecting", "Invalid syntax for the sort parameter", "is not sortable", "is not filterable",
	"is not searchable", "Invalid facet distribution", "are incompatible",
	"could not parse `", "Invalid template", "Error while generating embeddings", "Cannot find embedder",
}

// RT-7: every refusal of this package is byte for byte Meilisearch's, and it refuses nothing that Meilisearch accepts.
func TestAnswers(t *testing.T) {
	for _, x := range slices.Concat(readExchanges(t, "testdata/answers.jsonl"), readExchanges(t, "testdata/multisearch.jsonl"),
		readExchanges(t, "testdata/similar.jsonl"), readExchanges(t, "testdata/fields.jsonl")) {
		path, query, _ := strings.Cut(x.Path, "?")
		compare(t, x, refuse(x.Method, path, query, x.ContentType, x.body()))
	}
}

func compare(t *testing.T, x exchange, e *apierr.Error) {
	t.Helper()
	what := x.Method + " " + x.Path + " " + string(x.body())
	if len(what) > 300 {
		what = what[:300] + "…"
	}
	switch {
	case e == nil && x.Status < 400:
	case e == nil:
		for _, mark := range judgedByNodes {
			if strings.Contains(x.Answer, mark) && !strings.Contains(x.Answer, "as a positive integer") && !strings.Contains(x.Answer, "as a boolean") {
				return
			}
		}
		t.Errorf("%s\naccepted, want %d %s", what, x.Status, x.Answer)
	case e.Status != x.Status || string(e.JSON()) != x.Answer:
		t.Errorf("%s\nanswers %d %s\nwant    %d %s", what, e.Status, e.JSON(), x.Status, x.Answer)
	}
}
