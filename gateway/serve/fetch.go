package serve

import (
	"context"
	"net/http"

	"github.com/miroir-search/miroir/gateway/balance"
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
	if isMulti(c.alias) {
		return s.fetchSeveral(ctx, c, q)
	}
	ix, e := c.index()
	if e != nil {
		return reply.Error(e)
	}
	if e := q.Check(); e != nil {
		return reply.Error(e)
	}
	f := fetching{s: s, c: c, ix: ix, leg: leg.NewDocuments(q)}
	n := plan.Narrow(ix, q.Filter, s.tuned().QueryPlanner.Most())
	if q.IDs != nil {
		n = n.Both(plan.NarrowToIDs(ix, q.IDs))
	}
	f.plan = s.cover(ctx, c, ix, n, shardmap.HashID([]byte(ix.Physical)))
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
	case f.leg.Sorted():
		return f.whole(ctx)
	}
	return f.chronicle(ctx)
}

// ask sends one round of legs. body is what each of them is asked, for a leg that stands in for another too.
func (f *fetching) ask(ctx context.Context, body func(l plan.Leg) []byte) (scatter.Outcome, found) {
	several := len(f.plan.Legs) > 1
	out := f.s.readCall(ctx, f.c, f.ix, f.plan, scatter.Call{
		Method: http.MethodPost, Path: "/documents/fetch", BodyOf: body, Stamps: several, SortValues: several && f.leg.Sorted(),
		// A walk in the order of writing has a place in each leg's own list, which no other node can go on from.
		Class: balance.Documents, Hedge: !several || f.leg.Sorted(), Sole: !several,
	})
	return out, outcome(ctx, out, f.ix)
}

// alone lets the only node that is needed cut the page.
func (f *fetching) alone(ctx context.Context) found {
	offset, limit := f.leg.Page()
	body := f.leg.Body(offset, limit, false)
	out, r := f.ask(ctx, func(plan.Leg) []byte { return body })
	if r.ended() {
		return r
	}
	if len(out.Results) > 1 {
		f.plan.Legs = legsOf(out.Results) // several nodes stood in for one that failed
		return f.run(ctx)
	}
	req := f.leg.Request(offset)
	req.Sorted = false // by the node already
	_, r = f.merged(ctx, r, req, bodies(out.Results))
	return r
}

// whole asks every leg for everything up to the end of the page.
func (f *fetching) whole(ctx context.Context) found {
	body := f.leg.Body(0, f.leg.Window(), true)
	out, r := f.ask(ctx, func(plan.Leg) []byte { return body })
	if r.ended() {
		return r
	}
	_, r = f.merged(ctx, r, f.leg.Request(0), bodies(out.Results))
	return r
}

func (f *fetching) merged(ctx context.Context, r found, req merge.DocumentsRequest, answers [][]byte) (merge.Result, found) {
	res, err := merge.Documents(req, answers)
	if err != nil {
		return res, f.s.unmerged(ctx, err)
	}
	r.body, r.version = res.Body, f.ix.SettingsVersion
	return res, r
}
