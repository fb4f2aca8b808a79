package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/gateway/reply"
)

// described is a field as an engine describes it: it displays everything.
func described(name string, sortable bool) string {
	return fmt.Sprintf(`{"name":%q,"displayed":{"enabled":true},"searchable":{"enabled":true},"sortable":{"enabled":%t},`+
		`"distinct":{"enabled":false},"rankingRule":{"enabled":false},"filterable":{"enabled":false,"sortBy":"alpha",`+
		`"facetSearch":false,"equality":false,"comparison":false},"localized":{"locales":[]}}`, name, sortable)
}

func described64k(fields ...string) scripted {
	return scripted{"/fields", `"limit":65536`, 200, fmt.Sprintf(
		`{"results":[%s],"offset":0,"limit":65536,"total":%d}`, strings.Join(fields, ","), len(fields))}
}

type fieldPage struct {
	Results []struct {
		Name      string
		Displayed struct{ Enabled bool }
	}
	Offset, Limit, Total int
}

func fieldsOf(t *testing.T, r *reply.Reply) (page fieldPage, names []string) {
	t.Helper()
	if r.Status != http.StatusOK {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	page = decode[fieldPage](t, r)
	for _, f := range page.Results {
		names = append(names, f.Name)
	}
	return page, names
}

// §2: the fields of all legs once, by name, as clients see them; filter and page are applied to the whole.
func TestFieldsOfAllLegs(t *testing.T) {
	nodes := []*readNode{
		{answers: []scripted{described64k(described("id", false), described("title", true), described("a", false), described("a.b", false))}},
		{answers: []scripted{described64k(described("id", false), described("Year", true), described("ab", false))}},
	}
	s := readService(t, nodes, [][]int{{0}, {1}}, `{"displayedAttributes":["title","a"]}`)
	post := func(body string) *reply.Reply {
		return ask(t, s, "", "POST", "/indexes/a/fields", json.RawMessage(body))
	}

	r := post(`{}`)
	page, names := fieldsOf(t, r)
	if want := []string{"Year", "a", "a.b", "ab", "id", "title"}; !slices.Equal(names, want) || page.Total != 6 || page.Limit != 20 || page.Offset != 0 {
		t.Errorf("%v of %+v, want %v", names, page, want)
	}
	for _, f := range page.Results {
		if want := f.Name == "title" || f.Name == "a" || f.Name == "a.b"; f.Displayed.Enabled != want {
			t.Errorf("%s: displayed %t, want %t", f.Name, f.Displayed.Enabled, want)
		}
	}
	if !strings.Contains(string(r.Body), described("title", true)) || r.Header.Get(reply.HeaderSettingsVersion) != "3" {
		t.Errorf("an engine's description was changed, or the answer names no settings version: %v %s", r.Header, r.Body)
	}

	for body, want := range map[string]string{
		`{"offset":1,"limit":2}`: "a a.b of 6",
		`{"offset":7}`:           " of 6",
		`{"limit":0}`:            " of 6",
		`{"limit":18446744073709551615,"offset":4}`:                                "id title of 6",
		`{"filter":{"displayed":false}}`:                                           "Year ab id of 3",
		`{"filter":{"displayed":true},"limit":1}`:                                  "a of 3",
		`{"filter":{"sortable":true}}`:                                             "Year title of 2",
		`{"filter":{"attributePatterns":["a*"]}}`:                                  "a a.b ab of 3",
		`{"filter":{"attributePatterns":["a.b"]}}`:                                 "a.b of 1",
		`{"filter":{"attributePatterns":[]}}`:                                      " of 0",
		`{"filter":{"attributePatterns":["*e"],"sortable":true,"displayed":null}}`: "title of 1",
		`{"filter":{"searchable":false}}`:                                          " of 0",
	} {
		page, names := fieldsOf(t, post(body))
		if got := fmt.Sprintf("%s of %d", strings.Join(names, " "), page.Total); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// RD-7, RD-8: a leg that fails is asked elsewhere; fields of shards that nobody answers for are said to be missing.
func TestFieldsOfFailedLegs(t *testing.T) {
	nodes := []*readNode{
		{answers: []scripted{described64k(described("id", false))}},
		{answers: []scripted{{"/fields", "", 503, stale}}},
		{answers: []scripted{described64k(described("title", false))}},
	}
	s := readService(t, nodes, [][]int{{0}, {1, 2}, {1}}, `{}`)
	r := ask(t, s, "", "POST", "/indexes/a/fields", json.RawMessage(`{}`))
	if _, names := fieldsOf(t, r); !slices.Equal(names, []string{"id", "title"}) || r.Header.Get(reply.HeaderDegraded) != "shards=2" {
		t.Errorf("%v, degraded %q", names, r.Header.Get(reply.HeaderDegraded))
	}
}

// An engine without the route is no failed node: the answer says that there is no such thing, and nobody is asked again.
func TestFieldsOfEnginesWithoutTheRoute(t *testing.T) {
	for name, answer := range map[string]scripted{
		"an older Meilisearch": {"/fields", "", 404, ""},
		"another engine":       {"/fields", "", 501, `{"message":"m","code":"not_implemented","type":"internal","link":"l"}`},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := []*readNode{{answers: []scripted{answer}}, {answers: []scripted{answer}}}
			s := readService(t, nodes, [][]int{{0, 1}}, `{}`)
			r := ask(t, s, "", "POST", "/indexes/a/fields", json.RawMessage(`{}`))
			wantFailure(t, r, 501, "miroir_not_implemented")
			if n := nodes[0].times("/fields") + nodes[1].times("/fields"); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// The body is judged before the index is looked for, and the name of the index by nobody, as Meilisearch does here.
func TestFieldsOfNoIndex(t *testing.T) {
	s := readService(t, []*readNode{{}}, [][]int{{0}}, `{}`)
	for path, want := range map[string]string{"/indexes/none/fields": "Index `none` not found.", "/indexes/a b/fields": "Index `a b` not found."} {
		wantFailure(t, ask(t, s, "", "POST", path, json.RawMessage(`{"x":1}`)), 400, "bad_request")
		r := ask(t, s, "", "POST", path, json.RawMessage(`{}`))
		wantFailure(t, r, 404, "index_not_found")
		if !strings.Contains(string(r.Body), want) {
			t.Errorf("%s: %s", path, r.Body)
		}
	}
}

func wantFailure(t *testing.T, r *reply.Reply, status int, code string) {
	t.Helper()
	if got := decode[struct{ Code string }](t, r).Code; r.Status != status || got != code {
		t.Errorf("%d %s, want %d %s: %s", r.Status, got, status, code, r.Body)
	}
}
