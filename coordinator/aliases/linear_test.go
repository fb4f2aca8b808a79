package aliases

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/testkit/etcd"
)

// step is one operation on an alias, with what it came to.
type step struct {
	verb    string // create, flip, delete, read, write
	target  string // asked for; of a read and of a write what was found
	version uint64 // of a flip the one it must be at, 0 for any; of a read the one that was found
}

type result struct {
	refused apierr.Code // empty: done
	target  string
	version uint64
}

// register is what an alias is: nothing, or a target at a version.
type register struct {
	target  string
	version uint64
}

// model says how aliases behave when nothing happens at the same time.
var model = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(s, in, out any) (bool, any) {
		now, _ := s.(register)
		op, _ := in.(step)
		got, _ := out.(result)
		next, want := now.after(op)
		if want.refused != got.refused {
			return false, now
		}
		switch op.verb {
		case "read", "write":
			return want == got, now
		}
		return want.refused != "" || want == got, next
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v: %+v", in, out) },
}

func (r register) after(op step) (register, result) {
	done := func(n register) (register, result) { return n, result{target: n.target, version: n.version} }
	missing := result{refused: apierr.MiroirNotFound}
	switch {
	case op.verb == "create" && (r.version == 0 || r.target == op.target):
		if r.version > 0 {
			return done(r)
		}
		return done(register{op.target, 1})
	case op.verb == "create":
		return r, result{refused: apierr.MiroirConflict}
	case r.version == 0:
		return r, missing
	case op.verb == "flip" && op.version != 0 && op.version != r.version:
		return r, result{refused: apierr.MiroirConflict}
	case op.verb == "flip" && op.target != r.target:
		return done(register{op.target, r.version + 1})
	case op.verb == "delete":
		return register{}, result{}
	}
	return done(r)
}

// A7.1: changes of an alias by several coordinators, what is read of it, and the tasks of writes by it, are as if they had
// happened one after the other, each between its call and its answer.
func TestA71ChangesAreLinearizable(t *testing.T) {
	endpoint := etcd.Start(t)
	first := etcd.Connect(t, endpoint)
	uids := []string{"a", "b", "c"}
	for _, uid := range uids {
		ix := routing.IndexRecord{V: 1, UID: uid, Physical: uid + "--1", PrimaryKey: "id", Shards: 1}
		p := routing.PlacementRecord{V: 1, Physical: ix.Physical, Shards: 1, Groups: map[int][][]routing.Copy{}}
		if _, err := first.CreateIndex(t.Context(), ix, p, routing.SettingsRecord{}); err != nil {
			t.Fatal(err)
		}
	}
	const clients, each = 6, 60
	var mu sync.Mutex
	var history []porcupine.Operation
	var all sync.WaitGroup
	began := time.Now()
	for client := range clients {
		c := &Changer{Store: etcd.Connect(t, endpoint), Rules: DefaultRules, Now: time.Now, Metrics: NewMetrics(prometheus.NewRegistry())}
		random := rand.New(rand.NewPCG(7, uint64(client)))
		all.Go(func() {
			for n := range each {
				op := step{target: uids[random.IntN(len(uids))]}
				op.verb = []string{"create", "create", "flip", "flip", "flip", "delete", "read", "read", "write"}[random.IntN(9)]
				if op.verb == "flip" && random.IntN(2) == 0 {
					op.version = uint64(1 + random.IntN(4))
				}
				call := time.Since(began).Nanoseconds()
				out, err := perform(t.Context(), c, op, uint32(client*each+n))
				end := time.Since(began).Nanoseconds()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: client, Input: op, Call: call, Output: out, Return: end})
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(history) != clients*each {
		t.Fatalf("%d operations", len(history))
	}
	if verdict := porcupine.CheckOperationsTimeout(model, history, time.Minute); verdict != porcupine.Ok {
		t.Errorf("the history is %s", verdict)
	}
}

// perform runs a step against the store. A write takes what it last read of the alias for true, as a gateway does.
func perform(ctx context.Context, c *Changer, op step, uid uint32) (result, error) {
	want := Want{Name: "x", Kind: routing.AliasSingle, Targets: []string{op.target}, By: "test"}
	if op.version != 0 {
		want.Version = &op.version
	}
	var o Outcome
	var err error
	switch op.verb {
	case "create":
		o, err = c.Create(ctx, want)
	case "flip":
		o, err = c.Flip(ctx, want)
	case "delete":
		err = c.Delete(ctx, Want{Name: "x"})
	case "read":
		o.Alias, _, err = c.Store.Alias(ctx, "x")
	case "write":
		o.Alias, err = write(ctx, c, uid)
	}
	var refused *apierr.Error
	switch {
	case errors.As(err, &refused):
		return result{refused: refused.Code}, nil
	case errors.Is(err, state.ErrNotFound):
		return result{refused: apierr.MiroirNotFound}, nil
	}
	return result{target: o.Alias.Target, version: o.Alias.Version}, err
}

func write(ctx context.Context, c *Changer, uid uint32) (routing.AliasRecord, error) {
	client, ok := c.Store.(*state.Client)
	if !ok {
		return routing.AliasRecord{}, errors.New("no client")
	}
	for {
		rec, revision, err := client.Alias(ctx, "x")
		if err != nil {
			return rec, err
		}
		err = client.RecordTask(ctx, state.Receipt{
			Task: task.Record{UID: uid, Type: task.DocumentAddition, Status: task.Enqueued}, By: &state.AliasAt{Name: "x", Revision: revision},
		})
		if !errors.Is(err, state.ErrAliasMoved) {
			return rec, err
		}
	}
}
