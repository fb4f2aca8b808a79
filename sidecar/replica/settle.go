package replica

import (
	"context"
	"slices"
	"time"

	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// atOnce is how many documents are settled together.
const atOnce = 500

// document is one that is looked at.
type document struct {
	shard int
	id    string
}

// settle looks at the documents of a leg and sends again what order demands. It tries until it has, or ctx ends.
func (r *Replica) settle(ctx context.Context, c checkup) {
	for pause := retryFirst; ; pause = min(2*pause, retryLongest) {
		err := r.look(ctx, c)
		if err == nil || ctx.Err() != nil {
			return
		}
		r.Log.Warn().Err(err).Msg("operations not settled yet")
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (r *Replica) look(ctx context.Context, c checkup) error {
	if c.crossed {
		return r.crossed(ctx, c)
	}
	var some []document
	seen := map[document]bool{}
	err := r.Journal.Documents(c.place, func(shard int, id []byte) error {
		d := document{shard, string(id)}
		if seen[d] {
			return nil
		}
		if seen[d], some = true, append(some, d); len(some) < atOnce {
			return nil
		}
		err := r.order(ctx, c, some)
		some = some[:0]
		clear(seen)
		return err
	})
	if err != nil {
		return err
	}
	return r.order(ctx, c, some)
}

// order settles some documents.
func (r *Replica) order(ctx context.Context, c checkup, some []document) error {
	var late []resend
	var lost []int
	for _, d := range some {
		history, err := r.Journal.Operations(c.index, d.shard, []byte(d.id))
		if err != nil {
			return err
		}
		again, ok := guard.Settle(opsOf(history))
		if !ok {
			lost = append(lost, d.shard)
			continue
		}
		if len(again) == 0 {
			continue
		}
		one := resend{document: d}
		for _, at := range again {
			one.ops = append(one.ops, history[at])
		}
		late = append(late, one)
	}
	if len(lost) > 0 {
		r.lose(ctx, c, lost, "an operation came too late to be put in order")
	}
	return r.resend(ctx, c.index, late)
}

// crossed deals with a leg that lies on the wrong side of an operation that names no document. What that one would have
// done to its documents can not be made good here.
func (r *Replica) crossed(ctx context.Context, c checkup) error {
	var shards []int
	err := r.Journal.Documents(c.place, func(shard int, _ []byte) error {
		shards = append(shards, shard)
		return nil
	})
	if err == nil && len(shards) > 0 {
		r.lose(ctx, c, shards, "a write crossed an operation on all documents")
	}
	return err
}

func (r *Replica) lose(ctx context.Context, c checkup, shards []int, reason string) {
	slices.Sort(shards)
	e, ok := r.Journal.Leg(c.place)
	if !ok {
		return
	}
	r.Metrics.lost.Inc()
	r.Log.Warn().Str("reason", reason).Msg("copies on this node missed a write")
	r.Lost(ctx, c.index, slices.Compact(shards), e.Low.Stamp, reason)
}

// resend is what must go to the engine again for one document, in this order.
type resend struct {
	document
	ops []journal.Known
}

// resend sends operations again, those of one kind together. Documents do not depend on each other.
func (r *Replica) resend(ctx context.Context, index string, late []resend) error {
	for len(late) > 0 {
		kind := late[0].ops[0].Kind
		out := batch{index: index, kind: kind, via: journal.Settled}
		for i := range late {
			for len(late[i].ops) > 0 && late[i].ops[0].Kind == kind {
				op := late[i].ops[0]
				body, err := r.Journal.Body(op)
				if err != nil {
					return err
				}
				out.ops = append(out.ops, journal.Op{
					Shard: late[i].shard, ID: []byte(late[i].id), Version: op.Version, Floor: op.Floor, Includes: op.Includes, Write: op.Write, Body: body,
				})
				late[i].ops = late[i].ops[1:]
			}
		}
		if _, err := r.send(ctx, out); err != nil {
			return err
		}
		r.Metrics.settled.Add(float64(len(out.ops)))
		late = slices.DeleteFunc(late, func(one resend) bool { return len(one.ops) == 0 })
	}
	return nil
}
