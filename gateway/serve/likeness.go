package serve

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/miroir-search/miroir/gateway/leg"
	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/tuning"
)

// likeness is a search for similar documents in all indexes that its name stands for.
type likeness struct {
	s     *Service
	c     *call
	all   []*resembling // one at least
	start time.Time
}

// run looks for the document in one index after the other, as one asked for by its id is looked for, and then in all of them
// for what is similar to it.
func (l *likeness) run(ctx context.Context) found {
	if e := l.comparable(); e != nil {
		return found{refused: e}
	}
	var last found
	for i, r := range l.all {
		o, f := r.original(ctx)
		switch {
		case f.refused != nil && f.refused.Code == apierr.NotFoundSimilarID:
			last = f
		case f.ended():
			return f
		default:
			return l.rest(ctx, i, o)
		}
	}
	return last
}

// comparable refuses embedders of several indexes that do not make the same of a text.
func (l *likeness) comparable() *apierr.Error {
	first := l.all[0]
	for _, r := range l.all {
		switch model := r.leg.Model(); {
		case len(l.all) == 1: // a node judges it
		case model == "":
			return meili.SimilarEmbedderNotFound(r.q.Embedder)
		case model != first.leg.Model():
			return apierr.New(apierr.MiroirNotImplemented,
				"The indexes `%s` and `%s` define the embedder `%s` in different ways, so that similarities in both can not be compared.",
				first.ix.UID, r.ix.UID, r.q.Embedder)
		}
	}
	return nil
}

// heard is what the legs of one index brought for one vector.
type heard struct {
	index int
	out   scatter.Outcome
}

// rest asks all legs but the document's own, once for every vector, and merges. home is the document's index.
func (l *likeness) rest(ctx context.Context, home int, o original) found {
	vectors := o.vectors
	if len(vectors) == 0 {
		vectors = [][]byte{nil}
	}
	all, namesakes := l.hear(ctx, home, o.others(), vectors)
	answers, legs := [][]byte{o.similar}, []merge.SimilarLeg{{Index: home, Shard: o.plan.Legs[o.at].Shards[0]}}
	missing := make([][]int, len(l.all))
	for _, h := range all {
		ix := l.all[h.index].ix
		if h.out.Refused != nil {
			return found{refused: named(h.out.Refused, ix)}
		}
		missing[h.index] = append(missing[h.index], h.out.Missing...)
		for _, res := range h.out.Results {
			answers, legs = append(answers, res.Body), append(legs, merge.SimilarLeg{Index: h.index, Shard: res.Leg.Shards[0]})
		}
	}
	f := found{version: l.all[0].ix.SettingsVersion, several: isMulti(l.c.alias)}
	for i, r := range l.all {
		shards := slices.Compact(sortedInts(missing[i]))
		switch {
		case len(shards) == 0:
			continue
		case l.s.tuned().Scatter.UnavailableShardPolicy == tuning.PolicyError:
			return found{failed: uncoveredError(shards)}
		case f.several:
			f.parts = append(f.parts, part{r.ix.UID, shards})
		default:
			f.missing = shards
		}
	}
	if f.several {
		for _, uid := range l.c.alias.Missing {
			f.parts = append(f.parts, part{uid: uid})
		}
	}
	var searches []*leg.Similar
	for _, r := range l.all {
		searches = append(searches, r.leg)
	}
	req := leg.SimilarRequest(searches, legs)
	req.Namesakes, req.ProcessingTimeMs = namesakes, max(0, time.Since(l.start).Milliseconds())
	res, err := merge.Similar(req, answers)
	if err != nil {
		return l.s.unmerged(ctx, err)
	}
	f.body = res.Body
	return f
}

// hear asks the legs of all indexes for what is near to every vector, in their order; of the home index no others than
// those given. It counts the documents of other indexes that have the document's id: they are left out of the answer like
// the document itself.
func (l *likeness) hear(ctx context.Context, home int, own plan.Read, vectors [][]byte) (all []heard, namesakes int64) {
	var asks []func()
	counts := make([]int64, len(l.all))
	all = make([]heard, 0, len(l.all)*len(vectors))
	for i, r := range l.all {
		legs := own
		if i != home {
			legs, _ = r.cover(nil)
		}
		if i > home { // those before do not have it
			asks = append(asks, func() { counts[i] = r.namesakes(ctx) })
		}
		for _, vector := range vectors {
			all = append(all, heard{index: i})
			h := &all[len(all)-1]
			asks = append(asks, func() { h.out = r.near(ctx, legs, vector, len(vectors) > 1) })
		}
	}
	var group sync.WaitGroup
	room := make(chan struct{}, l.s.Limits.MultiParallel)
	for _, ask := range asks {
		group.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			ask()
		})
	}
	group.Wait()
	for _, n := range counts {
		namesakes += n
	}
	return all, namesakes
}
