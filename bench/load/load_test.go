package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miroir-search/miroir/bench/query"
	"github.com/miroir-search/miroir/bench/target"
)

func TestQuantileIsTheNearestRank(t *testing.T) {
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(i+1))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.501: 51, 0.95: 95, 0.99: 99, 1: 100} {
		if got := Quantile(times, q); got != want {
			t.Errorf("%v: %d, want %d", q, got, want)
		}
	}
	if Quantile(nil, 0.5) != 0 {
		t.Error("a quantile of nothing")
	}
}

// queries are two that differ in their kind only, and one that the server below refuses.
var queries = []query.Query{{Kind: "a", Body: []byte(`{"q":"a"}`)}, {Kind: "b", Body: []byte(`{"q":"b"}`)}, {Kind: "c", Body: []byte(`{"q":"bad"}`)}}

func serve(t *testing.T, handle http.HandlerFunc) *target.Target {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	made, err := target.Direct("test", server.URL, "key", "i", queries)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestEverySearchIsAskedOnceByAsManyAtOnceAsThereAreSessions(t *testing.T) {
	const sessions = 4
	var mu sync.Mutex
	at, most := 0, 0
	all := sync.NewCond(&mu)
	tested := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		at++
		most = max(most, at)
		all.Broadcast()
		for most < sessions { // the first ones wait for each other
			all.Wait()
		}
		at--
		_, _ = w.Write([]byte("{}"))
	})
	open, err := tested.Open(sessions)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = target.Close(open) }()
	run, err := Do(t.Context(), open, []int{0, 1, 0, 1, 0, 1, 0, 1, 0})
	if err != nil || run.Refused != 0 {
		t.Fatalf("%+v, %v", run, err)
	}
	var asked []int
	for _, s := range run.Samples {
		asked = append(asked, s.Search)
	}
	slices.Sort(asked)
	if !slices.Equal(asked, []int{0, 0, 0, 0, 0, 1, 1, 1, 1}) || most != sessions || len(run.Medians()) != 2 {
		t.Errorf("asked %v, %d at once", asked, most)
	}
	run.Add(run)
	if len(run.Times()) != 18 || !slices.IsSorted(run.Times()) {
		t.Errorf("times %v", run.Times())
	}
}

func TestARefusalIsCountedAndNoSample(t *testing.T) {
	tested := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == int64(len(queries[2].Body)) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte(`{"code":"miroir_no"}`))
	})
	open, err := tested.Open(1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = target.Close(open) }()
	run, err := Do(t.Context(), open, []int{0, 2, 1})
	if err != nil || run.Refused != 1 || len(run.Samples) != 2 || !strings.Contains(run.Refusal.Error(), "503") || !strings.Contains(run.Refusal.Error(), "miroir_no") {
		t.Fatalf("%+v, %v", run, err)
	}
}

func TestALoadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tested := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		_, _ = w.Write([]byte("{}"))
	})
	open, err := tested.Open(2)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = target.Close(open) }()
	if _, err := Do(ctx, open, make([]int, 1000)); err == nil {
		t.Error("no error")
	}
}
