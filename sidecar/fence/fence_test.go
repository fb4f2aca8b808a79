package fence

import (
	"errors"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/routing"
)

// view has an index whose placement was written at a revision.
func view(epoch, placed int64) *routing.View {
	return &routing.View{Epoch: epoch, Physical: map[string]*routing.Index{"a--1": {PlacedAt: placed}}}
}

// NS-5: without a renewal for 8 s writes are refused, and pass again after the next one.
func TestNS5SelfFencing(t *testing.T) {
	now := time.Unix(1000, 0)
	f := New(func() time.Time { return now }, time.Hour)
	f.Observe(view(1, 1))
	if err := f.Write("a--1", 5); !errors.Is(err, ErrFenced) {
		t.Fatalf("without a lease: %v", err)
	}
	renewed := now
	f.Hold(func() time.Time { return renewed })
	now = now.Add(Grace)
	if err := f.Write("a--1", 5); err != nil {
		t.Fatalf("within the grace: %v", err)
	}
	now = now.Add(time.Millisecond)
	if err := f.Write("a--1", 5); !errors.Is(err, ErrFenced) {
		t.Fatalf("after the grace: %v", err)
	}
	renewed = now
	if err := f.Write("a--1", 5); err != nil {
		t.Fatal(err)
	}
	f.Hold(nil)
	if err := f.Write("a--1", 5); !errors.Is(err, ErrFenced) {
		t.Fatal(err)
	}
}

// A change of placement fences older senders of that index, nothing else does: neither other changes, nor that this node started, nor
// that it heard of the placement together with later changes.
func TestEpochFence(t *testing.T) {
	f := New(time.Now, time.Hour)
	f.Hold(time.Now)
	stale := func(epoch int64, want bool) {
		t.Helper()
		if err := f.Write("a--1", epoch); errors.Is(err, ErrStaleEpoch) != want {
			t.Errorf("epoch %d: %v", epoch, err)
		}
	}
	stale(1, false) // the index is not known yet
	f.Observe(view(15, 10))
	stale(9, true)
	stale(10, false)
	stale(0, false)
	f.Observe(view(20, 10))
	stale(10, false)
	f.Observe(view(40, 30))
	stale(29, true)
	stale(30, false)
	if f.Epoch() != 30 {
		t.Error(f.Epoch())
	}
	if err := f.Write("b--1", 10); err != nil {
		t.Error(err)
	}
}

// NS-5: reads go on without a lease, up to their limit, whether the lease is lost or was never granted.
func TestNS5ReadsWithoutALease(t *testing.T) {
	now := time.Unix(1000, 0)
	f := New(func() time.Time { return now }, time.Minute)
	passes := func(after time.Duration, want error) {
		t.Helper()
		now = now.Add(after)
		if err := f.Read(); !errors.Is(err, want) {
			t.Errorf("at %v: %v, want %v", now, err, want)
		}
	}
	passes(time.Minute, nil)
	passes(time.Second, ErrFenced)
	renewed := now
	f.Hold(func() time.Time { return renewed })
	passes(time.Minute, nil)
	passes(time.Second, ErrFenced)
	renewed = now
	f.Hold(nil)
	f.Hold(nil)
	passes(time.Minute, nil)
	passes(time.Second, ErrFenced)
}
