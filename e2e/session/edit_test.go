package session

import (
	"encoding/json"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/testkit/need"
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
}
