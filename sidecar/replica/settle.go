package replica

import (
	"context"
	"errors"
	"slices"

	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

const (
	atOnce    = 500     // documents that are settled together
	sendBytes = 8 << 20 // and about how many bytes of them go to the engine as one
)

// errUndone says that something failed in the engine that was to be sent again.
var errUndone = errors.New("what was to be sent again is not what is here any more")

// document is one that is looked at.
type document struct {
	shard int
	id    string
}

// settle looks at the documents of a leg and sends again what order demands. What can not be done now is tried again later,
// unless the index is gone.
func (r *Replica) settle(ctx context.Context, c checkup) {
	err := errUndone
	for errors.Is(err, errUndone) {
		c.failures = r.Journal.Failures(c.index)
		err = r.look(ctx, c)
	}
	switch {
	case err == nil || errors.Is(err, ErrGone):
		r.done(c)
	case ctx.Err() == nil:
		r.Log.Warn().Err(err).Str("index", c.index).Msg("operations not settled yet")
		r.postpone(c)
	}
}

// look does a checkup. While it does, something is on its way: what comes now is not among what may be sent again.
func (r *Replica) look(ctx context.Context, c checkup) error {
	w, err := r.Journal.Begin(journal.Leg{Index: c.index, Via: journal.Settled})
	if err != nil {
		return err
	}
	defer w.Abandon()
	if c.crossed {
		return r.crossed(ctx, c)
	}
	var some []document
	seen := map[document]bool{}
	err = r.Journal.Documents(c.index, c.place, func(shard int, id []byte) error {
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
	late, size := again{}, 0
	var lost []int
	for _, d := range some {
		ops, ok, err := r.disorder(c, d)
		if err != nil {
			return err
		}
		if !ok {
			lost = append(lost, d.shard)
			continue
		}
		n, err := r.gather(late, d, ops)
		if err != nil {
			return err
		}
		if size += n; size >= sendBytes {
			if err := r.resend(ctx, c, late); err != nil {
				return err
			}
			clear(late)
			size = 0
		}
	}
	if len(lost) > 0 {
		r.lose(ctx, c, lost, "an operation came too late to be put in order")
	}
	return r.resend(ctx, c, late)
}

// disorder lists what must be sent again for a document; ok is false where that does not help.
func (r *Replica) disorder(c checkup, d document) (ops []journal.Known, ok bool, err error) {
	history, err := r.Journal.Operations(c.index, d.shard, []byte(d.id))
	if err != nil {
		return nil, false, err
	}
	wide := r.Journal.Wide(c.index)
	before := slices.DeleteFunc(slices.Clone(history), func(k journal.Known) bool { return !wide.Ends(k.Op) })
	if slices.ContainsFunc(before, func(k journal.Known) bool { return k.Place == c.place }) {
		// An operation on all documents has seen what was out of order. Sent again, it would stand behind that one.
		places, ok := guard.Settle(opsOf(before), guard.Wide{})
		return nil, ok && len(places) == 0, nil
	}
	places, ok := guard.Settle(opsOf(history), wide)
	for _, at := range places {
		ops = append(ops, history[at])
	}
	newest, coming := r.Journal.Wides(c.index) // nobody knows whether the engine has one that is coming now
	return ops, ok && !(coming && slices.ContainsFunc(ops, func(k journal.Known) bool { return k.Stamp <= newest })), nil
}

// crossed deals with a leg that lies on the wrong side of an operation that names no document. What that one would have
// done to its documents can not be made good here.
func (r *Replica) crossed(ctx context.Context, c checkup) error {
	return r.giveUp(ctx, c, "a write crossed an operation on all documents")
}

// giveUp says that the node may miss writes to the documents of a leg.
func (r *Replica) giveUp(ctx context.Context, c checkup, reason string) error {
	var shards []int
	err := r.Journal.Documents(c.index, c.place, func(shard int, _ []byte) error {
		shards = append(shards, shard)
		return nil
	})
	if err == nil && len(shards) > 0 {
		r.lose(ctx, c, shards, reason)
	}
	return err
}

func (r *Replica) lose(ctx context.Context, c checkup, shards []int, reason string) {
	slices.Sort(shards)
	r.Metrics.lost.Inc()
	r.Log.Warn().Str("reason", reason).Msg("copies on this node missed a write")
	r.Lost(ctx, c.index, slices.Compact(shards), c.from, reason)
}

// again is what must go to the engine again, by what the operations on a document come to: those of documents that are
// replaced, updated or deleted.
type again map[guard.Kind]*resend

// resend are documents: what the engine gets of each, and the operations that come to it.
type resend struct {
	bodies [][]byte
	ops    [][]operation
}

// operation is one that goes to the journal again.
type operation struct {
	way
	journal.Op
}

// gather adds the operations that must go to the engine again for a document, composed to one. As one they show at once, whereas the engine
// would show the document as it had been before some of them while it carries out one after the other. size is what the engine gets.
func (r *Replica) gather(to again, d document, known []journal.Known) (size int, err error) {
	if len(known) == 0 {
		return 0, nil
	}
	bodies := make([][]byte, len(known))
	ops := make([]operation, len(known))
	for i, op := range known {
		if bodies[i], err = r.Journal.Body(op); err != nil {
			return 0, err
		}
		via := journal.Settled
		if op.Copied {
			via = journal.Copied // it is not what was before an operation on all documents, as its version says
		}
		ops[i] = operation{way{op.Kind, via}, journal.Op{
			Shard: d.shard, ID: []byte(d.id), Version: op.Version, Floor: op.Floor, Includes: op.Includes, Write: op.Write, Body: bodies[i],
		}}
	}
	kind, body := compose(known, bodies)
	one := to[kind]
	if one == nil {
		one = &resend{}
		to[kind] = one
	}
	one.bodies, one.ops = append(one.bodies, body), append(one.ops, ops)
	return len(body), nil
}

// resend sends operations again, without such as have failed: those would fail again, and all others with them. Documents do
// not depend on each other.
func (r *Replica) resend(ctx context.Context, c checkup, late again) error {
	if len(late) == 0 {
		return nil
	}
	if err := r.Hear(ctx, c.index); err != nil {
		return err
	}
	if r.Journal.Failures(c.index) != c.failures {
		return errUndone
	}
	for kind, one := range late {
		out := batch{index: c.index, kind: kind, parts: one.parts()}
		for i, ops := range one.ops {
			out.put(ops[0].ID, one.bodies[i])
		}
		write, _, err := r.send(ctx, out)
		if err != nil {
			return err
		}
		r.sent(c, write)
		for _, ops := range one.ops {
			r.Metrics.settled.Add(float64(len(ops)))
		}
	}
	return nil
}

// parts lists the operations by kind and way, those of one document in their order.
func (s *resend) parts() (list []part) {
	left := slices.Clone(s.ops)
	for {
		var p part
		for i := range left {
			for len(left[i]) > 0 && (p.kind == 0 || left[i][0].way == p.way) {
				p.way, p.ops = left[i][0].way, append(p.ops, left[i][0].Op)
				left[i] = left[i][1:]
			}
		}
		if p.kind == 0 {
			return list
		}
		list = append(list, p)
	}
}
