//go:build dataplane

package conformance

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/testkit/need"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

// A body beyond the limit is refused in Meilisearch's words, whether it says its length, comes in chunks or is packed.
func TestBodiesAreBounded(t *testing.T) {
	need.Feature(t, need.OwnEngine)
	t.Setenv("MEILI_HTTP_PAYLOAD_SIZE_LIMIT", "2000000")
	n := node.Start(t, node.Options{})
	const want = `{"message":"The provided payload reached the size limit. The maximum accepted payload size is 1.91 MiB.","code":"payload_too_large","type":"invalid_request","link":"https://docs.meilisearch.com/errors#payload_too_large"}`
	large := append(append([]byte(`[{"id":1,"t":"`), bytes.Repeat([]byte("x"), 3_000_000)...), `"}]`...)
	var packed bytes.Buffer
	packer := gzip.NewWriter(&packed)
	if _, err := packer.Write(large); err != nil {
		t.Fatal(err)
	}
	if err := packer.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path     string
		body     io.Reader
		encoding string
	}{
		"documents":           {"/indexes/a/documents", bytes.NewReader(large), ""},
		"documents in chunks": {"/indexes/a/documents", io.MultiReader(bytes.NewReader(large)), ""},
		"packed documents":    {"/indexes/a/documents", &packed, "gzip"},
		"search":              {"/indexes/a/search", bytes.NewReader(large), ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.URL+c.path, c.body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+n.MasterKey)
		request.Header.Set("Content-Type", "application/json")
		if c.encoding != "" {
			request.Header.Set("Content-Encoding", c.encoding)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		raw, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusRequestEntityTooLarge || string(raw) != want {
			t.Errorf("%s: %d %.300s %v", name, response.StatusCode, raw, err)
		}
	}
	if got := total(t, n, ""); got != 0 {
		t.Errorf("%d tasks came of refused bodies", got)
	}
}

// routes are the doors that take a body.
var routes = []string{
	"POST /indexes", "PATCH /indexes/a", "POST /swap-indexes", "POST /multi-search", "POST /indexes/a/search",
	"POST /indexes/a/facet-search", "POST /indexes/a/similar", "POST /indexes/a/documents", "PUT /indexes/a/documents",
	"POST /indexes/a/documents/fetch", "POST /indexes/a/documents/delete", "POST /indexes/a/documents/delete-batch",
	"PATCH /indexes/a/settings", "PUT /indexes/a/settings/ranking-rules", "PATCH /indexes/a/settings/embedders",
	"PATCH /indexes/a/settings/typo-tolerance", "POST /keys", "PATCH /keys/x", "PATCH /experimental-features",
}

// Whatever is sent is answered, never with a crash: the node lives, and its log tells of no panic.
func TestMalformedRequestsAreAnswered(t *testing.T) {
	need.Feature(t, need.OwnEngine)
	n := node.Start(t, node.Options{})
	must(t, n, http.StatusAccepted, http.MethodPatch, "/indexes/a/settings", map[string]any{"filterableAttributes": []string{"n", "_geo"}})
	if a, err := ask(t, n, http.MethodPost, "/indexes/a/documents", documents(0, 100)); err != nil || a.status != http.StatusAccepted {
		t.Fatalf("%d %s %v", a.status, a.body, err)
	}
	settled(t, n)
	random := rand.New(rand.NewPCG(1, 2))
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		for _, body := range hostile(random) {
			for _, contentType := range []string{"application/json", "application/x-ndjson", "text/csv", "\xff"} {
				if contentType != "application/json" && !strings.HasSuffix(path, "/documents") {
					continue
				}
				a, err := askAs(t, n, method, path, contentType, body)
				if err != nil || a.status >= http.StatusInternalServerError && !strings.HasSuffix(path, "/documents") {
					t.Fatalf("%s %q as %q: %d %.300s %v", route, excerpt(body), contentType, a.status, a.body, err)
				}
			}
		}
	}
	for _, path := range []string{
		"/indexes/%ff/search?q=%ff", "/indexes/a/documents/%00", "/indexes/a/documents?filter=" + strings.Repeat("(", 5000),
		"/tasks?uids=" + strings.Repeat("1,", 5000), "/indexes/a/search?offset=18446744073709551615&limit=18446744073709551615",
		"/indexes/a/search?page=18446744073709551615&hitsPerPage=18446744073709551615", "/indexes/%2e%2e%2f/stats", "/tasks?from=4294967295",
		"/indexes/a/documents?offset=18446744073709551615&limit=18446744073709551615", "/indexes/a/search?sort=_geoPoint(1,2):asc",
	} {
		if a, err := ask(t, n, http.MethodGet, path, nil); err != nil || a.status >= http.StatusInternalServerError {
			t.Errorf("GET %.80s: %d %.300s %v", path, a.status, a.body, err)
		}
	}
	for _, raw := range []string{"\x00\x01\x02\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "POST /indexes HTTP/1.1\r\nContent-Length: x\r\n\r\n", "GET /" + strings.Repeat("a", 200_000) + " HTTP/1.1\r\n\r\n"} {
		c, err := net.Dial("tcp", strings.TrimPrefix(n.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte(raw)) // may be cut off, that is the point
		_ = c.Close()
	}
	settled(t, n)
	// What the engine itself cannot take fails the task it came with (below); requests never get that far.
	for line := range strings.Lines(n.Log()) {
		if strings.Contains(line, "panicked") && !strings.Contains(line, "thread 'worker'") {
			t.Errorf("the node panicked: %s", line)
		}
	}
}

// A document that crashes the engine fails its own task, not those that were to be worked off with it, and not the node.
func TestPoisonFailsItsOwnTaskOnly(t *testing.T) {
	need.Feature(t, need.OwnEngine)
	n := node.Start(t, node.Options{})
	for i := range 10 {
		for _, body := range [][]byte{documents(100*i, 100), []byte(`[{"id":1e999}]`), []byte(`[{"id":7,"deep":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}]`)} {
			if a, err := ask(t, n, http.MethodPost, "/indexes/a/documents", body); err != nil || a.status != http.StatusAccepted {
				t.Fatalf("%d %s %v", a.status, a.body, err)
			}
		}
	}
	settled(t, n)
	var stats struct{ NumberOfDocuments int }
	must(t, n, http.StatusOK, http.MethodGet, "/indexes/a/stats", nil).into(t, &stats)
	if good, bad := total(t, n, "statuses=succeeded"), total(t, n, "statuses=failed"); good != 10 || bad != 20 || stats.NumberOfDocuments != 1000 {
		t.Errorf("%d tasks succeeded, %d failed, %d documents", good, bad, stats.NumberOfDocuments)
	}
}

// hostile are bodies that no client should send.
func hostile(random *rand.Rand) [][]byte {
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	bodies := [][]byte{
		nil, []byte("{"), []byte("null"), []byte("[]"), []byte("[[]]"), []byte(`"\ud800"`), []byte(deep), []byte("\xff\xfe"), []byte("[{}]"),
		[]byte(`{"q":"` + strings.Repeat("a ", 20_000) + `"}`), []byte(`{"filter":"` + strings.Repeat("(", 5_000) + `"}`),
		[]byte(`{"filter":"` + strings.Repeat("NOT ", 5_000) + `n = 1"}`), []byte(`{"filter":` + deep + `}`), []byte(`{"a":1e999}`),
		[]byte(`{"filter":"_geoRadius(1e400, nan, -1)"}`), []byte(`{"sort":["_geoPoint(nan,inf):asc"]}`), []byte(`{"limit":18446744073709551615,"offset":18446744073709551615}`),
		[]byte(`{"page":18446744073709551615,"hitsPerPage":18446744073709551615}`), []byte(`{"cropLength":18446744073709551615,"attributesToCrop":["*"],"q":"a"}`),
		[]byte(`{"hybrid":{"embedder":"x","semanticRatio":1},"vector":[1]}`), []byte(`{"rankingScoreThreshold":1e-320}`), []byte(`[{"id":1,"_geo":{"lat":"x"}}]`),
		[]byte(`[{"id":1,"_vectors":{"x":[[1]]}}]`), []byte("id,id\n1,2\n"), []byte("\"id\n"), []byte(`{"id":1}` + "\n\x00"),
		[]byte(`{"queries":[{"indexUid":"a","q":"x"},{"indexUid":"a"}],"federation":{"limit":18446744073709551615,"offset":18446744073709551615}}`),
		[]byte(`{"x":{"source":"rest","url":"no url","request":{"a":"{{text}}"},"response":"{{nothing}}"}}`),
	}
	for range 40 {
		body := make([]byte, random.IntN(200))
		for i := range body {
			body[i] = `{}[]",:0123456789.eE+-ntfalsrue\ "idqfilterlimit`[random.IntN(47)]
		}
		bodies = append(bodies, body)
	}
	return bodies
}

func excerpt(body []byte) string {
	return fmt.Sprintf("%.60s", body)
}
