package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/state"
)

// shelf is one record with a revision, as the store would keep it under a leadership.
type shelf struct {
	rec      Record
	revision int64
	token    int64 // of the leader now
	failures []error
	late     bool // the next failure is only the answer's: the record was written
}

// leader is a shelf seen by one leadership.
type leader struct {
	*shelf
	mine int64
}

func (l leader) Token() int64 { return l.mine }

func (l leader) PutWorkflow(_ context.Context, _, _ string, record any, expected int64) (int64, error) {
	if l.mine != l.token {
		return 0, state.ErrLostLeadership
	}
	if len(l.failures) > 0 && !l.late {
		err := l.failures[0]
		l.failures = l.failures[1:]
		return 0, err
	}
	if expected != l.revision {
		return 0, state.ErrConflict
	}
	// What goes into a store comes out as JSON.
	raw, err := json.Marshal(record)
	if err != nil {
		return 0, err
	}
	if l.rec, err = Decode(raw); err != nil {
		return 0, err
	}
	l.revision++
	if l.late {
		l.late = false
		err := l.failures[0]
		l.failures = l.failures[1:]
		return 0, err
	}
	return l.revision, nil
}

type walk struct {
	Steps []string
	Large string `json:",omitempty"`
}

// runner walks a, b and c. do may interfere with a step.
func runner(s *shelf, token int64, do func(phase string, w *walk) (*Verdict, error)) *Runner[walk] {
	step := func(phase, next string) Step[walk] {
		return func(_ context.Context, w *walk) (Verdict, error) {
			w.Steps = append(w.Steps, phase)
			if do != nil {
				if v, err := do(phase, w); v != nil || err != nil {
					if v == nil {
						v = &Verdict{}
					}
					return *v, err
				}
			}
			return Verdict{Next: next}, nil
		}
	}
	return &Runner[walk]{
		Kind: Kind[walk]{
			Name: "walk", First: "a", Steps: map[string]Step[walk]{"a": step("a", "b"), "b": step("b", "c"), "c": step("c", "")},
			Settle: func(w *walk) { w.Large = "" },
		},
		Leader: leader{s, token}, Holder: fmt.Sprint("coordinator-", token), Now: time.Now, Log: zerolog.Nop(),
		Metrics: NewMetrics(prometheus.NewRegistry()),
	}
}

func drive(ctx context.Context, r *Runner[walk], s *shelf) error {
	rec, revision, err := s.rec, s.revision, error(nil)
	if revision == 0 {
		if rec, revision, err = r.Start(ctx, "id", "scope", walk{Large: "much"}, 0); err != nil {
			return err
		}
	}
	return r.Drive(ctx, rec, revision)
}

func (s *shelf) steps(t *testing.T) string {
	t.Helper()
	var w walk
	if err := json.Unmarshal(s.rec.Progress, &w); err != nil {
		t.Fatal(err)
	}
	return strings.Join(w.Steps, "")
}

func TestW1PhasesAreCommittedInOrder(t *testing.T) {
	s := &shelf{token: 5}
	if err := drive(t.Context(), runner(s, 5, nil), s); err != nil {
		t.Fatal(err)
	}
	var phases []string
	for _, h := range s.rec.History {
		phases = append(phases, h.Phase)
	}
	if s.rec.State != Succeeded || s.rec.Token != 5 || s.steps(t) != "abc" || !slices.Equal(phases, []string{"a", "b", "c", ""}) {
		t.Fatalf("%+v", s.rec)
	}
	if strings.Contains(string(s.rec.Progress), "much") {
		t.Error("a finished record kept what it needs no more")
	}
}

// W1, BG-5: whoever lost the leadership changes nothing any more, and stops.
func TestBG5LostLeadershipStopsAtOnce(t *testing.T) {
	s := &shelf{token: 5}
	err := drive(t.Context(), runner(s, 5, func(phase string, _ *walk) (*Verdict, error) {
		if phase == "b" {
			s.token = 6
		}
		return nil, nil
	}), s)
	if !errors.Is(err, state.ErrLostLeadership) || s.rec.Phase != "b" || s.steps(t) != "a" {
		t.Fatalf("%v %+v", err, s.rec)
	}
	// W2: the successor enters the recorded phase, no completed one again.
	if err := drive(t.Context(), runner(s, 6, nil), s); err != nil || s.steps(t) != "abc" || s.rec.Token != 6 {
		t.Fatalf("%v %+v", err, s.rec)
	}
	if by := s.rec.History[len(s.rec.History)-1].By; by != "coordinator-6" {
		t.Errorf("the last phase was entered by %s", by)
	}
}

func TestStepIsTriedAgainFromItsRecordedProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{token: 1}
		tries := 0
		err := drive(t.Context(), runner(s, 1, func(phase string, _ *walk) (*Verdict, error) {
			if phase == "b" {
				if tries++; tries < 4 {
					return nil, errors.New("not now")
				}
			}
			return nil, nil
		}), s)
		if err != nil || tries != 4 || s.steps(t) != "abc" {
			t.Fatalf("%v, %d tries, steps %s", err, tries, s.steps(t))
		}
	})
}

func TestUnansweredCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{token: 1}
		rec, revision, err := runner(s, 1, nil).Start(t.Context(), "id", "scope", walk{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		s.failures = []error{state.ErrUnavailable, state.ErrUnavailable}
		if err := runner(s, 1, nil).Drive(t.Context(), rec, revision); err != nil || s.steps(t) != "abc" {
			t.Fatalf("a store that was away: %v, steps %s", err, s.steps(t))
		}

		s = &shelf{token: 1, failures: []error{state.ErrUnavailable}}
		s.revision, s.rec = 0, Record{}
		r := runner(s, 1, nil)
		s.failures = nil
		if rec, revision, err = r.Start(t.Context(), "id", "scope", walk{}, 0); err != nil {
			t.Fatal(err)
		}
		s.failures, s.late = []error{state.ErrUnavailable}, true
		if err := r.Drive(t.Context(), rec, revision); !errors.Is(err, state.ErrConflict) {
			t.Fatalf("a commit that was only not answered: %v", err)
		}
		if err := drive(t.Context(), r, s); err != nil || s.steps(t) != "abc" {
			t.Fatalf("read again: %v, steps %s", err, s.steps(t))
		}
	})
}

func TestFailureOfTheOperation(t *testing.T) {
	s := &shelf{token: 1}
	err := drive(t.Context(), runner(s, 1, func(phase string, _ *walk) (*Verdict, error) {
		if phase == "b" {
			return &Verdict{Error: apierr.New(apierr.IndexNotFound, "gone")}, nil
		}
		return nil, nil
	}), s)
	if err != nil || s.rec.State != Failed || s.rec.Error.Code != apierr.IndexNotFound || s.steps(t) != "ab" {
		t.Fatalf("%v %+v", err, s.rec)
	}
}

func TestDriveEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{token: 1}
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Minute)
		defer cancel()
		r := runner(s, 1, func(string, *walk) (*Verdict, error) { return nil, errors.New("never") })
		if err := drive(ctx, r, s); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if s.rec.Phase != "a" || s.rec.State != Running {
			t.Fatalf("%+v", s.rec)
		}
	})
}

func TestUnknownPhaseAndHistoryBound(t *testing.T) {
	s := &shelf{token: 1, revision: 4, rec: Record{V: Version, State: Running, Phase: "of another program", Progress: []byte(`{}`)}}
	if err := drive(t.Context(), runner(s, 1, nil), s); err == nil {
		t.Error("an unknown phase was driven")
	}
	var rec Record
	for i := range 3 * maxHistory {
		rec.enter(fmt.Sprint(i), "x", time.Time{})
	}
	if len(rec.History) != maxHistory || rec.History[maxHistory-1].Phase != fmt.Sprint(3*maxHistory-1) {
		t.Errorf("%d transitions are kept", len(rec.History))
	}
	for _, bad := range []string{"", "[]", `{"v":2}`} {
		if _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
