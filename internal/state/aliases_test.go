package state

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

// point makes an alias of one index stand for another one, and makes it if there is none.
func point(t *testing.T, c *Client, name, target string) int64 {
	t.Helper()
	revision, err := c.ChangeAlias(t.Context(), name, []string{target}, pointing(name, target))
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func pointing(name, target string) func(AliasFacts) (AliasVerdict, error) {
	return func(f AliasFacts) (AliasVerdict, error) {
		next := routing.AliasRecord{V: routing.Version, Name: name, Kind: routing.AliasSingle, Version: 1}
		next.Target = target
		if f.Old != nil {
			next = f.Old.Next(next.AliasTargets, time.Now().UTC(), "test", routing.AliasHistory)
		}
		return AliasVerdict{Put: &next}, nil
	}
}

// RT-1: a name is an index or an alias, whoever comes first, and stays it until it is deleted.
func TestRT1NameIsIndexOrAlias(t *testing.T) {
	c := open(t)
	create(t, c, "a", "a--1")
	point(t, c, "x", "a")
	if create(t, c, "x", "x--2") {
		t.Error("an index was made under the name of an alias")
	}
	if err := c.RenameIndex(t.Context(), "a", "x"); !errors.Is(err, ErrConflict) {
		t.Errorf("renamed to an alias: %v", err)
	}
	if err := c.SwapIndexes(t.Context(), []Swap{{A: "a", B: "x", Rename: true}}); !errors.Is(err, ErrConflict) {
		t.Errorf("renamed to an alias by a swap: %v", err)
	}
	var facts AliasFacts
	see := func(f AliasFacts) (AliasVerdict, error) {
		facts = f
		return AliasVerdict{}, nil
	}
	if _, err := c.ChangeAlias(t.Context(), "a", []string{"x", "nobody"}, see); err != nil {
		t.Fatal(err)
	}
	if !facts.IsIndex || !facts.Aliases["x"] || facts.Aliases["nobody"] || facts.Old != nil || facts.Count != 1 {
		t.Errorf("the facts are %+v", facts)
	}
	if _, err := c.ChangeAlias(t.Context(), "x", nil, func(AliasFacts) (AliasVerdict, error) { return AliasVerdict{Delete: true}, nil }); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Alias(t.Context(), "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after the deletion: %v", err)
	}
	if !create(t, c, "x", "x--3") {
		t.Error("the name was not free again")
	}
}

// RT-1: an index and an alias that are made at the same time under one name do not both come to be.
func TestRT1IndexAndAliasRace(t *testing.T) {
	c := open(t)
	create(t, c, "a", "a--1")
	for i := range 40 {
		name := fmt.Sprint("n", i)
		var both sync.WaitGroup
		var made bool
		both.Go(func() { made = create(t, c, name, name+"--1") })
		both.Go(func() {
			_, err := c.ChangeAlias(t.Context(), name, []string{"a"}, func(f AliasFacts) (AliasVerdict, error) {
				if f.IsIndex {
					return AliasVerdict{}, ErrConflict
				}
				return pointing(name, "a")(f)
			})
			if err != nil && !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
		})
		both.Wait()
		_, _, err := c.Alias(t.Context(), name)
		if aliased := err == nil; aliased == made {
			t.Fatalf("%s: index %v, alias %v", name, made, aliased)
		}
	}
}

// F7: an index does not vanish behind an alias. With force it leaves those of several indexes, in the same transaction.
func TestDeletionOfATarget(t *testing.T) {
	c := open(t)
	create(t, c, "a", "a--1")
	create(t, c, "b", "b--2")
	point(t, c, "x", "a")
	all := routing.AliasRecord{V: 1, Name: "all", Kind: routing.AliasMulti, AliasTargets: routing.AliasTargets{Targets: []string{"a", "b"}}, Version: 1}
	if _, err := c.ChangeAlias(t.Context(), "all", all.Targets, func(AliasFacts) (AliasVerdict, error) { return AliasVerdict{Put: &all}, nil }); err != nil {
		t.Fatal(err)
	}
	refuse := func(routing.AliasRecord) *routing.AliasRecord { return nil }
	force := func(a routing.AliasRecord) *routing.AliasRecord {
		if left, ok := a.Without("b", time.Now(), "test", 10); ok {
			return &left
		}
		return nil
	}
	var used *TargetedError
	if _, err := c.DeleteIndex(t.Context(), "a", "a--1", refuse); !errors.As(err, &used) || !slices.Equal(used.Aliases, []string{"all", "x"}) {
		t.Errorf("deleting a: %v", err)
	}
	if _, err := c.DeleteIndex(t.Context(), "b", "b--2", refuse); !errors.Is(err, ErrConflict) {
		t.Errorf("deleting b: %v", err)
	}
	if deleted, err := c.DeleteIndex(t.Context(), "b", "b--2", force); !deleted || err != nil {
		t.Fatalf("forced: %v, %v", deleted, err)
	}
	if rec, _, err := c.Alias(t.Context(), "all"); err != nil || !slices.Equal(rec.Targets, []string{"a"}) || rec.Version != 2 {
		t.Errorf("all is %+v, %v", rec, err)
	}
}

// F7: an index is not deleted while an alias begins to stand for it: one of the two sees the other.
func TestDeletionRacesWithAnAlias(t *testing.T) {
	c := open(t)
	for i := range 40 {
		name := fmt.Sprint("i", i)
		create(t, c, name, name+"--1")
		var both sync.WaitGroup
		both.Go(func() {
			_, err := c.DeleteIndex(t.Context(), name, name+"--1", func(routing.AliasRecord) *routing.AliasRecord { return nil })
			if err != nil && !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
		})
		both.Go(func() {
			_, err := c.ChangeAlias(t.Context(), "x", []string{name}, func(f AliasFacts) (AliasVerdict, error) {
				if _, there := f.Indexes[name]; !there {
					return AliasVerdict{}, ErrNotFound
				}
				return pointing("x", name)(f)
			})
			if err != nil && !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
		})
		both.Wait()
		rec, _, err := c.Alias(t.Context(), "x")
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Index(t.Context(), rec.Target); err != nil {
			t.Fatalf("the alias stands for %s, which is gone: %v", rec.Target, err)
		}
	}
}

// A7.1, A7.3: a task that came by an alias is recorded only as long as the alias stands for the same.
func TestA71TasksFollowTheAlias(t *testing.T) {
	c := open(t)
	create(t, c, "a", "a--1")
	create(t, c, "b", "b--2")
	first := point(t, c, "x", "a")
	record := func(uid uint32, revision int64) error {
		r := task.Record{UID: uid, Type: task.DocumentAddition, Status: task.Enqueued}
		return c.RecordTask(t.Context(), Receipt{Task: r, By: &AliasAt{"x", revision}})
	}
	if err := record(1, first); err != nil {
		t.Fatal(err)
	}
	second := point(t, c, "x", "b")
	if err := record(2, first); !errors.Is(err, ErrAliasMoved) {
		t.Errorf("a write to the old target after the flip: %v", err)
	}
	if _, err := c.Task(t.Context(), 2); !errors.Is(err, ErrNotFound) {
		t.Errorf("it left a task: %v", err)
	}
	if err := record(2, second); err != nil {
		t.Fatal(err)
	}
	if err := record(2, second); !errors.Is(err, ErrConflict) || errors.Is(err, ErrAliasMoved) {
		t.Errorf("a uid twice: %v", err)
	}
	if err := c.ResumeTask(t.Context(), Receipt{Task: task.Record{UID: 1, Status: task.Enqueued}, By: &AliasAt{"x", first}}); !errors.Is(err, ErrAliasMoved) {
		t.Errorf("going on with a write to the old target: %v", err)
	}
	if _, err := c.ChangeAlias(t.Context(), "x", nil, func(AliasFacts) (AliasVerdict, error) { return AliasVerdict{Delete: true}, nil }); err != nil {
		t.Fatal(err)
	}
	if err := record(3, second); !errors.Is(err, ErrAliasMoved) {
		t.Errorf("a write by an alias that is gone: %v", err)
	}
}

// ET-7: the view follows aliases, and its epoch is the revision of the flip.
func TestET7ViewFollowsAliases(t *testing.T) {
	c := open(t)
	create(t, c, "a", "a--1")
	create(t, c, "b", "b--2")
	w, err := c.WatchView(t.Context(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, target := range []string{"a", "b", "a"} {
		revision := point(t, c, "x", target)
		v, err := w.Wait(ctx, func(v *routing.View) bool { return v.Epoch >= revision })
		if err != nil {
			t.Fatal(err)
		}
		if ix, ok := v.Find("x"); !ok || ix.UID != target || v.Aliases["x"].Revision != revision {
			t.Errorf("x is %+v at %d, want %s at %d", ix, v.Epoch, target, revision)
		}
	}
}
