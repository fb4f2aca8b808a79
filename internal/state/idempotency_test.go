package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/key"
)

func claimOf(key, request string) *Claim {
	return &Claim{Key: key, TTL: time.Hour, Record: Idempotency{Request: request, State: IdemPending, Owner: "g"}}
}

// A10.1: of many requests with one key, at several gateways, one makes its task, and the others leave no trace.
func TestA101OneOfManyClaims(t *testing.T) {
	a := open(t)
	b := connect(t, a.etcd.Endpoints()[0])
	var made atomic.Int32
	var all sync.WaitGroup
	for i := range 50 {
		c := []*Client{a, b}[i%2]
		all.Go(func() {
			uid, err := c.NextTaskUID(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			claim := claimOf("k", "r")
			claim.Record.Task = &uid
			switch err := c.RecordTask(t.Context(), Receipt{Task: openTask(uid), Claim: claim}); {
			case err == nil:
				made.Add(1)
				if !claim.Committed() {
					t.Error("a claim that was committed does not say so")
				}
			case !errors.Is(err, ErrHeld):
				t.Error(err)
			default:
				if _, err := c.Task(t.Context(), uid); !errors.Is(err, ErrNotFound) {
					t.Errorf("a task without its claim: %v", err)
				}
			}
		})
	}
	all.Wait()
	if made.Load() != 1 {
		t.Errorf("%d tasks", made.Load())
	}
	rec, _, err := a.Idempotency(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Task(t.Context(), *rec.Task); err != nil {
		t.Errorf("a claim without its task: %v", err)
	}
}

// F10: a claim changes, is waited for, taken over by comparison, dropped, and runs out.
func TestF10LifeOfAClaim(t *testing.T) {
	c := open(t)
	claim := claimOf("k", "r")
	if err := c.PutClaim(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	rec, revision, err := c.Idempotency(t.Context(), "k")
	if err != nil || rec.State != IdemPending || revision != claim.Revision {
		t.Fatalf("%+v at %d: %v", rec, revision, err)
	}
	changed := make(chan error, 1)
	go func() { changed <- c.IdempotencyChanged(t.Context(), "k", revision) }()
	other := claimOf("k", "r")
	other.Revision = revision
	if err := c.PutClaim(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if err := <-changed; err != nil {
		t.Errorf("change not seen: %v", err)
	}
	if err := c.PutClaim(t.Context(), claim); !errors.Is(err, ErrHeld) {
		t.Errorf("who was taken over from went on: %v", err)
	}
	if err := c.DropClaim(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Idempotency(t.Context(), "k"); err != nil {
		t.Errorf("who was taken over from dropped the claim: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.IdempotencyChanged(gone, "k", other.Revision); err == nil {
		t.Error("a change that never was")
	}
	if err := c.DropClaim(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Idempotency(t.Context(), "k"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a claim that was dropped: %v", err)
	}
	short := claimOf("k", "s")
	short.TTL = -time.Second
	if err := c.PutClaim(t.Context(), short); err != nil {
		t.Fatal(err)
	}
	if _, revision, err = c.Idempotency(t.Context(), "k"); !errors.Is(err, ErrNotFound) || revision != short.Revision {
		t.Errorf("a claim that has run out: %d, %v", revision, err)
	}
	next := claimOf("k", "t")
	next.Revision = revision
	if err := c.PutClaim(t.Context(), next); err != nil {
		t.Errorf("the key of a claim that has run out can not be used: %v", err)
	}
}

// F10: records of one time share a lease, whoever writes them, and have one at all.
func TestF10ClaimsShareLeases(t *testing.T) {
	a := open(t)
	b := connect(t, a.etcd.Endpoints()[0])
	now := time.Now()
	first, err := a.bucketLease(t.Context(), "f/", time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.bucketLease(t.Context(), "f/", time.Hour, now)
	if err != nil || second != first {
		t.Errorf("%x and %x: %v", first, second, err)
	}
	later, err := a.bucketLease(t.Context(), "f/", time.Hour, now.Add(2*time.Minute))
	if err != nil || later == first {
		t.Errorf("a lease for all times: %v", err)
	}
	if err := a.PutClaim(t.Context(), claimOf("k", "r")); err != nil {
		t.Fatal(err)
	}
	res, err := a.etcd.Get(t.Context(), a.key(FamilyIdempotency, "k"))
	if err != nil || len(res.Kvs) != 1 || res.Kvs[0].Lease == 0 {
		t.Errorf("a claim for good: %v", err)
	}
}

// F10: an effect and its claim are one transaction.
func TestF10EffectsTakeTheirClaimAlong(t *testing.T) {
	c := open(t)
	if err := c.With(Receipt{Claim: claimOf("k", "r")}).CreateKey(t.Context(), newKey("a")); err != nil {
		t.Fatal(err)
	}
	held := Receipt{Claim: claimOf("k", "r")}
	if err := c.With(held).CreateKey(t.Context(), newKey("b")); !errors.Is(err, ErrHeld) {
		t.Errorf("got %v", err)
	}
	if err := c.With(held).DeleteKey(t.Context(), "a"); !errors.Is(err, ErrHeld) {
		t.Errorf("got %v", err)
	}
	if _, err := c.With(held).UpdateKey(t.Context(), "a", func(*key.Record) {}); !errors.Is(err, ErrHeld) {
		t.Errorf("got %v", err)
	}
	list, err := c.Keys(t.Context())
	if err != nil || len(list) != 1 || list[0].UID != "a" {
		t.Errorf("%+v %v", list, err)
	}
	free := Receipt{Claim: claimOf("free", "r")}
	if err := c.With(free).CreateKey(t.Context(), newKey("a")); !errors.Is(err, ErrConflict) || errors.Is(err, ErrHeld) {
		t.Errorf("got %v", err)
	}
	if _, _, err := c.Idempotency(t.Context(), "free"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a claim of nothing: %v", err)
	}
}

// F6, F10: beyond the bound the records that were written longest ago go, but not those of requests that are being answered.
func TestF10Trim(t *testing.T) {
	c := open(t)
	for i := range 250 {
		claim := claimOf(fmt.Sprintf("k%03d", i), "r")
		if i != 3 {
			claim.Record.State = IdemDone
		}
		if err := c.PutClaim(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
		if i%50 == 0 {
			if err := c.AmendClientSession(t.Context(), fmt.Sprint("s", i), time.Hour, func(*ClientSession) {}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if kept, dropped, err := c.TrimIdempotency(t.Context(), 250); kept != 250 || dropped != 0 || err != nil {
		t.Errorf("%d kept, %d dropped, %v", kept, dropped, err)
	}
	if kept, dropped, err := c.TrimIdempotency(t.Context(), 30); kept != 30 || dropped != 220 || err != nil {
		t.Errorf("%d kept, %d dropped, %v", kept, dropped, err)
	}
	for key, want := range map[string]error{"k000": ErrNotFound, "k003": nil, "k220": ErrNotFound, "k221": nil, "k249": nil} {
		if _, _, err := c.Idempotency(t.Context(), key); !errors.Is(err, want) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := c.AmendClientSession(t.Context(), "s0", time.Hour, func(*ClientSession) {}); err != nil { // used again
		t.Fatal(err)
	}
	if kept, dropped, err := c.TrimSessions(t.Context(), 2); kept != 2 || dropped != 3 || err != nil {
		t.Errorf("%d kept, %d dropped, %v", kept, dropped, err)
	}
	for name, want := range map[string]error{"s0": nil, "s50": ErrNotFound, "s200": nil} {
		if _, _, err := c.ClientSession(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
