package session

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/testkit/need"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

var _ = Describe("documents/edit: what one Meilisearch 1.50 was seen to answer", func() {
	BeforeEach(func() { need.Feature(GinkgoT(), need.V150Routes) }) // every spec tells its need, and nothing is started in vain
	Context("one after the other", Ordered, editions)
})

func editions() {
	var w *world
	const path = "/indexes/b/documents/edit"

	BeforeAll(func(ctx SpecContext) {
		w = start(ctx, provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 8})
		Expect(w.must(ctx, "PATCH", "/experimental-features", map[string]bool{"editDocumentsByFunction": true}).status).To(Equal(http.StatusOK))
		w.succeeded(ctx, w.must(ctx, "POST", "/indexes/b/documents?primaryKey=id",
			`[{"id":1,"n":1},{"id":2,"n":5},{"id":3,"n":"z"},{"id":4,"n":50,"a":[1,{"b":2.5}],"gone":null}]`).task())
		w.succeeded(ctx, w.must(ctx, "PUT", "/indexes/b/settings/filterable-attributes", []string{"n"}).task())
	}, NodeTimeout(longest))

	// edit runs a function and returns what became of its task.
	edit := func(ctx SpecContext, body string) map[string]any {
		GinkgoHelper()
		return w.ended(ctx, w.must(ctx, "POST", path, body).task())
	}
	document := func(ctx SpecContext, id string) string {
		GinkgoHelper()
		return w.must(ctx, "GET", "/indexes/b/documents/"+id, nil).body
	}

	It("refuses what can not be understood, in the engine's words (ER-1)", func(ctx SpecContext) {
		for body, want := range map[string]string{
			`{"function":"doc.x=("}`:                 `{"message":"Script is incomplete (line 1, position 8)","code":"bad_request"`,
			`{"function":"doc.x=1 2"}`:               `{"message":"Expecting ';' to terminate this statement (line 1, position 9)","code":"bad_request"`,
			`{"function":"doc.x=1","filter":""}`:     `{"message":"Sending an empty filter is forbidden.","code":"invalid_document_filter"`,
			`{"function":"doc.x=1","filter":[]}`:     `{"message":"Sending an empty filter is forbidden.","code":"invalid_document_filter"`,
			`{"function":"doc.x=1","filter":"a = "}`: `{"message":"Index ` + "`b`" + `: Was expecting a value but instead got nothing.\n5:5 a = ","code":"invalid_document_filter"`,
			`{"function":"doc.x=1","context":1}`:     `{"message":"The context must be an object","code":"invalid_document_edition_context"`,
		} {
			got := w.must(ctx, "POST", path, body)
			Expect(got.status).To(Equal(http.StatusBadRequest), "%s: %s", body, got.body)
			Expect(got.body).To(HavePrefix(want), body)
		}
	}, SpecTimeout(longest))

	It("edits the documents that a filter selects, and says so", func(ctx SpecContext) {
		task := edit(ctx, `{"function":"doc.n += context.k","context":{"k":3,"b":{"z":1,"a":2}},"filter":"n < 10"}`)
		details, err := json.Marshal(task["details"])
		Expect(err).NotTo(HaveOccurred())
		Expect(task).To(HaveKeyWithValue("status", "succeeded"), "%v", task["error"])
		Expect(string(details)).To(MatchJSON(
			`{"editedDocuments":2,"deletedDocuments":2,"originalFilter":"\"n < 10\"","context":{"k":3,"b":{"z":1,"a":2}},"function":"doc.n += context.k"}`))
		Expect(document(ctx, "1")).To(Equal(`{"id":1,"n":4}`))
		Expect(document(ctx, "2")).To(Equal(`{"id":2,"n":8}`))
		Expect(document(ctx, "4")).To(Equal(`{"id":4,"n":50,"a":[1,{"b":2.5}],"gone":null}`))
	}, SpecTimeout(longest))

	It("lets a function see and replace whole documents, without the reserved fields (RS-3)", func(ctx SpecContext) {
		Expect(edit(ctx, `{"function":"fn f(x) { x + 1 } doc = #{id: doc.id, len: f(doc.len())} // all"}`)).To(HaveKeyWithValue("status", "succeeded"))
		Expect(document(ctx, "1")).To(Equal(`{"id":1,"len":3}`))
		Expect(document(ctx, "4")).To(Equal(`{"id":4,"len":5}`))
		found := w.must(ctx, "POST", "/indexes/b/search", map[string]any{"page": 1})
		Expect(found.body).To(ContainSubstring(`"totalHits":4`), "documents that lost their shard are in no leg")
	}, SpecTimeout(longest))

	It("fails as one engine does, with positions as in the client's function", func(ctx SpecContext) {
		for body, want := range map[string]string{
			`{"function":"throw \"boom\""}`: "Index `b`: Document edition runtime error encountered while running the function: Runtime error: boom (line 1, position 1)",
			`{"function":"doc.id = 9"}`:     "Index `b`: Document editions cannot modify a document's primary key",
			`{"function":"doc = 7"}`:        "Index `b`: Document editions must keep documents as objects",
		} {
			task := edit(ctx, body)
			Expect(task).To(HaveKeyWithValue("status", "failed"), body)
			Expect(task["error"]).To(And(HaveKeyWithValue("message", want), HaveKeyWithValue("code", "edit_documents_by_function_error")))
			Expect(task["details"]).To(And(HaveKeyWithValue("editedDocuments", 0.0), HaveKeyWithValue("deletedDocuments", BeNil())))
		}
		missing := w.ended(ctx, w.must(ctx, "POST", "/indexes/none/documents/edit?customMetadata=hey", `{"function":"doc.x=1"}`).task())
		Expect(missing["error"]).To(And(HaveKeyWithValue("message", "Index `none` not found."), HaveKeyWithValue("code", "index_not_found")))
		Expect(missing["details"]).To(And(HaveKeyWithValue("editedDocuments", 0.0), HaveKeyWithValue("deletedDocuments", BeNil())))
		Expect(missing).To(HaveKeyWithValue("customMetadata", "hey"))
	}, SpecTimeout(longest))

	It("runs a function once where its request is sent twice, and deletes what it makes nothing", func(ctx SpecContext) {
		const body = `{"function":"if doc.len == 5 { doc = () } else { doc.len += 1 }"}`
		first := w.must(ctx, "POST", path, body, "Idempotency-Key", "edit")
		Expect(w.must(ctx, "POST", path, body, "Idempotency-Key", "edit").body).To(Equal(first.body))
		w.succeeded(ctx, first.task())
		Expect(document(ctx, "1")).To(Equal(`{"id":1,"len":4}`))
		Expect(w.must(ctx, "GET", "/indexes/b/documents/4", nil).status).To(Equal(http.StatusNotFound))
	}, SpecTimeout(longest))

	// Every function has a document of its own, so that all can be under way at the same time.
	It("makes the same of functions as one engine, `return` included (RS-3, ER-1)", func(ctx SpecContext) {
		one := node.Start(GinkgoTB(), node.Options{})
		lone := lonely{one.URL, one.MasterKey}
		lone.ask(ctx, "PATCH", "/experimental-features", map[string]bool{"editDocumentsByFunction": true})
		var list []map[string]any
		for i := range len(functions) + len(failing) {
			list = append(list, map[string]any{"id": i, "n": 7, "tags": []any{"b", "a", 1.5}, "deep": map[string]any{"x": nil, "ü": "ß"}, "text": "one two"})
		}
		made := lone.ask(ctx, "POST", "/indexes/fns/documents?primaryKey=id", list).task()
		w.succeeded(ctx, w.must(ctx, "POST", "/indexes/fns/documents?primaryKey=id", list).task())
		filterable := lone.ask(ctx, "PUT", "/indexes/fns/settings/filterable-attributes", []string{"id"}).task()
		w.succeeded(ctx, w.must(ctx, "PUT", "/indexes/fns/settings/filterable-attributes", []string{"id"}).task())
		Expect(lone.ended(ctx, made)).To(HaveKeyWithValue("status", "succeeded"))
		Expect(lone.ended(ctx, filterable)).To(HaveKeyWithValue("status", "succeeded"))

		both := func(from int, functions []string) {
			ours, theirs := make([]answer, len(functions)), make([]answer, len(functions))
			for i, f := range functions {
				body := map[string]any{"function": f, "filter": fmt.Sprint("id = ", from+i), "context": map[string]any{"k": 3, "names": []string{"x", "y"}}}
				theirs[i] = lone.ask(ctx, "POST", "/indexes/fns/documents/edit", body)
				// Where one before has failed on some nodes, their copies of other shards may be under repair.
				Eventually(func() int {
					ours[i] = w.must(ctx, "POST", "/indexes/fns/documents/edit", body, "Idempotency-Key", fmt.Sprint("function-", from+i))
					return ours[i].status
				}).WithContext(ctx).WithTimeout(longest).ShouldNot(Equal(http.StatusServiceUnavailable))
				Expect(ours[i].status).To(Equal(theirs[i].status), "%s: %s, %s", f, ours[i].body, theirs[i].body)
			}
			for i, f := range functions {
				if theirs[i].status != http.StatusAccepted {
					Expect(ours[i].body).To(Equal(theirs[i].body), f)
					continue
				}
				got, want := w.ended(ctx, ours[i].task()), lone.ended(ctx, theirs[i].task())
				for _, what := range []string{"status", "error", "details"} {
					Expect([]any{got[what]}).To(Equal([]any{want[what]}), "%s of %s", what, f)
				}
				path := fmt.Sprint("/indexes/fns/documents/", from+i)
				Expect(w.must(ctx, "GET", path, nil).body).To(Equal(lone.ask(ctx, "GET", path, nil).body), f)
			}
		}
		both(0, functions)
		both(len(functions), failing)
		Expect(w.must(ctx, "POST", "/indexes/fns/search", map[string]any{"page": 1, "hitsPerPage": 1}).body).
			To(ContainSubstring(fmt.Sprintf(`"totalHits":%d`, strings.Count(lone.ask(ctx, "GET", "/indexes/fns/documents?limit=1000&fields=id", nil).body, `"id"`))),
				"documents that lost their shard are in no leg")
	}, SpecTimeout(2*longest))
}

// functions are run on a document with n: 7, tags, deep and text, and a context with k: 3 and names.
var functions = []string{
	"",
	"return",
	"doc.x = 1; return; doc.x = 2",
	"if doc.n == 7 { doc.x = context.k; return 12; } doc.x = -1",
	"if doc.n != 7 { return } doc.x = `${doc.n}: ${if doc.n > 5 { \"return\" } else { \"less\" }}`",
	"for tag in doc.tags { if tag == \"a\" { return } doc.seen = tag }",
	"let i = 0; while true { i += 1; if i > doc.n { doc.i = i; return } }",
	"switch doc.n { 1 => { doc.x = 1 } 7 => { doc.x = 7; return } } doc.x = 0",
	"fn twice(x) { return x * 2; }\ndoc.n = twice(doc.n)",
	"fn twice(x) { if x > 100 { return x } return x * 2 }\ndoc.n = twice(doc.n);\nif doc.n > 10 { return }\ndoc.n = 0",
	"private fn a(x) { b(x) + 1 } doc.n = a(doc.n); return; fn b(x) { return x * 3 }",
	"let doc = #{id: doc.id, fresh: true}; return",
	"doc = #{id: doc.id, len: doc.len(), keys: doc.keys()}; return 1",
	"doc = (); return",
	"doc.remove(\"deep\"); { let doc = 3; return }",
	"try { throw \"own\" } catch (e) { doc.e = e; return }",
	"eval(\"doc.x = 1; return\"); doc.y = 2",
	"if true { eval(\"doc.x = 1; return\"); return } doc.y = 2",
	"let returns = \"return\"; doc.returned = returns // return",
	"doc.tags = doc.tags.map(|t| { return `${t}!`; })",
	"doc.x = #{a: 1, b: [1, #{c: ()}]}; return\n\n",
	"doc.a = 'r'; doc.b = \"\\\"return\\\"\\n\"; doc.c = #\"ra\\w\"#; return",
}

// failing are functions that fail on the same document, or that are refused.
var failing = []string{
	"doc = 7; return",
	"doc.id = 99999; return",
	"throw \"first\"; return",
	"   throw \"later\"; return",
	"\n\n  let ü = 1; throw ü; return",
	"doc.x = nothing; return",
	"doc.x = context.nothing.more; return",
	"doc.x = doc.n / 0; return",
	"context.k = 4; return",
	"fn f(x) { g(x) }\nfn g(x) {\n  throw x\n}\n\nif doc.n == 7 { f(doc.n) }\nreturn",
	"fn f() { missing() } return f()",
	"let f = 1; eval(\"throw f\"); return",
	"loop { } return",
	"return doc.x = (",
	"return }",
	"return 1 2",
	"if doc.a > { return }",
}

// lonely is one engine without a cluster.
type lonely struct{ url, key string }

func (l lonely) ask(ctx context.Context, method, path string, body any) answer {
	GinkgoHelper()
	raw := []byte{}
	if body != nil {
		var err error
		raw, err = json.Marshal(body)
		Expect(err).NotTo(HaveOccurred())
	}
	r, err := http.NewRequestWithContext(ctx, method, l.url+path, bytes.NewReader(raw))
	Expect(err).NotTo(HaveOccurred())
	r.Header.Set("Authorization", "Bearer "+l.key)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(r)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	Expect(err).NotTo(HaveOccurred())
	return answer{res.StatusCode, res.Header, string(text)}
}

func (l lonely) ended(ctx context.Context, uid uint32) (task map[string]any) {
	GinkgoHelper()
	Eventually(func() any {
		Expect(json.Unmarshal([]byte(l.ask(ctx, "GET", fmt.Sprint("/tasks/", uid), nil).body), &task)).To(Succeed())
		return task["status"]
	}).WithContext(ctx).WithTimeout(longest).WithPolling(20 * time.Millisecond).Should(BeElementOf("succeeded", "failed"))
	return task
}
