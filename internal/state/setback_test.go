package state

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/etcdserver"
	"github.com/miroir-search/miroir/internal/testkit/free"
)

// ET-8: a process that worked with a store ends when the store comes back at an older state, and goes on when it comes back as it was.
func TestET8AStoreThatWasSetBackIsNoticed(t *testing.T) {
	dir, client, peer := t.TempDir(), free.URL(t), free.URL(t)
	data, backup := filepath.Join(dir, "data"), filepath.Join(dir, "backup")
	start := func() (stop func(), endpoint string) {
		t.Helper()
		s, err := etcdserver.Start(t.Context(), etcdserver.Options{DataDir: data, ListenClient: client, ListenPeer: peer, NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		stop = sync.OnceFunc(s.Stop)
		t.Cleanup(stop)
		return stop, s.Endpoint()
	}
	stop, endpoint := start()
	c := connect(t, endpoint)
	if _, err := c.NextTaskUID(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := os.CopyFS(backup, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	stop, endpoint = start()
	again := connect(t, endpoint) // it begins with what is there now
	for range 5 {
		if _, err := again.NextTaskUID(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	before, err := again.stands(ctx)
	if err != nil {
		t.Fatal(err)
	}
	again.origin = before
	go func() { ended <- again.Guard(ctx) }()
	stop()
	stop, _ = start()
	for p := (standing{}); p.revision < before.revision; { // it is as it was
		if p, err = again.stands(ctx); err != nil && ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("after a restart: %v", err)
	default:
	}
	stop()
	if err := errors.Join(os.RemoveAll(data), os.Rename(backup, data)); err != nil {
		t.Fatal(err)
	}
	start()
	if err := <-ended; !errors.Is(err, ErrSetBack) {
		t.Errorf("after it was set back: %v", err)
	}
	cancel()
	if err := c.Guard(ctx); err != nil {
		t.Errorf("at the end: %v", err)
	}
	for name, now := range map[string]standing{"older": {7, 9}, "another": {8, 11}} {
		if now.follows(standing{7, 10}) {
			t.Errorf("%s is not told", name)
		}
	}
	if !(standing{7, 10}).follows(standing{7, 10}) {
		t.Error("standing still is told")
	}
}

// ET-8, WQ-9: uids of tasks that nodes know are not given again.
func TestET8UidsThatNodesKnowAreNotGivenAgain(t *testing.T) {
	c := open(t)
	if forward, err := c.PassTask(t.Context(), 0); err != nil || !forward {
		t.Fatal(forward, err)
	}
	since, err := c.Doubt(t.Context())
	if err != nil || since.IsZero() {
		t.Fatal("copies are not in doubt", err)
	}
	for _, at := range []time.Time{since.Add(-time.Second), since} { // that of another time stays
		if err := c.Dispel(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		if left, err := c.Doubt(t.Context()); err != nil || left.IsZero() != at.Equal(since) {
			t.Errorf("%s: %s is left, %v", at, left, err)
		}
	}
	first, err := c.NextTaskUID(t.Context())
	if err != nil || first != uidGap {
		t.Fatal(first, err)
	}
	for _, step := range []struct {
		known   uint32
		forward bool
		next    uint32
	}{
		{first, false, 0}, {first - 1, false, 0}, {first + 100, true, first + 100 + uidGap}, {math.MaxUint32, false, 0}, {1 << 25, false, 0},
	} {
		forward, err := c.PassTask(t.Context(), step.known)
		if err != nil || forward != step.forward {
			t.Errorf("%+v: %v %v", step, forward, err)
		}
		other := connect(t, c.etcd.Endpoints()[0])
		uid, err := other.NextTaskUID(t.Context())
		if err != nil || uid <= step.known && step.known < 1<<25 || step.forward && uid != step.next {
			t.Errorf("%+v: next is %d, %v", step, uid, err)
		}
	}
}
