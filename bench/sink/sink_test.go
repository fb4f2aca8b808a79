package sink

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

func TestASinkSwallowsDocumentsAndNothingElse(t *testing.T) {
	var reached []string
	sidecar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached = append(reached, r.Method+" "+r.URL.Path)
		_, _ = io.WriteString(w, "sidecar")
	}))
	defer sidecar.Close()
	s, err := Listen(func() (string, error) { return strings.TrimPrefix(sidecar.URL, "http://"), nil })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	send := func(method, path, dispatch string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Address()+path, strings.NewReader("0{}\n"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(nodeapi.HeaderDispatch, dispatch)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = a.Body.Close() }()
		body, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return a.StatusCode, string(body)
	}
	if status, body := send("POST", "/indexes/x/documents", "1"); status != http.StatusAccepted || !strings.Contains(body, `"taskUid":1000001`) {
		t.Errorf("documents: %d %s", status, body)
	}
	for _, other := range [][]string{{"POST", "/indexes/x/documents", ""}, {"GET", "/indexes/x/documents", ""}, {"POST", "/indexes", "2"}} {
		if status, body := send(other[0], other[1], other[2]); status != http.StatusOK || body != "sidecar" {
			t.Errorf("%v: %d %s", other, status, body)
		}
	}
	if len(reached) != 3 || s.Swallowed() != 4 {
		t.Errorf("%v reached the sidecar, %d bytes were swallowed", reached, s.Swallowed())
	}
}
