package serve

import (
	"context"
	"net/http"
	"net/url"
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

// reads are the handlers of operations by an alias of several indexes.
var reads = map[operation.Kind]handler{
	operation.SearchPost:     (*Service).searchSeveral,
	operation.SearchGet:      (*Service).searchSeveral,
	operation.FacetSearch:    (*Service).facetSearch,
	operation.ListDocuments:  (*Service).listDocuments,
	operation.FetchDocuments: (*Service).fetchDocuments,
	operation.GetDocument:    (*Service).getDocumentSeveral,
	operation.GetIndex:       (*Service).getSeveral,
	operation.GetSettings:    (*Service).getSettings,
	operation.IndexStats:     (*Service).indexStats,
	operation.ListFields:     (*Service).listFields,
	operation.SimilarPost:    (*Service).similar,
	operation.SimilarGet:     (*Service).similar,
}

// targets are the indexes that the operation reads: the one that it names, or those that its alias stands for.
func (c *call) targets() ([]*routing.Index, *apierr.Error) {
	if !isMulti(c.alias) {
		ix, e := c.index()
		return []*routing.Index{ix}, e
	}
	if len(c.alias.Indexes) == 0 {
		return nil, meili.IndexNotFound(c.op.Index)
	}
	return c.alias.Indexes, nil
}

// gather runs one read for every target at the same time, and collects what they bring. Of several refusals the one of the
// first target counts; what targets lack is told, as long as there is something of any.
func (s *Service) gather(
	ctx context.Context, c *call, targets []*routing.Index, read func(ix *routing.Index) scatter.Outcome,
) ([][]byte, found) {
	outs := make([]scatter.Outcome, len(targets))
	var all sync.WaitGroup
	room := make(chan struct{}, s.Limits.MultiParallel)
	for i, ix := range targets {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			outs[i] = read(ix)
		})
	}
	all.Wait()
	var answers [][]byte
	f := found{several: isMulti(c.alias), version: targets[0].SettingsVersion}
	var failed *found
	for i, ix := range targets {
		one := outcome(ctx, outs[i], ix)
		switch {
		case one.refused != nil:
			one.refused = s.settings.of(ix).Refusal(one.refused)
			return nil, one
		case one.failed != nil && failed == nil:
			failed = &one
		}
		answers = append(answers, bodies(outs[i].Results)...)
		switch missing := outs[i].Missing; {
		case !f.several:
			f.missing = missing
		case len(missing) > 0:
			f.parts = append(f.parts, part{ix.UID, missing})
		}
	}
	if len(answers) == 0 && failed != nil {
		return nil, *failed
	}
	if f.several {
		for _, uid := range c.alias.Missing {
			f.parts = append(f.parts, part{uid: uid})
		}
	}
	return answers, f
}

// fetchSeveral lists the documents of several indexes. Every leg is asked for everything up to the end of the page.
func (s *Service) fetchSeveral(ctx context.Context, c *call, q *meili.DocumentsQuery) *reply.Reply {
	targets, e := c.targets()
	if e == nil {
		e = q.Check()
	}
	if e != nil {
		return reply.Error(e)
	}
	l := leg.NewDocuments(q)
	body := l.Body(0, l.Window(), true)
	answers, f := s.gather(ctx, c, targets, func(ix *routing.Index) scatter.Outcome {
		p := s.coverFilter(ctx, c, ix, q.Filter, shardmap.HashID([]byte(ix.Physical)))
		return s.readCall(ctx, c, ix, p, scatter.Call{
			Method: http.MethodPost, Path: "/documents/fetch", Body: body, Stamps: true, SortValues: l.Sorted(),
		})
	})
	if f.ended() {
		return f.reply()
	}
	res, err := merge.Documents(l.Request(0), answers)
	if err != nil {
		return s.unmerged(ctx, err).reply()
	}
	f.body = res.Body
	return f.reply()
}

// getDocumentSeveral looks for a document in one index after the other.
func (s *Service) getDocumentSeveral(ctx context.Context, c *call) *reply.Reply {
	targets, e := c.targets()
	if e != nil {
		return reply.Error(e)
	}
	path := "/documents/" + url.PathEscape(c.op.ID)
	if c.Query != "" {
		path += "?" + c.Query
	}
	var last found
	for _, ix := range targets {
		shard := shardmap.ShardOf([]byte(c.op.ID), ix.Shards)
		owners := plan.Owner(c.view, ix, shard, shardmap.HashID([]byte(c.op.ID)), nil)
		if len(owners) == 0 {
			return uncovered([]int{shard})
		}
		s.worstLast(owners)
		out := s.readCall(ctx, c, ix, plan.Read{Epoch: c.view.Epoch, Legs: owners[:1]}, scatter.Call{Method: http.MethodGet, Path: path})
		last = outcome(ctx, out, ix)
		switch {
		case last.refused != nil && last.refused.Code == apierr.DocumentNotFound:
			continue
		case last.ended():
			return last.reply()
		}
		return reply.JSON(http.StatusOK, out.Results[0].Body)
	}
	return last.reply()
}

func (s *Service) getSeveral(_ context.Context, c *call) *reply.Reply {
	if len(c.alias.Indexes) == 0 {
		return reply.Error(meili.IndexNotFound(c.op.Index))
	}
	return reply.Value(http.StatusOK, viewOf(one(c.alias).IndexRecord))
}

func (s *Service) searchSeveral(ctx context.Context, c *call) *reply.Reply {
	q, answer := s.readSearch(c)
	if answer != nil {
		return answer
	}
	return s.findSeveral(ctx, c, c.alias, q, newRequestUID()).reply()
}

// findSeveral runs a search on all indexes that an alias stands for: a federation of one query for each, answered as one
// search. Hits are compared as those of one index, facets and totals are summed, the window is cut at the end.
func (s *Service) findSeveral(ctx context.Context, c *call, a *routing.Alias, q *meili.SearchQuery, requestUID string) found {
	start := time.Now()
	if len(a.Indexes) == 0 {
		return found{refused: meili.IndexNotFound(a.Name)}
	}
	if e := q.Check(); e != nil {
		return found{refused: e}
	}
	f, e := s.federating(c, federationOf(a.Name, q))
	if e != nil {
		return found{refused: e}
	}
	legs, e := f.run(ctx)
	switch {
	case e != nil && e.Status >= http.StatusInternalServerError:
		return found{failed: e}
	case e != nil:
		return found{refused: meili.Outside(e)}
	}
	req := f.fed.Request()
	req.Plain = &merge.Plain{Query: q.Query}
	for _, most := range req.MaxTotalHits {
		req.Plain.MaxTotalHits = max(req.Plain.MaxTotalHits, most)
	}
	req.RequestUID, req.ProcessingTimeMs = requestUID, max(0, time.Since(start).Milliseconds())
	req.Metadata = c.metadata(one(a), q)
	res, err := merge.Federated(req, legs)
	if err != nil {
		return s.unmerged(ctx, err)
	}
	return found{body: res.Body, several: true, parts: f.parts(), approximate: res.ApproximateFacets}
}

// windowOf are the members of a search that are the federation's.
var windowOf = []string{"offset", "limit", "page", "hitsPerPage", "facets", "distinct", "showPerformanceDetails"}

// federationOf is a search as a federated one of one query. What an index's settings say about distinct hits holds within
// each index; what the search says holds between them too.
func federationOf(name string, q *meili.SearchQuery) *meili.MultiSearch {
	fed := &meili.Federation{
		Offset: q.Offset, Limit: q.Limit, Exhaustive: q.Exhaustive, Page: q.Page, HitsPerPage: q.HitsPerPage,
	}
	if len(q.Facets) > 0 {
		fed.FacetsByIndex = []meili.IndexFacets{{IndexUID: name, Patterns: q.Facets}}
	}
	if q.Distinct != "" {
		fed.Distinct = &q.Distinct
	}
	q.Each(func(name string, value []byte) {
		if name == "showPerformanceDetails" {
			fed.ShowPerformanceDetails = value[0] == 't'
		}
	})
	return &meili.MultiSearch{
		Queries: []meili.MultiQuery{{SearchQuery: q.Without(windowOf...), IndexUID: name}}, Federation: fed,
	}
}

// unserved refuses reads of several indexes by one alias where nothing merges them.
func unserved(c *call) *reply.Reply {
	return reply.Error(apierr.New(apierr.MiroirNotImplemented,
		"The route `%s` is not implemented yet for an alias of several indexes.", c.op.Pattern))
}
