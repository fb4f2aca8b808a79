package imports

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
)

// F9: a dump is fetched from hosts that are allowed, and from no other, whoever leads there.
func TestF9DumpsAreFetchedFromAllowedHosts(t *testing.T) {
	file := dumpOf(t, nil, content{uid: "m", pk: "id", documents: many(20)})
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/whole":
			_, _ = out.Write(file)
		case "/near":
			http.Redirect(out, r, "/whole", http.StatusFound)
		case "/away":
			http.Redirect(out, r, other.URL, http.StatusFound)
		case "/half":
			out.Header().Set("Content-Length", "1000000")
			_, _ = out.Write(file)
		default:
			http.NotFound(out, r)
		}
	}))
	t.Cleanup(server.Close)
	w := newWorld(t)
	m := w.importer(t.TempDir())
	here, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	m.Hosts = []string{here.Host}
	running(t, m)
	for from, want := range map[string]string{
		other.URL + "/secret":        "not fetched from",
		"ftp://" + here.Host + "/x":  "http or https",
		"no url":                     "http or https",
		server.URL + "/away?secret":  "not allowed",
		server.URL + "/half?secret":  "could not be fetched",
		server.URL + "/none?secret":  "answered 404",
		"http://127.0.0.1:1/?secret": "not fetched from",
	} {
		_, err := m.Fetch(t.Context(), defaults(), from)
		e, known := err.(*apierr.Error)
		if !known || e.Code != apierr.MiroirConfigInvalid || !strings.Contains(e.Message, want) || strings.Contains(e.Message, "secret") {
			t.Errorf("%s: %v", from, err)
		}
	}
	s, err := m.Fetch(t.Context(), defaults(), server.URL+"/near")
	if err != nil {
		t.Fatal(err)
	}
	if s = await(t, m, s.JobID); s.State != workflow.Succeeded || len(w.documents("m")) != 20 {
		t.Errorf("%+v", s)
	}
	m.Limits.MaxBytes = 10
	if _, err := m.Fetch(t.Context(), defaults(), server.URL+"/whole"); err == nil || !strings.Contains(err.Error(), string(apierr.PayloadTooLarge)) {
		t.Errorf("too large: %v", err)
	}
}
