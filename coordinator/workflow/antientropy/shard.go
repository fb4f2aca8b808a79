package antientropy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
)

const (
	listAtOnce = 50_000 // documents whose leaves are compared at once, of each copy
	askAtOnce  = 1_000  // documents of one question
	looks      = 4      // times that a document which is being written is looked at
	secondLook = time.Second
)

// Look is how shards are compared.
type Look struct {
	Deep    bool
	Repair  bool
	Rate    int           // documents a second that each node reads, 0 for no bound
	Expired uint64        // time at which documents count as expired, in Unix ms; 0: none do
	Settle  time.Duration // how long a write may be on its way to the last copy
}

// Copy is what one copy of a shard showed.
type Copy struct {
	Node  string `json:"node"`
	State string `json:"state"` // complete, dirty, building, unreachable
	Count uint64 `json:"documents"`
}

// States of a copy.
const (
	copyComplete    = "complete"
	copyDirty       = "dirty"
	copyBuilding    = "building"
	copyUnreachable = "unreachable"
)

// Outcome is what comparing a shard found.
type Outcome struct {
	Copies     []Copy         `json:"copies"`
	Compared   bool           `json:"compared"`             // more than one copy was looked at
	Incomplete bool           `json:"incomplete,omitempty"` // a copy was left out: it is dirty, being built, or does not answer
	Mismatches int            `json:"mismatches"`           // documents that differ
	Repaired   int            `json:"repaired"`             // that do not any more
	Rules      map[Rule]int   `json:"rules,omitempty"`
	Parked     map[Parked]int `json:"parked,omitempty"`
	Unsettled  int            `json:"unsettled,omitempty"` // were written all the time, so nothing is said about them
}

// Even says whether nothing is wrong with the shard, or nothing any more.
func (o Outcome) Even() bool { return !o.Incomplete && o.Mismatches == o.Repaired }

// work compares one shard.
type work struct {
	nodes  client.Doer
	now    func() time.Time
	index  *routing.Index
	shard  int
	look   Look
	out    *Outcome
	copies []remote
}

// compare looks at one shard. The error is that of ctx: what a node fails with is in the outcome.
func compare(ctx context.Context, n client.Doer, now func() time.Time, v *routing.View, ix *routing.Index, shard int, l Look) (Outcome, error) {
	out := Outcome{Rules: map[Rule]int{}, Parked: map[Parked]int{}}
	w := &work{nodes: n, now: now, index: ix, shard: shard, look: l, out: &out}
	w.choose(v)
	if len(w.copies) == 0 || len(out.Copies) == 1 {
		return out, ctx.Err()
	}
	digests, err := w.digests(ctx)
	if err == nil && len(digests) > 1 && sameScheme(digests) {
		out.Compared = true
		for _, g := range differing(digests, listAtOnce) {
			if err = w.settle(ctx, g, digests); err != nil {
				break
			}
		}
	}
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	if err != nil || !out.Compared {
		out.Incomplete = true
	}
	return out, nil
}

// choose lists all copies, and those that can be compared.
func (w *work) choose(v *routing.View) {
	for _, byShard := range w.index.Placement.Groups {
		if w.shard >= len(byShard) {
			continue
		}
		for _, c := range byShard[w.shard] {
			n, known := v.Nodes[c.Node]
			one := Copy{Node: c.Node, State: copyComplete}
			switch {
			case c.State == routing.CopyBuilding:
				one.State = copyBuilding
			case !known || !n.OK:
				one.State = copyUnreachable
			case w.index.Dirty(w.shard, c.Node):
				one.State = copyDirty
			default:
				w.copies = append(w.copies, remote{w.nodes, c.Node, n.Address})
			}
			w.out.Copies = append(w.out.Copies, one)
			w.out.Incomplete = w.out.Incomplete || one.State != copyComplete
		}
	}
	slices.SortFunc(w.copies, func(a, b remote) int { return strings.Compare(a.node, b.node) })
	slices.SortFunc(w.out.Copies, func(a, b Copy) int { return strings.Compare(a.Node, b.Node) })
}

// leave takes a copy out that does not answer, or is not complete any more.
func (w *work) leave(node string, err error) {
	w.out.Incomplete = true
	for i := range w.out.Copies {
		if w.out.Copies[i].Node != node {
			continue
		}
		if w.out.Copies[i].State = copyUnreachable; errors.Is(err, errLeft) {
			w.out.Copies[i].State = copyDirty
		}
	}
	w.copies = slices.DeleteFunc(w.copies, func(r remote) bool { return r.node == node })
}

// digests asks all copies at once. Those that do not answer are left out.
func (w *work) digests(ctx context.Context) (list []copyDigest, err error) {
	q := nodeapi.InventoryQuery{
		Index: w.index.Physical, Shard: w.shard, Light: !w.look.Deep, Expired: w.look.Expired, Rate: w.look.Rate,
	}
	answers, errs := each(w.copies, func(r remote) (nodeapi.ShardDigest, error) { return r.digest(ctx, q) })
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for i, r := range slices.Clone(w.copies) {
		if errs[i] != nil {
			w.leave(r.node, errs[i])
			continue
		}
		list = append(list, copyDigest{r.node, answers[i]})
		for j := range w.out.Copies {
			if w.out.Copies[j].Node == r.node {
				w.out.Copies[j].Count = answers[i].Count
			}
		}
	}
	return list, nil
}

// each asks all at once.
func each[T any](copies []remote, ask func(remote) (T, error)) ([]T, []error) {
	out, errs := make([]T, len(copies)), make([]error, len(copies))
	var wg sync.WaitGroup
	for i, r := range copies {
		wg.Go(func() { out[i], errs[i] = ask(r) })
	}
	wg.Wait()
	return out, errs
}

// fill makes a table of what all copies answer.
func (w *work) fill(ask func(r remote, visit func(nodeapi.Leaf)) error) (*table, error) {
	names := make([]string, len(w.copies))
	for i, r := range w.copies {
		names[i] = r.node
	}
	t := newTable(names)
	var mu sync.Mutex
	_, errs := each(w.copies, func(r remote) (struct{}, error) {
		at := slices.Index(names, r.node)
		return struct{}{}, ask(r, func(l nodeapi.Leaf) {
			mu.Lock()
			defer mu.Unlock()
			t.take(at, l)
		})
	})
	return t, errors.Join(errs...)
}

// settle finds out which documents of some buckets differ for good, and repairs them.
func (w *work) settle(ctx context.Context, g group, digests []copyDigest) error {
	q := nodeapi.InventoryQuery{
		Index: w.index.Physical, Shard: w.shard, Light: !w.look.Deep, Buckets: g, Journaled: true, Rate: w.look.Rate,
	}
	first, err := w.fill(func(r remote, visit func(nodeapi.Leaf)) error { return r.leaves(ctx, nodeapi.PathInventory, q, visit) })
	if err != nil {
		return err
	}
	late := first.behind(digests)
	ids := first.uneven()
	for look := 1; len(ids) > 0; look++ {
		pause := w.look.Settle
		if look == 1 { // most of what was on its way is there soon
			pause = min(pause, secondLook)
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
		second, err := w.again(ctx, ids)
		if err != nil {
			return err
		}
		var moving []string
		var verdicts []decided
		for _, id := range second.uneven() {
			if second.recent(id, hlc.At(w.now().Add(-w.look.Settle))) || !second.same(id, first) {
				moving = append(moving, id)
				continue
			}
			switch v := second.judge(id, w.shard, w.index.Shards, late, w.look.Expired); {
			case v.Rule == Same:
			case v.patient() && look == 1:
				moving = append(moving, id)
			default:
				verdicts = append(verdicts, decided{id, v})
			}
		}
		if err := w.act(ctx, verdicts); err != nil {
			return err
		}
		if first, ids = second, moving; look == looks {
			w.out.Unsettled += len(moving)
			return nil
		}
	}
	return nil
}

// again looks at some documents once more.
func (w *work) again(ctx context.Context, ids []string) (*table, error) {
	return w.fill(func(r remote, visit func(nodeapi.Leaf)) error {
		for some := range slices.Chunk(ids, askAtOnce) {
			q := nodeapi.LeavesQuery{Index: w.index.Physical, Light: !w.look.Deep, Documents: w.documents(some)}
			if err := r.leaves(ctx, nodeapi.PathLeaves, q, visit); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *work) documents(ids []string) []nodeapi.Document {
	list := make([]nodeapi.Document, len(ids))
	for i, id := range ids {
		list[i] = nodeapi.Document{Shard: w.shard, ID: id}
	}
	return list
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
