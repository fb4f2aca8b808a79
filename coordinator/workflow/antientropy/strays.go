package antientropy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// strays counts the documents of an index on nodes that do not hold their shard, and removes those of which that is safe where repairs are
// wanted. Nodes that do not answer are left out.
func (a *AntiEntropy) strays(ctx context.Context, v *routing.View, ix *routing.Index, l Look) (found, removed int, err error) {
	q := nodeapi.StraysQuery{Index: ix.Physical}
	if l.Repair {
		q.Limit = askAtOnce // the next pass goes on
	}
	var nodes []remote
	for _, node := range ix.NodesHolding() {
		if at := v.Nodes[node]; at.OK {
			nodes = append(nodes, remote{a.Nodes, node, at.Address})
		}
	}
	answers, errs := each(nodes, func(r remote) (nodeapi.Strays, error) { return r.strays(ctx, q) })
	for i, r := range nodes {
		if errs[i] != nil {
			continue
		}
		found += answers[i].Count
		gone, err := a.sweep(ctx, v, ix, r, answers[i].Documents, l)
		if err != nil {
			a.Log.Warn().Err(err).Str("index", ix.UID).Str("node", r.node).Msg("strays not removed")
		}
		removed += gone
	}
	if ctx.Err() != nil {
		return found, removed, context.Cause(ctx)
	}
	return found, removed, nil
}

// sweep removes the strays of a node of which that is safe.
func (a *AntiEntropy) sweep(ctx context.Context, v *routing.View, ix *routing.Index, at remote, list []nodeapi.Stray, l Look) (gone int, err error) {
	byShard := map[int][]nodeapi.Stray{}
	for _, d := range list {
		shard := shardmap.ShardOf([]byte(d.ID), ix.Shards)
		byShard[shard] = append(byShard[shard], d)
	}
	held := ix.HeldBy(at.node)
	for shard, some := range byShard {
		orders, err := removals(ctx, stand{a.Nodes, a.Now, v, ix, at, shard, slices.Contains(held, shard), l}, some)
		if err != nil {
			return gone, err
		}
		for _, q := range orders {
			q.Rate = l.Rate
			out, err := at.mend(ctx, q)
			gone += out.Deleted
			if err != nil {
				return gone, err
			}
		}
	}
	return gone, nil
}

// stand is where strays of one shard stand.
type stand struct {
	nodes client.Doer
	now   func() time.Time
	view  *routing.View
	index *routing.Index
	at    remote
	shard int
	held  bool // the node has a copy of the shard: they only do not say that they belong to it
	look  Look
}

// removals asks all copies of a shard about strays, and says which of them go, by the rule. None does while a copy is not complete or does not
// answer.
func removals(ctx context.Context, s stand, list []nodeapi.Stray) (orders []nodeapi.Mend, err error) {
	out := &Outcome{}
	w := &work{nodes: s.nodes, now: s.now, index: s.index, shard: s.shard, look: Look{}, out: out}
	w.choose(s.view)
	if out.Incomplete {
		return nil, nil
	}
	w.copies = slices.DeleteFunc(w.copies, func(r remote) bool { return r.node == s.at.node })
	if len(w.copies) == 0 {
		return nil, nil
	}
	ids := make([]string, len(list))
	for i, d := range list {
		ids[i] = d.ID
	}
	there, err := w.again(ctx, ids)
	if errors.Is(err, errLeft) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask for strays: %w", err)
	}
	byRule := map[Rule]*nodeapi.Mend{}
	fresh := hlc.At(s.now().Add(-s.look.Settle))
	for _, d := range list {
		rule := judgeStray(d, there.rows[d.ID], s.held)
		if rule == Same || hlc.Stamp(d.Version[0]) >= fresh || there.recent(d.ID, fresh) {
			continue
		}
		q := byRule[rule]
		if q == nil {
			q = &nodeapi.Mend{Index: s.index.Physical, Rule: string(rule), Keep: rule.doubtful()}
			byRule[rule] = q
		}
		if s.held {
			q.Delete = append(q.Delete, nodeapi.Deletion{Document: nodeapi.Document{Shard: s.shard, ID: d.ID}, Version: d.Version})
			continue
		}
		q.Strays = append(q.Strays, d)
	}
	for _, rule := range []Rule{Left, Foreign} {
		if q := byRule[rule]; q != nil {
			orders = append(orders, *q)
		}
	}
	return orders, nil
}

// judgeStray says by which rule a stray goes, Same for none. others is what the copies of its shard have, without that of the node where it
// stands; held says that this node has one, too. What others have there the comparison of the shard writes over the stray.
func judgeStray(d nodeapi.Stray, others []Holding, held bool) Rule {
	stored := slices.ContainsFunc(others, func(h Holding) bool { return h.Stored })
	switch {
	case slices.ContainsFunc(others, func(h Holding) bool { return h.Unsettled }), held && stored:
		return Same
	case d.Version == (nodeapi.Place{}):
		return Foreign
	case len(others) > 0 && !slices.ContainsFunc(others, func(h Holding) bool {
		return h.Deleted.Compare(d.Version) < 0 && (!h.Stored || h.Version.Compare(d.Version) < 0)
	}):
		return Left
	}
	return Same
}
