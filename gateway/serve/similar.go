package serve

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/miroir-search/miroir/gateway/leg"
	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// similar serves both forms of the search for documents similar to one.
func (s *Service) similar(ctx context.Context, c *call) *reply.Reply {
	l := likeness{s: s, c: c, start: time.Now()}
	q, e := s.readSimilar(c)
	if e != nil {
		return reply.Error(e)
	}
	targets, e := c.targets()
	if e != nil {
		return reply.Error(e)
	}
	for _, ix := range targets {
		r, e := s.resembling(c, ix, *q)
		if e != nil {
			return reply.Error(e)
		}
		l.all = append(l.all, r)
	}
	return l.run(ctx).reply()
}

func (s *Service) readSimilar(c *call) (*meili.SimilarQuery, *apierr.Error) {
	if c.op.Kind == operation.SimilarGet {
		return meili.ParseSimilarParameters(c.Query)
	}
	body, e := s.readBody(c)
	if e != nil {
		return nil, e
	}
	return meili.ParseSimilarBody(body)
}

// resembling is a search for similar documents in one index.
type resembling struct {
	s     *Service
	c     *call
	ix    *routing.Index
	q     *meili.SimilarQuery
	rule  []byte // of the client's token, nil for none
	leg   *leg.Similar
	shard int // where the index has a document of the id, if it has one
}

func (s *Service) resembling(c *call, ix *routing.Index, q meili.SimilarQuery) (*resembling, *apierr.Error) {
	settings := s.settings.of(ix)
	if e := q.Check(); e != nil {
		if _, known := settings.Embedders[q.Embedder]; !known {
			e = meili.SimilarEmbedderNotFound(q.Embedder)
		}
		return nil, e
	}
	rule := c.filterOf(ix)
	q.Restrict(rule)
	return &resembling{
		s: s, c: c, ix: ix, q: &q, rule: rule, leg: leg.NewSimilar(&q, settings, ix.PrimaryKey), shard: shardmap.ShardOf([]byte(q.ID), ix.Shards),
	}, nil
}

// original is the document that others are to be similar to: what its own leg answered, and where that stands in the plan.
type original struct {
	plan    plan.Read
	at      int
	similar []byte
	vectors [][]byte
}

// others are the legs that are left to ask.
func (o *original) others() plan.Read {
	return plan.Read{Epoch: o.plan.Epoch, Legs: slices.Delete(slices.Clone(o.plan.Legs), o.at, o.at+1), Missing: o.plan.Missing}
}

// cover plans a read of the whole index, and says which leg has the document; -1 where none can be asked.
func (r *resembling) cover(avoid plan.Avoid) (p plan.Read, own int) {
	p = r.s.settledCover(r.c, r.ix, plan.Narrowing{}, r.q.Seed(), avoid)
	return p, slices.IndexFunc(p.Legs, func(l plan.Leg) bool { return slices.Contains(l.Shards, r.shard) })
}

// original asks the document's own leg, and once more elsewhere if its node fails: no other node of the plan can stand in
// for it.
func (r *resembling) original(ctx context.Context) (original, found) {
	var failed []string
	for {
		var avoid plan.Avoid
		if len(failed) > 0 {
			avoid = func(node string) bool { return slices.Contains(failed, node) }
		}
		p, at := r.cover(avoid)
		if at < 0 {
			return original{}, found{failed: uncoveredError([]int{r.shard})}
		}
		answer, source := r.source(ctx, plan.Read{Epoch: p.Epoch, Legs: p.Legs[at : at+1]})
		if len(answer.Results) == 0 && answer.Refused == nil && len(failed) == 0 && ctx.Err() == nil {
			failed = append(failed, p.Legs[at].Node)
			continue
		}
		if f := outcome(ctx, answer, r.ix); f.ended() {
			return original{}, f
		}
		vectors, there, err := r.vectors(source)
		switch {
		case err != nil:
			return original{}, r.s.unmerged(ctx, err)
		case !there:
			return original{}, found{refused: meili.SimilarNotFound(r.q.ID)}
		}
		return original{plan: p, at: at, similar: answer.Results[0].Body, vectors: vectors}, found{}
	}
}

// source asks the document's own leg for similar documents of its own, and for the document's vectors.
func (r *resembling) source(ctx context.Context, own plan.Read) (answer, source scatter.Outcome) {
	reader, standIns := r.s.reader(), r.s.standIns(ctx, r.c, r.ix)
	ask := func(path string, body []byte) scatter.Outcome {
		out := reader.Read(ctx, scatter.Call{
			Method: http.MethodPost, Path: "/indexes/" + r.ix.Physical + path, ContentType: jsonType, Body: body,
			Count: r.ix.Shards, Epoch: own.Epoch, Stamps: true, Hedge: spare(r.c.view), Sole: true,
		}, own, func(of plan.Leg, why scatter.Why, avoid plan.Avoid) []plan.Leg {
			if why == scatter.Broken {
				return nil // the whole read is planned again
			}
			return standIns(of, why, avoid)
		})
		r.c.sights.saw(&out, r.ix)
		return out
	}
	var both sync.WaitGroup
	both.Go(func() { source = ask("/documents/fetch", r.leg.Source(r.rule)) })
	answer = ask("/similar", r.leg.Own())
	both.Wait()
	return answer, source
}

func (r *resembling) vectors(source scatter.Outcome) (vectors [][]byte, there bool, err error) {
	if len(source.Results) == 0 {
		return nil, false, merge.ErrAnswer
	}
	return merge.DocumentVectors(source.Results[0].Body, r.q.Embedder)
}

// near asks legs for what is near to one of the document's vectors; for no more than their number where it is nil. sole says
// that the lists for several vectors are put together leg by leg: whoever stands in for one must have all of it.
func (r *resembling) near(ctx context.Context, legs plan.Read, vector []byte, sole bool) scatter.Outcome {
	ask := func(plain bool) scatter.Outcome {
		return r.s.readCall(ctx, r.c, r.ix, legs, scatter.Call{
			Method: http.MethodPost, Path: "/search", Body: r.leg.Near(vector, plain), Stamps: true, Hedge: true, Sole: sole,
		})
	}
	out := ask(true)
	if out.Refused != nil && out.Refused.Code == apierr.InvalidSearchDistinct {
		return ask(false) // the index's filterable attributes do not let the distinct attribute be switched off
	}
	return out
}

// namesakes counts the documents of the index that have the id: one at most.
func (r *resembling) namesakes(ctx context.Context) int64 {
	p, own := r.cover(nil)
	if own < 0 {
		return 0
	}
	out := r.s.readCall(ctx, r.c, r.ix, plan.Read{Epoch: p.Epoch, Legs: p.Legs[own : own+1]}, scatter.Call{
		Method: http.MethodPost, Path: "/documents/fetch", Body: r.leg.Namesake(), Stamps: true, Hedge: true, Sole: true,
	})
	if len(out.Results) == 0 {
		return 0 // the shard is missing, and its documents are not counted
	}
	n, err := merge.DocumentTotal(out.Results[0].Body)
	if err != nil {
		return 0 // a total is an estimate
	}
	return n
}
