package serve

import (
	"context"
	"net/http"
	"sync"

	"github.com/miroir-search/miroir/gateway/leg"
	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

func (s *Service) listDocuments(ctx context.Context, c *call) *reply.Reply {
	q, e := meili.ParseDocumentsParameters(c.Query)
	if e != nil {
		return reply.Error(e)
	}
	return s.fetch(ctx, c, q)
}

func (s *Service) fetchDocuments(ctx context.Context, c *call) *reply.Reply {
	body, e := s.readBody(c)
	if e != nil {
		return reply.Error(e)
	}
	q, e := meili.ParseDocumentsBody(body)
	if e != nil {
		return reply.Error(e)
	}
	return s.fetch(ctx, c, q)
}

// fetch lists documents.
func (s *Service) fetch(ctx context.Context, c *call, q *meili.DocumentsQuery) *reply.Reply {
	ix, e := c.index()
	if e != nil {
		return reply.Error(e)
	}
	if e := q.Check(); e != nil {
		return reply.Error(e)
	}
	f := fetching{s: s, c: c, ix: ix, leg: leg.NewDocuments(q)}
	f.plan = plan.CoverIndex(c.view, ix, shardmap.HashID([]byte(ix.Physical)), nil)
	return f.run(ctx).reply()
}

// fetching is a planned listing on its way through its rounds of legs.
type fetching struct {
	s    *Service
	c    *call
	ix   *routing.Index
	leg  leg.Documents
	plan plan.Read
}

func (f *fetching) run(ctx context.Context) found {
	switch {
	case len(f.plan.Legs) == 1 && len(f.plan.Missing) == 0:
		return f.alone(ctx)
	case f.leg.Shallow():
		return f.whole(ctx)
	}
	return f.deep(ctx)
}

// ask sends one round of legs.
func (f *fetching) ask(ctx context.Context, p plan.Read, body []byte) (scatter.Outcome, found) {
	out := f.s.readCall(ctx, f.c, f.ix, p, scatter.Call{
		Method: http.MethodPost, Path: "/documents/fetch", Body: body, Stamps: len(p.Legs) > 1,
		SortValues: len(p.Legs) > 1 && f.leg.Sorted(),
	})
	return out, outcome(ctx, out, f.ix)
}

// alone lets the only node that is needed cut the page.
func (f *fetching) alone(ctx context.Context) found {
	offset, limit := f.leg.Page()
	out, r := f.ask(ctx, f.plan, f.leg.Body(offset, limit, false))
	if r.ended() {
		return r
	}
	if len(out.Results) > 1 {
		f.plan.Legs = legsOf(out.Results) // several nodes stood in for one that failed
		return f.run(ctx)
	}
	req := f.leg.Request()
	req.Sorted, req.Asked = false, []int{offset}
	return f.merged(r, req, bodies(out.Results))
}

// whole asks every leg for everything up to the end of the page.
func (f *fetching) whole(ctx context.Context) found {
	out, r := f.ask(ctx, f.plan, f.leg.Body(0, f.leg.Window(), true))
	if r.ended() {
		return r
	}
	return f.merged(r, f.leg.Request(), bodies(out.Results))
}

// deep asks for the lengths of the legs' lists first. Only legs that have a part of the page are asked for it.
func (f *fetching) deep(ctx context.Context) found {
	out, r := f.ask(ctx, f.plan, f.leg.Body(0, 0, true))
	if r.ended() {
		return r
	}
	totals, sum, err := merge.DocumentTotals(bodies(out.Results))
	if err != nil {
		return f.s.unmerged(err)
	}
	f.plan.Legs, f.plan.Missing = legsOf(out.Results), out.Missing
	if sum <= leg.OrderedTotal {
		return f.whole(ctx)
	}
	offset, limit := f.leg.Page()
	answers, asked := bodies(out.Results), make([]int, len(totals))
	windows := merge.DocumentWindows(totals, offset, limit)
	rounds := make([]found, len(windows))
	var all sync.WaitGroup
	for i, w := range windows {
		asked[i] = w.Offset
		if w.Limit == 0 {
			continue
		}
		all.Go(func() {
			p := f.plan
			p.Legs, p.Missing = p.Legs[i:i+1], nil
			var part scatter.Outcome
			if part, rounds[i] = f.ask(ctx, p, f.leg.Body(w.Offset, w.Limit, false)); len(part.Results) == 1 {
				answers[i] = part.Results[0].Body
			} else if !rounds[i].ended() {
				rounds[i] = found{failed: uncoveredError(p.Legs[0].Shards)}
			}
		})
	}
	all.Wait()
	for _, part := range rounds {
		if part.ended() {
			return part
		}
	}
	req := f.leg.Request()
	req.Asked = asked
	return f.merged(r, req, answers)
}

func (f *fetching) merged(r found, req merge.DocumentsRequest, answers [][]byte) found {
	res, err := merge.Documents(req, answers)
	if err != nil {
		return f.s.unmerged(err)
	}
	r.body, r.version = res.Body, f.ix.SettingsVersion
	return r
}
