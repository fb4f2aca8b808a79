package antientropy

import (
	"context"
	"slices"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// decided is a document with what is to be done about it.
type decided struct {
	id string
	Verdict
}

// act counts verdicts, carries them out where repairs are wanted, and looks whether they had their effect.
func (w *work) act(ctx context.Context, list []decided) error {
	var due []decided
	for _, d := range list {
		w.out.Mismatches++
		w.out.Rules[d.Rule]++
		if d.Parked != "" {
			w.out.Parked[d.Parked]++
			continue
		}
		due = append(due, d)
	}
	if !w.look.Repair {
		return nil
	}
	for some := range slices.Chunk(due, askAtOnce) {
		if err := w.mend(ctx, some); err != nil {
			return err
		}
		ids := make([]string, len(some))
		for i, d := range some {
			ids[i] = d.id
		}
		after, err := w.again(ctx, ids)
		if err != nil {
			return err
		}
		w.out.Repaired += len(ids) - len(after.uneven())
	}
	return nil
}

// mend has the nodes do what was decided.
func (w *work) mend(ctx context.Context, list []decided) error {
	for _, target := range w.copies {
		for _, q := range orders(w.index.Physical, w.shard, target.node, list) {
			q.Rate = w.look.Rate
			for _, r := range w.copies {
				if r.node == q.Source {
					q.Address = r.address
				}
			}
			if _, err := target.mend(ctx, q); err != nil {
				return err
			}
		}
	}
	return nil
}

// orders lists what one node is asked to do, one question a source and rule.
func orders(index string, shard int, node string, list []decided) (out []nodeapi.Mend) {
	type reason struct {
		source string
		rule   Rule
	}
	known := map[reason]int{}
	of := func(r reason) *nodeapi.Mend {
		at, ok := known[r]
		if !ok {
			at = len(out)
			known[r] = at
			out = append(out, nodeapi.Mend{Index: index, Source: r.source, Rule: string(r.rule), Keep: r.rule.doubtful()})
		}
		return &out[at]
	}
	for _, d := range list {
		one := nodeapi.Document{Shard: shard, ID: d.id}
		if slices.Contains(d.Write, node) {
			q := of(reason{d.Source, d.Rule})
			q.Write = append(q.Write, one)
		}
		if slices.Contains(d.Delete, node) {
			q := of(reason{rule: d.Rule})
			q.Delete = append(q.Delete, nodeapi.Deletion{Document: one, Version: d.Version})
		}
	}
	return out
}
