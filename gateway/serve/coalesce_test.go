package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/coalesce"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/tuning"
)

// numbered answers with the number of the leg, when it is told to.
type numbered struct {
	legs    atomic.Int64
	arrived chan struct{}
	end     chan struct{}
	status  int
	well    atomic.Bool // it answers 200 from now on
}

func (n *numbered) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	number := n.legs.Add(1)
	n.arrived <- struct{}{}
	<-n.end
	if !n.well.Load() {
		w.WriteHeader(n.status)
	}
	_, _ = w.Write([]byte(answerOf(int(number), words(int(number), 5))))
}

// coalescing is a gateway over one node whose clock stands still.
func coalescing(t *testing.T, n *numbered) (*Service, *prometheus.Registry) {
	t.Helper()
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
	s := serviceOf(t, []string{server.URL}, [][]int{{0}}, `{}`)
	live, registry := tuning.Default(), prometheus.NewRegistry()
	s.Coalesce = coalesce.New[*reply.Reply](coalesce.Options{
		Tuning: func() *tuning.Live { return &live }, Now: func() time.Time { return time.Unix(1, 0) }, Metrics: coalesce.NewMetrics(registry),
	})
	return s, registry
}

// A10.4, A10.5: equal searches are one leg and one answer; what differs in anything that the answer depends on, or in who
// asks, never is.
func TestA104OnlyEqualSearchesAreShared(t *testing.T) {
	n := &numbered{arrived: make(chan struct{}, 200), end: make(chan struct{}), status: 200}
	s, registry := coalescing(t, n)
	type search struct {
		token, path, body string
		change            func(*routing.View)
	}
	searches := [...]search{
		{path: "/indexes/a/search", body: `{"q":"x"}`},
		{path: "/indexes/b/search", body: `{"q":"x"}`},
		{path: "/indexes/a/search", body: `{"q":"y"}`},
		{path: "/indexes/a/search", body: `{"q":"x","offset":1}`},
		{path: "/indexes/a/search", body: `{"q":"x","filter":"a = 1"}`},
		{path: "/indexes/a/search", body: `{"q":"x"}`, token: "one"},
		{path: "/indexes/a/search", body: `{"q":"x"}`, token: "two"},
		{path: "/indexes/a/search", body: `{"q":"x"}`, change: func(v *routing.View) { v.Indexes["a"].SettingsVersion++ }},
		{path: "/indexes/a/search", body: `{"q":"x"}`, change: func(v *routing.View) { v.Epoch++ }},
	}
	const each = 5
	var all sync.WaitGroup
	var bodies [len(searches)]sync.Map
	for i, q := range searches {
		if q.change != nil { // all that were asked before are under way
			q.change(s.Views.View())
		}
		one := func() {
			r := ask(t, s, q.token, "POST", q.path, json.RawMessage(q.body))
			bodies[i].Store(fmt.Sprint(r.Status, string(r.Body)), true)
		}
		all.Go(one)
		<-n.arrived
		for range each - 1 {
			all.Go(one)
		}
		until(t, func() bool { return joined(t, registry) == float64((i+1)*(each-1)) })
	}
	close(n.end)
	all.Wait()
	if got := n.legs.Load(); got != int64(len(searches)) {
		t.Errorf("%d legs for %d different searches", got, len(searches))
	}
	for i := range bodies {
		different := 0
		bodies[i].Range(func(any, any) bool {
			different++
			return true
		})
		if different != 1 {
			t.Errorf("search %d has %d different answers", i, different)
		}
	}
}

// A10.6: where the answer to the first is an error, the others get good ones of their own.
func TestA106AFailedSearchIsNotShared(t *testing.T) {
	n := &numbered{arrived: make(chan struct{}, 200), end: make(chan struct{}), status: 500}
	s, registry := coalescing(t, n)
	answers := make(chan *reply.Reply, 3)
	search := func() { answers <- ask(t, s, "", "POST", "/indexes/a/search", json.RawMessage(`{"q":"x"}`)) }
	go search()
	<-n.arrived
	go search()
	go search()
	until(t, func() bool { return joined(t, registry) == 2 })
	n.end <- struct{}{} // of the first
	if r := <-answers; r.Status != 503 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	<-n.arrived
	<-n.arrived
	n.well.Store(true)
	close(n.end)
	for range 2 {
		if r := <-answers; r.Status != 200 {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	}
}

// joined is how many searches joined another.
func joined(t *testing.T, registry *prometheus.Registry) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "miroir_query_coalesce_subscribers_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}

// until waits for a condition that nobody tells of.
func until(t *testing.T, condition func() bool) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-t.Context().Done():
			t.Fatal("the test ended before")
		}
	}
}
