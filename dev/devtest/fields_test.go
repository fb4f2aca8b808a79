package devtest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/dev/launch"
	"github.com/miroir-search/miroir/internal/testkit/need"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

// IN-1: the list of fields of a cluster is, byte for byte, that of one Meilisearch with the same history: for an index
// without documents, with settings, with documents whose fields lie in different shards, and after they are gone.
func TestFieldsAsOfOneMeilisearch(t *testing.T) {
	need.Feature(t, need.V150Routes)
	single := node.Start(t, node.Options{})
	lone := &cluster{t: t, Cluster: &launch.Cluster{Ready: launch.Ready{Ingress: single.URL}}}
	many := start(t, t.TempDir(), "--nodes", "3", "--replicas", "2")

	documents := make([]string, 40)
	for i := range documents {
		documents[i] = fmt.Sprintf(`{"id":%d,"title":"t","field%d":1,"deep":{"a":{"b%d":"x"}}}`, i, i%20, i%5)
	}
	for _, step := range []struct{ method, path, body string }{
		{"POST", "/indexes", `{"uid":"f","primaryKey":"id"}`},
		{"PATCH", "/indexes/f/settings", `{"displayedAttributes":["title","deep.a","_geo"],"sortableAttributes":["field1","deep"],` +
			`"searchableAttributes":["title","deep.a.b1"],"distinctAttribute":"field2","rankingRules":["words","field3:desc"],` +
			`"filterableAttributes":["field4",{"attributePatterns":["field1*"],"features":{"facetSearch":false,"filter":{"equality":true,"comparison":false}}}],` +
			`"faceting":{"sortFacetValuesBy":{"field4":"count"}},"localizedAttributes":[{"attributePatterns":["title"],"locales":["deu"]}]}`},
		{"POST", "/indexes/f/documents", `[{"id":1000,"_geo":{"lat":1,"lng":2},"title":"x"}]`},
		{"POST", "/indexes/f/documents", "[" + strings.Join(documents, ",") + "]"},
		{"DELETE", "/indexes/f/documents", ""},
		{"PATCH", "/indexes/f/settings", `{"displayedAttributes":null,"filterableAttributes":["*"]}`},
	} {
		lone.change(step.method, step.path, step.body)
		many.change(step.method, step.path, step.body)
		for _, body := range []string{
			`{}`, `{"limit":1000}`, `{"offset":3,"limit":5}`, `{"limit":1000,"filter":{"displayed":true}}`,
			`{"limit":1000,"filter":{"displayed":false,"attributePatterns":["field*","deep.a"]}}`, `{"filter":{"sortable":true}}`,
			`{"filter":{"searchable":false},"limit":7}`, `{"filter":{"distinct":true}}`, `{"filter":{"rankingRule":true}}`,
			`{"filter":{"filterable":true}}`, `{"filter":{"x":1}}`,
		} {
			if want, got := lone.fields(body), many.fields(body); got != want {
				t.Errorf("after %s %s: %s\ngot  %s\nwant %s", step.method, step.path, body, got, want)
			}
		}
	}
}

// fields gives status and text of a field list.
func (c *cluster) fields(body string) string {
	c.t.Helper()
	status, raw := c.text(http.MethodPost, "/indexes/f/fields", body)
	return fmt.Sprint(status, " ", string(raw))
}
