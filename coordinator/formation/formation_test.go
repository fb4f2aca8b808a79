package formation

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// founder fails as often as told.
type founder struct {
	failures []error
	cluster  routing.ClusterRecord
	groups   []routing.GroupRecord
	keys     []key.Record
}

func (f *founder) FoundKeys(_ context.Context, first []key.Record) (bool, error) {
	if len(f.failures) > 0 {
		err := f.failures[0]
		f.failures = f.failures[1:]
		return false, err
	}
	f.keys = first
	return true, nil
}

func (f *founder) EnsureCluster(_ context.Context, c routing.ClusterRecord, g []routing.GroupRecord) error {
	if len(f.failures) > 0 {
		err := f.failures[0]
		f.failures = f.failures[1:]
		return err
	}
	f.cluster, f.groups = c, g
	return nil
}

func TestFoundWaitsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &founder{failures: []error{state.ErrUnavailable, state.ErrUnavailable}}
		if err := Found(t.Context(), f, Shape{Groups: 2, Replicas: 3, Shards: 16}, time.Now(), zerolog.Nop()); err != nil {
			t.Fatal(err)
		}
		if f.cluster.Shards != 16 || len(f.groups) != 2 || f.groups[1].ID != 1 || f.groups[1].RF != 3 || f.groups[1].State != routing.GroupActive {
			t.Fatalf("%+v", f)
		}
		if len(f.keys) != 4 || f.keys[0].UID == f.keys[1].UID || len(f.keys[0].UID) != 36 {
			t.Fatalf("AU-12: the first keys are %+v", f.keys)
		}
		f.failures = []error{state.ErrTooLarge}
		if err := Found(t.Context(), f, Shape{Groups: 1}, time.Now(), zerolog.Nop()); !errors.Is(err, state.ErrTooLarge) {
			t.Fatalf("another failure: %v", err)
		}
		f.failures = []error{state.ErrUnavailable}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := Found(ctx, f, Shape{Groups: 1}, time.Now(), zerolog.Nop()); !errors.Is(err, context.Canceled) {
			t.Fatalf("a process that stops: %v", err)
		}
	})
}

// town is the views and the store of an admitter.
type town struct {
	view    *routing.View
	changed chan struct{}
	asked   chan string
	answers chan error
}

func (w *town) View() *routing.View { return w.view }

func (w *town) Subscribe() (changed <-chan struct{}, cancel func()) { return w.changed, func() {} }

func (w *town) AdmitNode(_ context.Context, id string) error {
	w.asked <- id
	return <-w.answers
}

func TestAdmitterAsksOnceAndAgainAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{changed: make(chan struct{}), asked: make(chan string), answers: make(chan error)}
		w.view = &routing.View{
			Cluster: routing.ClusterRecord{V: 1}, Groups: []routing.GroupRecord{{ID: 0, State: routing.GroupActive, RF: 1}},
			Nodes: map[string]routing.Node{"a": {NodeRecord: routing.NodeRecord{ID: "a", State: routing.NodeJoining}, Alive: true, OK: true}},
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- (&Admitter{Views: w, Store: w, Log: zerolog.Nop()}).Lead(ctx) }()
		for _, err := range []error{state.ErrUnavailable, nil} {
			if id := <-w.asked; id != "a" {
				t.Fatalf("asked for %q", id)
			}
			w.answers <- err
		}
		w.changed <- struct{}{} // the view does not show it yet
		synctest.Wait()
		select {
		case id := <-w.asked:
			t.Fatalf("%s was admitted twice", id)
		default:
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}
