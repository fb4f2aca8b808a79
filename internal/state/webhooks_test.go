package state

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/webhook"
)

func newWebhook(uuid string) webhook.Record {
	return webhook.Record{V: webhook.Version, UUID: uuid, Sealed: "s", CreatedAt: time.Now(), UpdatedAt: time.Now()}
}

// A webhook is made, changed and deleted, and the watch shows each, with the revision at which it was made.
func TestWebhookLife(t *testing.T) {
	c := open(t)
	w, err := c.WatchWebhooks(t.Context(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	with := c.With(Receipt{})
	if err := with.CreateWebhook(t.Context(), newWebhook("a")); err != nil {
		t.Fatal(err)
	}
	if err := w.Wait(t.Context(), func(s *webhook.Set) bool { return s.Get("a") != nil }); err != nil {
		t.Fatal(err)
	}
	born := w.Webhooks().Get("a").Born
	if born == 0 {
		t.Error("the watch does not know when it was made")
	}
	changed, err := with.UpdateWebhook(t.Context(), "a", func(r *webhook.Record) error { r.Sealed = "t"; return nil })
	if err != nil || changed.Sealed != "t" {
		t.Fatalf("%+v %v", changed, err)
	}
	if err := w.Wait(t.Context(), func(s *webhook.Set) bool { return s.Get("a").Sealed == "t" }); err != nil {
		t.Fatal(err)
	}
	if got := w.Webhooks().Get("a").Born; got != born {
		t.Errorf("a change moved its beginning from %d to %d", born, got)
	}
	if _, err := with.UpdateWebhook(t.Context(), "b", func(*webhook.Record) error { return nil }); !errors.Is(err, ErrNotFound) {
		t.Errorf("one that is none was changed: %v", err)
	}
	for _, want := range []error{nil, ErrNotFound} {
		if err := with.DeleteWebhook(t.Context(), "a"); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if err := w.Wait(t.Context(), func(s *webhook.Set) bool { return len(s.List) == 0 }); err != nil {
		t.Fatal(err)
	}
}

// However many gateways make webhooks at once, there are never more than there can be.
func TestWebhooksStayWithinTheirBound(t *testing.T) {
	a := open(t)
	b := connect(t, a.etcd.Endpoints()[0])
	var made atomic.Int64
	var wg sync.WaitGroup
	for i, c := range []*Client{a, b, a, b} {
		wg.Go(func() {
			for n := range 10 {
				switch err := c.With(Receipt{}).CreateWebhook(t.Context(), newWebhook(fmt.Sprintf("%d-%d", i, n))); {
				case err == nil:
					made.Add(1)
				case !errors.Is(err, ErrConflict):
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	set, err := a.Webhooks(t.Context())
	if err != nil || made.Load() != meili.MaxWebhooks || len(set.List) != meili.MaxWebhooks {
		t.Errorf("%d were made, %d are there: %v", made.Load(), len(set.List), err)
	}
}

// BG-5: what a webhook was told is written by the leader alone, and only while there is the webhook.
func TestBG5CursorsOfWebhooksAreTheLeaders(t *testing.T) {
	c := open(t)
	l, err := c.Campaign(t.Context(), "webhooks", "me", 10)
	if err != nil {
		t.Fatal(err)
	}
	at := webhook.Cursor{Revision: 7}
	if err := l.PutWebhookCursor(t.Context(), "a", at); !errors.Is(err, ErrNotFound) {
		t.Errorf("of one that is none: %v", err)
	}
	if err := c.With(Receipt{}).CreateWebhook(t.Context(), newWebhook("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WebhookCursor(t.Context(), "a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("before the first: %v", err)
	}
	if err := l.PutWebhookCursor(t.Context(), "a", at); err != nil {
		t.Fatal(err)
	}
	if got, err := c.WebhookCursor(t.Context(), "a"); err != nil || got.Revision != 7 {
		t.Errorf("%+v %v", got, err)
	}
	put := func(r *webhook.Record) error { r.V, r.Sealed = webhook.Version, "c"; return nil }
	if err := l.PutCommandWebhook(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Webhook(t.Context(), meili.CommandWebhook); err != nil || r.Sealed != "c" {
		t.Errorf("%+v %v", r, err)
	}
	if err := l.PutCommandWebhook(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Webhook(t.Context(), meili.CommandWebhook); !errors.Is(err, ErrNotFound) {
		t.Errorf("it was not removed: %v", err)
	}
	if err := l.Resign(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.PutWebhookCursor(t.Context(), "a", at); !errors.Is(err, ErrLostLeadership) {
		t.Errorf("after the leadership: %v", err)
	}
	if err := c.With(Receipt{}).DeleteWebhook(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WebhookCursor(t.Context(), "a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("it outlived its webhook: %v", err)
	}
}

// Tasks are listed in the order in which they ended, whatever their uids, by a watch that saw them end and by one that comes
// later; those that are deleted are left out, and a change of one that ended does not move it.
func TestTasksAreListedAsTheyEnded(t *testing.T) {
	c := open(t)
	early, err := c.WatchTasks(t.Context(), zerolog.Nop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	order := []uint32{3, 1, 4, 0, 2}
	for uid := range uint32(5) {
		if err := c.CreateTask(t.Context(), task.Record{UID: uid, Type: task.DocumentAddition, Status: task.Enqueued}); err != nil {
			t.Fatal(err)
		}
	}
	for _, uid := range order {
		if _, err := c.FinishTask(t.Context(), task.Record{UID: uid, Type: task.DocumentAddition, Status: task.Succeeded}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.AmendDoneTask(t.Context(), 3, func(r *task.Record) { r.RF = 9 }); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteTasks(t.Context(), []uint32{4}); err != nil {
		t.Fatal(err)
	}
	late, err := c.WatchTasks(t.Context(), zerolog.Nop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := early.follow.reach(t.Context(), late.follow.seen.Load()); err != nil {
		t.Fatal(err)
	}
	want := []uint32{3, 1, 0, 2}
	for name, w := range map[string]*TaskWatch{"early": early, "late": late} {
		var got []uint32
		for at := int64(0); ; {
			page := w.EndedAfter(at, 2)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				got = append(got, e.UID)
				at = e.Revision
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
