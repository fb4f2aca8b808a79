package transfer

import (
	"context"
	"slices"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// Mend takes single documents over from another node, and deletes others. It may be repeated at any time: what is newer here
// stays, so whoever asked on the ground of what is not so any more does no harm.
func (t *Target) Mend(ctx context.Context, q nodeapi.Mend) (nodeapi.RepairResult, error) {
	var out nodeapi.RepairResult
	if len(q.Write)+len(q.Delete) > maxDocuments {
		return out, ErrQuery
	}
	gone := make([]nodeapi.Document, len(q.Delete))
	for i, d := range q.Delete {
		gone[i] = d.Document
	}
	p, err := t.held(q.Index, shardmap.FormatRanges(shardsOf(slices.Concat(q.Write, gone))), false)
	if err == nil {
		err = t.Keeper.Ready(ctx, p.index)
	}
	if err != nil {
		return out, err
	}
	work := &step{Target: t, place: p, source: peer{t.Peers, q.Address}, out: &out, rate: q.Rate}
	work.judge = func(here local, there nodeapi.Copy) (action, guard.Op) {
		if t.barred(q.Index) {
			return later, guard.Op{}
		}
		here.wide = t.Journal.Wide(q.Index)
		return byStamp(here, there)
	}
	if err := work.take(ctx, q.Write); err != nil {
		return out, err
	}
	if err := work.drop(ctx, q.Delete); err != nil {
		return out, err
	}
	err = work.finish(ctx)
	out.Deferred, out.Done = len(work.deferred), true
	t.Metrics.count(out)
	return out, err
}

// barred says whether an operation on all documents of an index is about to come: what is copied now may lack its effect.
func (t *Target) barred(index string) bool { return t.Views.View().Barriers[index].Closed }

// drop deletes what is not newer than its deletion.
func (s *step) drop(ctx context.Context, list []nodeapi.Deletion) error {
	for some := range slices.Chunk(list, fetchAtOnce) {
		documents := make([]nodeapi.Document, len(some))
		for i, d := range some {
			documents[i] = d.Document
		}
		found, histories, err := s.known(ctx, s.place, documents)
		if err != nil {
			return err
		}
		s.out.Examined += len(some)
		for i, d := range some {
			here, err := s.here(d.Document, found, histories[i])
			if err != nil {
				return err
			}
			at := versionAt(d.Version)
			s.act(byVersion(here, at), d.Document, guard.Op{Version: at}, nil)
		}
		if err := s.more(ctx, len(some)); err != nil {
			return err
		}
	}
	return nil
}
