package journal

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// WQ-4: a write that did not come is refused for good once somebody was told so, whatever becomes of the process. One that is here, in
// whatever state, is not, nor one that may have been here.
func TestWQ4BarredWritesNeverCome(t *testing.T) {
	w := &wall{noon}
	dir := t.TempDir()
	j := open(t, dir, w)
	stamp := func(d time.Duration) hlc.Stamp { return hlc.At(noon.Add(d)) }
	leg := func(write string, d time.Duration) Leg {
		return Leg{Index: "x--1", Write: write, Stamp: stamp(d), Kind: guard.Replace, Via: Direct}
	}
	w.t = noon.Add(10 * time.Second)
	put(t, j, leg("registered", time.Second), 7, "a")
	begun, err := j.Begin(leg("begun", 2*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	put(t, j, Leg{Index: "x--1", Write: "wide", Stamp: stamp(5 * time.Second), Kind: guard.Clear, Via: Direct}, 8) // all that is older is refused, and was not here
	ask := []Written{{"registered", stamp(time.Second)}, {"begun", stamp(2 * time.Second)}, {"missing", stamp(3 * time.Second)}, {"forgotten", 1}, {"", stamp(4 * time.Second)}}
	for range 2 { // asking again changes nothing
		if got, err := j.Bar("x--1", ask); err != nil || !slices.Equal(got, []string{"missing"}) {
			t.Fatalf("%q %v", got, err)
		}
	}
	late := func() error {
		b, err := j.Begin(leg("missing", 3*time.Second))
		if err == nil {
			return b.Discard()
		}
		return err
	}
	if err := late(); !errors.Is(err, ErrStale) {
		t.Errorf("a barred write came: %v", err)
	}
	if err := errors.Join(begun.Discard(), j.Close()); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, w)
	if err := late(); !errors.Is(err, ErrStale) {
		t.Errorf("after a restart: %v", err)
	}
	if got, err := j.Bar("x--1", ask[:3]); err != nil || !slices.Equal(got, []string{"begun", "missing"}) {
		t.Errorf("after a restart: %q %v", got, err)
	}
	w.t = noon.Add(10 * time.Minute)
	if err := errors.Join(j.Expire(), j.Close()); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, w)
	defer func() { _ = j.Close() }()
	if got, err := j.Bar("x--1", []Written{ask[0], {"other", stamp(4 * time.Second)}, {"later", stamp(6 * time.Second)}}); err != nil || !slices.Equal(got, []string{"later"}) {
		t.Errorf("when legs were dropped: %q %v", got, err)
	}
	// What the engine has lost is not here, whoever had it before.
	if err := j.Lose("x--1"); err != nil {
		t.Fatal(err)
	}
	if got, err := j.Bar("x--1", ask[:1]); err != nil || !slices.Equal(got, []string{"registered"}) {
		t.Errorf("of a lost index: %q %v", got, err)
	}
	w.t = noon.Add(2 * barTime)
	if err := j.Expire(); err != nil || len(j.barred) != 0 {
		t.Errorf("%d stay, %v", len(j.barred), err)
	}
	if err := j.each([]byte{tagBarred}, func(key, _ []byte) error { return errors.New(string(key)) }); err != nil {
		t.Errorf("still on disk: %v", err)
	}
}
