//go:build dataplane

package dump

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/testkit/need"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

// ask sends a request to a node and reads the answer into a value.
func ask(t *testing.T, n *node.Node, method, path, body string, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, n.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+n.MasterKey)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %d %s %v", method, path, res.StatusCode, raw, err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

// run sends a request that becomes a task, and returns the task when it has succeeded.
func run(t *testing.T, n *node.Node, method, path, body string) map[string]any {
	t.Helper()
	var enqueued struct{ TaskUID int }
	ask(t, n, method, path, body, &enqueued)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var task map[string]any
		ask(t, n, http.MethodGet, "/tasks/"+strconv.Itoa(enqueued.TaskUID), "", &task)
		switch task["status"] {
		case "succeeded":
			return task
		case "failed":
			t.Fatalf("%s %s: %v", method, path, task["error"])
		}
		<-tick.C
	}
}

// contents is everything that a dump must carry over, as an instance shows it.
func contents(t *testing.T, n *node.Node) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, path := range []string{
		"/indexes/movies/documents?limit=100&retrieveVectors=true", "/indexes/movies/settings", "/indexes/movies",
		"/indexes/empty", "/indexes/empty/documents", "/indexes/empty/settings", "/keys",
	} {
		var v any
		ask(t, n, http.MethodGet, path, "", &v)
		if index, ok := v.(map[string]any); ok {
			delete(index, "updatedAt") // an import is an update
		}
		all[path] = v
	}
	return all
}

// hook is the uuid of a webhook.
const hook = "11111111-1111-4111-8111-111111111111"

// rewrite reads a dump with this package and writes it again.
func rewrite(t *testing.T, archive []byte) string {
	t.Helper()
	s, err := Scan(bytes.NewReader(archive), Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	documents := map[string][]byte{}
	d, err := OpenDocuments(bytes.NewReader(archive), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		doc, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		documents[doc.Index] = append(append(documents[doc.Index], doc.Raw...), '\n')
	}
	path := filepath.Join(t.TempDir(), "again.dump")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWriter(f, Content{DBVersion: s.DBVersion, Date: s.DumpDate, Keys: s.Keys, Features: s.Features, Webhooks: map[string]meili.Webhook{
		hook: {URL: "https://example.com/h?a=<b>", Headers: map[string]string{"X-A": "b"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, ix := range s.Indexes {
		lines := documents[ix.UID]
		if err := w.Index(ix.IndexMetadata, ix.Settings, bytes.NewReader(lines), int64(len(lines))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// F9: a dump of a real Meilisearch is read, and what is written is one that a real Meilisearch imports.
func TestF9RealMeilisearchDumpsAndImports(t *testing.T) {
	need.Feature(t, need.V150Answers)
	one := node.Start(t, node.Options{})
	run(t, one, "POST", "/indexes", `{"uid":"empty"}`)
	run(t, one, "POST", "/indexes", `{"uid":"movies","primaryKey":"id"}`)
	run(t, one, "PATCH", "/indexes/movies/settings", `{"stopWords":["the"],"filterableAttributes":["year",{"attributePatterns":["p_*"]}],`+
		`"synonyms":{"wolverine":["logan"]},"rankingRules":["words","year:desc"],"typoTolerance":{"enabled":false},`+
		`"embedders":{"mine":{"source":"userProvided","dimensions":2}}}`)
	run(t, one, "POST", "/indexes/movies/documents", `[{"id":1,"title":"<Ariel> & \"co\" ☃","n":9007199254740993,"year":1988,`+
		`"_vectors":{"mine":[0.25,0.5],"unknown":[1,2,3]}},{"id":"two","nested":{"a":[1,{"b":null}]},"_vectors":{"mine":null}},`+
		`{"id":-3,"_geo":{"lat":1.5,"lng":2},"_vectors":{"mine":{"embeddings":[[1,0],[0,1]],"regenerate":true}}}]`)
	var key any
	ask(t, one, "POST", "/keys", `{"uid":"74c9c733-3368-4738-bbe5-1d18a5fecb37","actions":["search"],"indexes":["mov*"],"expiresAt":"2099-01-02","name":"mine"}`, &key)
	task := run(t, one, "POST", "/dumps", "")
	details, _ := task["details"].(map[string]any)
	uid, _ := details["dumpUid"].(string)
	archive, err := os.ReadFile(filepath.Join(one.Dir, "dumps", uid+".dump"))
	if err != nil {
		t.Fatal(err)
	}
	two := node.Start(t, node.Options{Import: rewrite(t, archive)})
	var hooks any
	ask(t, two, http.MethodGet, "/webhooks", "", &hooks)
	want := map[string]any{"results": []any{map[string]any{
		"uuid": hook, "isEditable": true, "url": "https://example.com/h?a=<b>", "headers": map[string]any{"X-A": "b"},
	}}}
	if !reflect.DeepEqual(hooks, want) {
		t.Errorf("webhooks are %v", hooks)
	}
	before, after := contents(t, one), contents(t, two)
	for path, want := range before {
		if !reflect.DeepEqual(after[path], want) {
			t.Errorf("%s\nbefore %v\nafter  %v", path, want, after[path])
		}
	}
}
