package state

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/key"
)

func newKey(uid string) key.Record {
	at := time.Now().UTC()
	return key.Record{V: key.Version, UID: uid, Actions: []string{"search"}, Indexes: []string{"*"}, CreatedAt: at, UpdatedAt: at}
}

// A key is created once, changed in place and deleted once.
func TestKeyLife(t *testing.T) {
	c := open(t)
	if err := c.CreateKey(t.Context(), newKey("a")); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateKey(t.Context(), newKey("a")); !errors.Is(err, ErrConflict) {
		t.Fatalf("a uid was used twice: %v", err)
	}
	name := "n"
	r, err := c.UpdateKey(t.Context(), "a", func(r *key.Record) { r.Name = &name })
	if err != nil || r.UID != "a" || *r.Name != "n" {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := c.UpdateKey(t.Context(), "b", func(*key.Record) {}); !errors.Is(err, ErrNotFound) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []error{nil, ErrNotFound} {
		if err := c.DeleteKey(t.Context(), "a"); !errors.Is(err, want) {
			t.Fatalf("got %v, want %v", err, want)
		}
	}
}

// AU-12: however many coordinators start at once, one of them makes the first keys, all of them, and nobody makes more.
func TestAU12FirstKeysAreMadeOnce(t *testing.T) {
	a := open(t)
	b := connect(t, a.etcd.Endpoints()[0])
	var uid, made atomic.Int64
	var wg sync.WaitGroup
	for _, c := range []*Client{a, b, a, b} {
		wg.Go(func() {
			first := key.Defaults(time.Now(), func() string { return strconv.FormatInt(uid.Add(1), 10) })
			created, err := c.FoundKeys(t.Context(), first)
			if err != nil {
				t.Error(err)
			}
			if created {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	w, err := a.WatchKeys(t.Context(), zerolog.Nop(), func(*key.Set) {})
	if err != nil {
		t.Fatal(err)
	}
	if made.Load() != 1 || len(w.Keys().List) != 4 {
		t.Fatalf("made %d times, %d keys", made.Load(), len(w.Keys().List))
	}
}

// AU-15: a watcher sees creation, change and deletion, and whoever adopts sets has each before it is shown.
func TestAU15KeyWatchFollows(t *testing.T) {
	c := open(t)
	if err := c.CreateKey(t.Context(), newKey("before")); err != nil {
		t.Fatal(err)
	}
	var adopted atomic.Pointer[key.Set]
	w, err := c.WatchKeys(t.Context(), zerolog.Nop(), func(s *key.Set) { adopted.Store(s) })
	if err != nil {
		t.Fatal(err)
	}
	if adopted.Load() != w.Keys() || w.Keys().Get("before") == nil {
		t.Fatal("the first set is not there")
	}
	wait := func(what string, cond func(*key.Set) bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := w.Wait(ctx, cond); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if !cond(adopted.Load()) {
			t.Fatalf("%s: shown before it was adopted", what)
		}
	}
	if err := c.CreateKey(t.Context(), newKey("a")); err != nil {
		t.Fatal(err)
	}
	wait("creation", func(s *key.Set) bool { return s.Get("a") != nil })
	old := w.Keys()
	name := "n"
	if _, err := c.UpdateKey(t.Context(), "a", func(r *key.Record) { r.Name = &name }); err != nil {
		t.Fatal(err)
	}
	wait("change", func(s *key.Set) bool { return s.Get("a").Name != nil })
	if old.Get("a").Name != nil {
		t.Error("a set that somebody holds was changed")
	}
	if err := c.DeleteKey(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	wait("deletion", func(s *key.Set) bool { return s.Get("a") == nil && len(s.List) == 1 })
	// A record that this program does not understand opens nothing.
	if _, err := c.etcd.Put(t.Context(), c.key(familyKeys, "before"), `{"v":99}`); err != nil {
		t.Fatal(err)
	}
	wait("unknown version", func(s *key.Set) bool { return len(s.List) == 0 })
}
