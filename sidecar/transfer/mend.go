package transfer

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// Mend takes single documents over from another node, and deletes others. It may be repeated at any time: what is newer here
// stays, so whoever asked on the ground of what is not so any more does no harm.
func (t *Target) Mend(ctx context.Context, q nodeapi.Mend) (nodeapi.RepairResult, error) {
	var out nodeapi.RepairResult
	if len(q.Write)+len(q.Delete)+len(q.Strays) > maxDocuments {
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
	work := &step{Target: t, place: p, source: peer{t.Peers, q.Address}, out: &out, rate: q.Rate, steady: newPace(q.Rate), mend: &q}
	work.begin()
	work.judge = func(here local, there nodeapi.Copy) (action, guard.Op) {
		if t.barred(q.Index) {
			return later, guard.Op{}
		}
		here.wide = t.Journal.Wide(q.Index).Stamp
		return byStamp(here, there)
	}
	if err := work.take(ctx, q.Write); err != nil {
		return out, err
	}
	if err := work.drop(ctx, q.Delete); err != nil {
		return out, err
	}
	if err := work.sweep(ctx, q.Strays); err != nil {
		return out, err
	}
	err = work.finish(ctx)
	out.Deferred, out.Done = len(work.deferred), true
	t.Metrics.count(out)
	return out, err
}

// barred says whether an operation on all documents of an index is about to come: what is copied now may lack its effect.
func (t *Target) barred(index string) bool { return t.Views.View().Barriers[index].Closed }

// note writes down what mending is about to do to a document.
func (s *step) note(what action, d nodeapi.Document, op guard.Op, here local) {
	if s.mend == nil || what != write && what != remove {
		return
	}
	m := nodeapi.Mended{
		At: time.Now().UTC(), Index: s.place.index.Physical, Shard: d.Shard, ID: d.ID, Rule: s.mend.Rule, Version: placeAt(op.Version),
	}
	if what == write {
		m.Source = s.mend.Source
	}
	if here.exists {
		m.Lost = &nodeapi.Lost{Version: placeAt(here.version), Size: len(here.body)}
		if s.mend.Keep && len(here.body) <= nodeapi.MaxLost {
			m.Lost.Document = here.body
		}
	}
	entry, err := json.Marshal(m)
	if err == nil { // the engine writes nothing that is no JSON
		s.noted = append(s.noted, entry)
	}
}

// Mended lists what was mended on this node.
func (t *Target) Mended(_ context.Context, q nodeapi.MendedQuery) (out nodeapi.MendedList, err error) {
	out.Results = []nodeapi.Mended{}
	err = t.Journal.Notes(q.Since, func(entry []byte) (more bool, err error) {
		var m nodeapi.Mended
		if err := json.Unmarshal(entry, &m); err != nil {
			return false, err
		}
		if q.Index == "" || m.Index == q.Index {
			out.Results = append(out.Results, m)
		}
		return len(out.Results) < q.Limit, nil
	})
	return out, err
}

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
			what, op := byVersion(here, at), guard.Op{Version: at}
			s.note(what, d.Document, op, here)
			s.act(what, d.Document, op, nil)
		}
		if err := s.more(ctx, len(some)); err != nil {
			return err
		}
	}
	return nil
}
