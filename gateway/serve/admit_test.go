package serve

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/admission"
	"github.com/miroir-search/miroir/gateway/reply"
)

// heldNode answers a leg when it is told to.
type heldNode struct {
	began chan struct{}
	end   chan struct{}
}

func (n *heldNode) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	n.began <- struct{}{}
	<-n.end
	_, _ = w.Write([]byte(answerOf(0)))
}

// A gateway that is full refuses a search as a full Meilisearch does, and still says that it lives.
func TestAFullGatewayAnswersAsMeilisearch(t *testing.T) {
	held := &heldNode{began: make(chan struct{}), end: make(chan struct{})}
	server := httptest.NewServer(held)
	t.Cleanup(server.Close)
	s := serviceOf(t, []string{server.URL}, [][]int{{0}}, `{}`)
	s.Admit = admission.New(admission.Config{MaxConcurrent: 1, Queue: 0, Wait: time.Minute}, prometheus.NewRegistry())
	first := make(chan *reply.Reply, 1)
	go func() { first <- ask(t, s, "", "POST", "/indexes/a/search", json.RawMessage(`{}`)) }()
	<-held.began
	for _, path := range []string{"/indexes/a/search", "/multi-search", "/indexes/a/facet-search", "/indexes/a/documents/fetch", "/indexes/a/similar"} {
		r := ask(t, s, "", "POST", path, json.RawMessage(`{}`))
		if r.Status != 503 || r.Header.Get("Retry-After") != "10" ||
			string(r.Body) != `{"message":"Too many search requests running at the same time: 0. Retry after 10s.","code":"too_many_search_requests","type":"system","link":"https://docs.meilisearch.com/errors#too_many_search_requests"}` {
			t.Errorf("%s: %d %s %v", path, r.Status, r.Body, r.Header)
		}
	}
	if r := ask(t, s, "", "GET", "/indexes", nil); r.Status != 503 || decode[struct{ Code string }](t, r).Code != "miroir_overloaded" || r.Header.Get("Retry-After") != "10" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := ask(t, s, "", "GET", "/health", nil); r.Status != 200 {
		t.Errorf("health: %d", r.Status)
	}
	close(held.end)
	if r := <-first; r.Status != 200 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := ask(t, s, "", "GET", "/indexes", nil); r.Status != 200 {
		t.Errorf("after the search: %d", r.Status)
	}
}
