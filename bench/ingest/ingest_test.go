package ingest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/miroir-search/miroir/bench/rig"
	"github.com/miroir-search/miroir/dev/cities"
)

func some(n int) []cities.City {
	list := make([]cities.City, n)
	for i := range list {
		list[i] = cities.City{ID: i + 1, Name: fmt.Sprintf("Ab, %q", fmt.Sprint(i)), Country: "AA", Geo: cities.Geo{Lat: 1.5, Lng: -2}}
	}
	return list
}

func TestPayloadsHoldAllDocuments(t *testing.T) {
	for format, perDocument := range map[string]string{JSON: `"id":`, NDJSON: "\n", CSV: ",AA,"} {
		payloads, err := Encode(some(7), format, 3)
		if err != nil || len(payloads) != 3 {
			t.Fatalf("%s: %d payloads, %v", format, len(payloads), err)
		}
		for i, want := range []int{3, 3, 1} {
			if p := payloads[i]; p.Documents != want || strings.Count(string(p.Body), perDocument) != want {
				t.Errorf("%s: payload %d of %d documents: %s", format, i, p.Documents, p.Body)
			}
		}
	}
	if _, err := Encode(some(1), "xml", 1); err == nil {
		t.Error("an unknown format is encoded")
	}
}

// place answers like a Meilisearch that finishes each task when it is looked at.
func place(t *testing.T, failing int64) (rig.Place, func() int) {
	t.Helper()
	var mu sync.Mutex
	documents, task := 0, int64(0)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /indexes/i/documents", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var list []json.RawMessage
		_ = json.Unmarshal(body, &list)
		mu.Lock()
		defer mu.Unlock()
		documents += len(list)
		task++
		w.WriteHeader(http.StatusAccepted)
		_, _ = fmt.Fprintf(w, `{"taskUid":%d}`, task)
	})
	mux.HandleFunc("GET /tasks/{uid}", func(w http.ResponseWriter, r *http.Request) {
		status := "succeeded"
		if r.PathValue("uid") == fmt.Sprint(failing) {
			status = "failed"
		}
		_, _ = fmt.Fprintf(w, `{"status":%q,"error":{"code":"why"}}`, status)
	})
	mux.HandleFunc("GET /indexes/i/stats", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"numberOfDocuments":%d,"isIndexing":false}`, documents)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return rig.Place{Name: "test", URL: server.URL, Key: "key"}, func() int { mu.Lock(); defer mu.Unlock(); return documents }
}

func TestALoadIsDoneWhenEverythingIsThere(t *testing.T) {
	p, documents := place(t, -1)
	payloads, err := Encode(some(50), JSON, 4)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	last := 0
	r, err := Load(t.Context(), p, "i", payloads, 3, 0, func(done int) { mu.Lock(); defer mu.Unlock(); last = max(last, done) })
	if err != nil || r.Documents != 50 || documents() != 50 || last != 50 || r.Accepted <= 0 || r.Searchable < r.Accepted || r.PerSecond() <= 0 {
		t.Fatalf("%+v, %d documents, progress %d, %v", r, documents(), last, err)
	}
}

func TestAFailedTaskFailsTheLoad(t *testing.T) {
	p, _ := place(t, 2)
	payloads, err := Encode(some(4), JSON, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(t.Context(), p, "i", payloads, 1, 0, func(int) {}); err == nil || !strings.Contains(err.Error(), "why") {
		t.Fatal(err)
	}
}

func TestAStreamIsWholeAndOfItsSize(t *testing.T) {
	const size = 300_000
	for _, format := range []string{JSON, NDJSON, CSV} {
		body, _ := Stream(format, size)
		raw, err := io.ReadAll(body)
		if err != nil || len(raw) < size || len(raw) > size+1000 {
			t.Fatalf("%s: %d bytes, %v", format, len(raw), err)
		}
		n := strings.Count(string(raw), "\n")
		switch format {
		case JSON:
			var list []map[string]any
			if err := json.Unmarshal(raw, &list); err != nil || list[len(list)-1]["id"] != float64(len(list)) {
				t.Errorf("%d documents, %v", len(list), err)
			}
		case NDJSON:
			if !strings.HasPrefix(string(raw), `{"id":1,`) || !strings.Contains(string(raw), fmt.Sprintf("{\"id\":%d,", n)) {
				t.Errorf("%d lines", n)
			}
		case CSV:
			if rows := strings.Count(string(raw), ",2001\n"); rows != n-1 {
				t.Errorf("%d rows of %d lines", rows, n)
			}
		}
	}
}
