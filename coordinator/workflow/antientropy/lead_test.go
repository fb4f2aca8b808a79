package antientropy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// memory keeps records as the store does.
type memory struct {
	mu       sync.Mutex
	records  map[string][]byte
	revision map[string]int64
	newest   int64
	leader   int64
	changed  chan struct{}
	expires  bool
	doubt    time.Time
}

func newMemory() *memory {
	return &memory{records: map[string][]byte{}, revision: map[string]int64{}, leader: 1, changed: make(chan struct{}, 1)}
}

func (m *memory) Workflow(_ context.Context, _, id string) ([]byte, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revision[id] == 0 {
		return nil, 0, state.ErrNotFound
	}
	return m.records[id], m.revision[id], nil
}

func (m *memory) Workflows(context.Context, string) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string][]byte{}
	for id, value := range m.records {
		all[id] = value
	}
	return all, nil
}

func (m *memory) OpenWorkflow(_ context.Context, _, id string, record any, expected int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revision[id] != expected {
		return state.ErrConflict
	}
	raw, err := json.Marshal(record)
	m.newest++
	m.records[id], m.revision[id] = raw, m.newest
	select {
	case m.changed <- struct{}{}:
	default:
	}
	return err
}

func (m *memory) WorkflowChanges(context.Context, string) <-chan struct{} { return m.changed }

func (m *memory) Expires(context.Context, string) (bool, error) { return m.expires, nil }

func (m *memory) Doubt(context.Context) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.doubt, nil
}

func (m *memory) Dispel(_ context.Context, since time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.doubt.Equal(since) {
		m.doubt = time.Time{}
	}
	return nil
}

// token is one leadership.
type token struct {
	*memory
	mine int64
}

func (l token) Token() int64 { return l.mine }

func (l token) PutWorkflow(ctx context.Context, kind, id string, record any, expected int64) (int64, error) {
	l.mu.Lock()
	lost := l.mine != l.leader
	l.mu.Unlock()
	if lost {
		return 0, state.ErrLostLeadership
	}
	err := l.OpenWorkflow(ctx, kind, id, record, expected)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.revision[id], err
}

type fixed struct{ v *routing.View }

func (f fixed) View() *routing.View { return f.v }

func (w *world) passes(t *testing.T, m *memory, c Config) *AntiEntropy {
	t.Helper()
	r := prometheus.NewRegistry()
	if c.Settle == 0 {
		c.Settle = time.Millisecond
	}
	return &AntiEntropy{
		Config: c, Store: m, Nodes: w, Views: fixed{w.view(t, nil)}, Holder: "c-0", Now: time.Now, Log: zerolog.Nop(), Metrics: NewMetrics(r),
		Workflows: workflow.NewMetrics(r),
	}
}

// lead runs a leader in the background; stop ends it and returns why it ended.
func (a *AntiEntropy) background(l workflow.Leader) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Lead(ctx, l) }()
	return func() error { cancel(); return <-done }
}

// until waits for a pass to be as wanted.
func (a *AntiEntropy) until(t *testing.T, id string, wanted func(Status) bool) Status {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(time.Minute)
	for {
		s, err := a.Status(t.Context(), id)
		if err == nil && wanted(s) {
			return s
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%+v %v", s, err)
		}
	}
}

func finished(s Status) bool { return s.State == workflow.Succeeded }

// AD-2, A8.7: asking twice joins; what one leader leaves undone the next one does; a pass that is over can be made again.
func TestPassesGoOnUnderAnotherLeader(t *testing.T) {
	w := newWorld("ab")
	w.put("ab", "d1", 5, "v")
	w.put("a", "d2", 5, "v")
	w.nodes["a"].strays, w.nodes["b"].strays = make([]nodeapi.Stray, 2), make([]nodeapi.Stray, 3)
	m := newMemory()
	a := w.passes(t, m, Config{Off: true})
	first, err := a.Request(t.Context(), Input{Deep: true})
	if err != nil || first.State != workflow.Running || first.WorkflowID != "verify.deep" || first.StatusURL != "/_miroir/verify/deep" {
		t.Fatalf("%+v %v", first, err)
	}
	if again, err := a.Request(t.Context(), Input{Deep: true}); err != nil || !again.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("%+v %v", again, err)
	}
	// The first leader is stuck in a question when another one takes over.
	stuck, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.asked = func(string, *world) {
		once.Do(func() { close(stuck); <-release })
	}
	stop := a.background(token{m, 1})
	<-stuck
	m.mu.Lock()
	m.leader = 2
	m.mu.Unlock()
	close(release)
	if err := stop(); !errors.Is(err, state.ErrLostLeadership) && !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if s, _ := a.Status(t.Context(), "deep"); s.State != workflow.Running || s.Verdict != "" {
		t.Fatalf("a leader that lost its scope ended the pass: %+v", s)
	}
	stop = a.background(token{m, 2})
	defer func() { _ = stop() }()
	s := a.until(t, "deep", finished)
	if s.Verdict != Mismatch || s.Mismatches != 1 || s.Done != 1 || s.Total != 1 || s.Documents != 3 || s.Strays != 5 || len(s.Uneven) != 1 || len(s.Left) > 0 {
		t.Errorf("%+v", s)
	}
	if _, err := a.Request(t.Context(), Input{Deep: true, Repair: true}); err != nil {
		t.Fatal(err)
	}
	if s := a.until(t, "deep-repair", finished); s.Verdict != Equal || s.Repaired != 1 {
		t.Errorf("%+v", s)
	}
	if _, err := a.Request(t.Context(), Input{Deep: true}); err != nil {
		t.Fatal(err)
	}
	if s := a.until(t, "deep", func(s Status) bool { return finished(s) && s.CreatedAt.After(first.CreatedAt) }); s.Verdict != Equal || s.Mismatches != 0 {
		t.Errorf("made again: %+v", s)
	}
	if list, err := a.List(t.Context()); err != nil || len(list) != 2 {
		t.Errorf("%+v %v", list, err)
	}
}

// Passes come by themselves, repair, and say when they are over; nothing expires where there is no time to live.
func TestSchedule(t *testing.T) {
	w := newWorld("ab")
	w.put("ab", "d1", 5, "v")
	w.put("a", "d2", 5, "v")
	l := w.nodes["a"].docs["d2"]
	l.Expires = 7
	w.nodes["a"].docs["d2"] = l
	m := newMemory()
	a := w.passes(t, m, Config{Light: 10 * time.Millisecond, Deep: time.Hour})
	stop := a.background(token{m, 1})
	s := a.until(t, "light-repair", finished)
	if s.Repaired != 1 || w.nodes["b"].content["d2"] != "v" {
		t.Errorf("%+v", s)
	}
	a.until(t, "light-repair", func(next Status) bool { return finished(next) && next.CreatedAt.After(s.CreatedAt) })
	_ = stop()
	if _, err := a.Status(t.Context(), "deep-repair"); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("a deep pass came after a moment: %v", err)
	}
	// With a time to live the document is left out.
	m.expires = true
	w.drop("b", "d2", 0)
	stop = w.passes(t, m, Config{Off: true}).background(token{m, 1})
	defer func() { _ = stop() }()
	if _, err := a.Request(t.Context(), Input{Repair: true, Index: "x", Shards: "0"}); err != nil {
		t.Fatal(err)
	}
	if s := a.until(t, "light-repair.x.0", finished); s.Mismatches != 0 || w.nodes["b"].content["d2"] != "" {
		t.Errorf("%+v", s)
	}
}

// Requests that make no sense are refused.
func TestRequestsAreChecked(t *testing.T) {
	a := newWorld("ab").passes(t, newMemory(), Config{})
	for _, c := range []struct {
		in   Input
		code apierr.Code
	}{
		{Input{Index: "nobody"}, apierr.IndexNotFound}, {Input{Index: "x", Shards: "1"}, apierr.MiroirConfigInvalid}, {Input{Shards: "0"}, apierr.MiroirConfigInvalid},
		{Input{Index: "x", Shards: "x"}, apierr.MiroirConfigInvalid}, {Input{Rate: -1}, apierr.MiroirConfigInvalid},
	} {
		_, err := a.Request(t.Context(), c.in)
		var e *apierr.Error
		if !errors.As(err, &e) || e.Code != c.code {
			t.Errorf("%+v: %v", c.in, err)
		}
	}
}

// What a record holds is bounded, however many shards differ.
func TestRecordsStaySmall(t *testing.T) {
	r := Result{}
	for shard := range 4096 {
		o := Outcome{Mismatches: 9, Incomplete: true, Compared: true, Rules: map[Rule]int{Newer: 9}, Parked: map[Parked]int{Horizon: 1}}
		for n := range 5 {
			o.Copies = append(o.Copies, Copy{fmt.Sprint("a-node-with-a-long-name-", n), copyUnreachable, 1 << 40})
		}
		r.count("an-index-with-a-long-name", shard, o)
	}
	raw, err := json.Marshal(r)
	if err != nil || len(raw) > 256<<10 || r.Mismatches != 9*4096 || r.Parked[Horizon] != 4096 {
		t.Errorf("%d bytes, %+v %v", len(raw), r.Mismatches, err)
	}
}
