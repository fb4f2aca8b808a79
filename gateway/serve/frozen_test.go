package serve

import (
	"net/http"
	"testing"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
)

// A5.8: a frozen index refuses writes of documents, under its name or an alias. Everything else goes on, changes of its settings
// above all.
func TestA58FrozenIndexTakesNoDocuments(t *testing.T) {
	b := routing.NewBuilder()
	for k, v := range map[string]string{
		"indexes/x": `{"v":1,"uid":"x","physical":"x--0","shards":1}`, "placement/x--0": `{"v":1,"physical":"x--0","shards":1}`,
		"indexes/y": `{"v":1,"uid":"y","physical":"y--0","shards":1}`, "placement/y--0": `{"v":1,"physical":"y--0","shards":1}`,
		"settings/x--0": `{"v":1,"version":2,"client_view":{},"frozen":{"task":7,"at":"2026-11-26T00:00:00Z"}}`,
		"aliases/a":     `{"v":1,"name":"a","kind":"single","current_uid":"x","version":1}`,
	} {
		if err := b.Put(k, []byte(v), 3); err != nil {
			t.Fatal(err)
		}
	}
	v := b.View()
	refused := map[operation.Kind]bool{
		operation.AddDocuments: true, operation.UpdateDocuments: true, operation.DeleteDocument: true, operation.DeleteDocuments: true,
		operation.DeleteByFilter: true, operation.DeleteAll: true, operation.EditDocuments: true,
	}
	for kind := range handlers {
		for _, index := range []string{"x", "a", "y", "none"} {
			e := frozen(&call{view: v, op: operation.Operation{Kind: kind, Index: index}})
			if want := refused[kind] && (index == "x" || index == "a"); (e != nil) != want {
				t.Errorf("%v of %s: %v", kind, index, e)
			}
			if e != nil && (e.Code != apierr.MiroirWritesFrozen || e.Status != http.StatusServiceUnavailable || reply.Error(e).Header.Get("Retry-After") == "") {
				t.Errorf("%v of %s: %+v", kind, index, e)
			}
		}
	}
}
