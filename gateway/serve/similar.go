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
	"github.com/miroir-search/miroir/internal/tuning"
)

// similar serves both forms of the search for documents similar to one.
func (s *Service) similar(ctx context.Context, c *call) *reply.Reply {
	start := time.Now()
	q, e := s.readSimilar(c)
	if e != nil {
		return reply.Error(e)
	}
	ix, e := c.index()
	if e != nil {
		return reply.Error(e)
	}
	settings := s.settings.of(ix)
	if e := q.Check(); e != nil {
		if _, known := settings.Embedders[q.Embedder]; !known {
			e = meili.SimilarEmbedderNotFound(q.Embedder)
		}
		return reply.Error(e)
	}
	rule := c.filterOf(ix)
	q.Restrict(rule)
	r := resembling{s: s, c: c, ix: ix, q: q, rule: rule, leg: leg.NewSimilar(q, settings, ix.PrimaryKey), start: start}
	r.shard = shardmap.ShardOf([]byte(q.ID), ix.Shards)
	return r.run(ctx).reply()
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

// resembling is a search for similar documents on its way through its rounds of legs.
type resembling struct {
	s     *Service
	c     *call
	ix    *routing.Index
	q     *meili.SimilarQuery
	rule  []byte // of the client's token, nil for none
	leg   *leg.Similar
	shard int // of the document
	start time.Time
}

// run asks the document's own leg, and once more elsewhere if its node fails: no other node of the plan can stand in for
// it.
func (r *resembling) run(ctx context.Context) found {
	var failed []string
	for {
		var avoid plan.Avoid
		if len(failed) > 0 {
			avoid = func(node string) bool { return slices.Contains(failed, node) }
		}
		p := r.s.settledCover(r.c, r.ix, plan.Narrowing{}, r.q.Seed(), avoid)
		at := slices.IndexFunc(p.Legs, func(l plan.Leg) bool { return slices.Contains(l.Shards, r.shard) })
		if at < 0 {
			return found{failed: uncoveredError([]int{r.shard})}
		}
		own := plan.Read{Epoch: p.Epoch, Legs: p.Legs[at : at+1]}
		answer, source := r.source(ctx, own)
		if len(answer.Results) == 0 && answer.Refused == nil && len(failed) == 0 && ctx.Err() == nil {
			failed = append(failed, p.Legs[at].Node)
			continue
		}
		f := outcome(ctx, answer, r.ix)
		if f.ended() {
			return f
		}
		vectors, there, err := r.vectors(source)
		switch {
		case err != nil:
			return r.s.unmerged(err)
		case !there:
			return found{refused: meili.SimilarNotFound(r.q.ID)}
		}
		return r.rest(ctx, p, at, answer.Results[0].Body, vectors)
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

// rest asks the other legs, once for every vector, and merges.
func (r *resembling) rest(ctx context.Context, p plan.Read, at int, own []byte, vectors [][]byte) found {
	if len(vectors) == 0 {
		vectors = [][]byte{nil}
	}
	others := plan.Read{Epoch: p.Epoch, Legs: slices.Delete(slices.Clone(p.Legs), at, at+1), Missing: p.Missing}
	outs := make([]scatter.Outcome, len(vectors))
	var all sync.WaitGroup
	room := make(chan struct{}, r.s.Limits.MultiParallel)
	for i, vector := range vectors {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			for _, plain := range []bool{true, false} {
				// The lists for several vectors are put together leg by leg: whoever stands in for one must have all of it.
				outs[i] = r.s.readCall(ctx, r.c, r.ix, others, scatter.Call{
					Method: http.MethodPost, Path: "/search", Body: r.leg.Near(vector, plain), Stamps: true, Hedge: true, Sole: len(vectors) > 1,
				})
				if outs[i].Refused == nil || outs[i].Refused.Code != apierr.InvalidSearchDistinct {
					break // the index's filterable attributes do not let the distinct attribute be switched off
				}
			}
		})
	}
	all.Wait()
	answers, group := [][]byte{own}, []int{p.Legs[at].Shards[0]}
	var f found
	for _, out := range outs {
		if out.Refused != nil {
			return found{refused: named(out.Refused, r.ix)}
		}
		f.missing = append(f.missing, out.Missing...)
		for _, res := range out.Results {
			answers, group = append(answers, res.Body), append(group, res.Leg.Shards[0])
		}
	}
	if f.missing = slices.Compact(sortedInts(f.missing)); len(f.missing) > 0 && r.s.tuned().Scatter.UnavailableShardPolicy == tuning.PolicyError {
		return found{failed: uncoveredError(f.missing)}
	}
	req := r.leg.Request(group)
	req.ProcessingTimeMs = max(0, time.Since(r.start).Milliseconds())
	res, err := merge.Similar(req, answers)
	if err != nil {
		return r.s.unmerged(err)
	}
	f.body, f.version = res.Body, r.ix.SettingsVersion
	return f
}
