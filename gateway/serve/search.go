package serve

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// search serves both forms: parameters of the GET form become a body first.
func (s *Service) search(ctx context.Context, c *call) *reply.Reply {
	q, answer := s.readSearch(c)
	if answer != nil {
		return answer
	}
	ix, e := c.index()
	if e != nil {
		return reply.Error(e)
	}
	settings := s.settings.of(ix)
	body := q.LegBody(meili.LegOptions{Displayed: settings.Displayed, MaxTotalHits: settings.MaxTotalHits})
	p := plan.CoverIndex(c.view, ix, q.Seed(), nil)
	if len(p.Legs) == 0 {
		return uncovered(p.Missing)
	}
	out := s.read(ctx, c, ix, p, http.MethodPost, "/search", body)
	if out.Refused != nil {
		return refusal(out.Refused, ix)
	}
	if len(out.Results) == 0 {
		return uncovered(out.Missing)
	}
	res, err := merge.Search(searchRequest(q, settings, c.now), bodies(out.Results))
	if err != nil {
		s.Log.Error().Err(err).Msg("merge failed")
		return uncovered(every(ix.Shards))
	}
	r := reply.JSON(http.StatusOK, res.Body).Degraded(out.Missing).Settings(ix.SettingsVersion)
	if len(res.ApproximateFacets) > 0 {
		r.Header.Set(reply.HeaderFacetsApprox, strings.Join(res.ApproximateFacets, ", "))
	}
	return r
}

func (s *Service) readSearch(c *call) (*meili.SearchQuery, *reply.Reply) {
	if c.op.Kind == operation.SearchGet {
		q, e := meili.ParseSearchParameters(c.Query)
		if e != nil {
			return nil, reply.Error(e)
		}
		return q, nil
	}
	body, e := s.readBody(c)
	if e != nil {
		return nil, reply.Error(e)
	}
	q, e := meili.ParseSearchBody(body)
	if e != nil {
		return nil, reply.Error(e)
	}
	return q, nil
}

// read runs a planned read on an index, failed legs once more on other owners.
func (s *Service) read(
	ctx context.Context, c *call, ix *routing.Index, p plan.Read, method, path string, body []byte,
) scatter.Outcome {
	s.Scatter.FanOut.Observe(float64(len(p.Legs)))
	reader := scatter.Reader{Sender: s.Nodes, Timeout: s.Limits.ReadLeg, Metrics: s.Scatter}
	request := scatter.Call{
		Method: method, Path: "/indexes/" + ix.Physical + path, Body: body, Count: ix.Shards, Epoch: p.Epoch,
	}
	if body != nil {
		request.ContentType = jsonType
	}
	out := reader.Read(ctx, request, p, func(failed plan.Leg) []plan.Leg {
		others, err := plan.Replan(c.view, ix, failed, nil)
		if err != nil {
			s.Log.Debug().Str("node", failed.Node).Str("shards", shardmap.FormatRanges(failed.Shards)).Msg("leg not covered again")
		}
		return others
	})
	if len(out.Missing) > 0 {
		s.Scatter.Partial.Inc()
	}
	return out
}

func bodies(results []scatter.Result) [][]byte {
	list := make([][]byte, len(results))
	for i, r := range results {
		list[i] = r.Body
	}
	return list
}

func searchRequest(q *meili.SearchQuery, v settingsView, start time.Time) merge.SearchRequest {
	return merge.SearchRequest{
		Query: q.Query,
		Page: merge.Page{
			Exhaustive: q.Exhaustive, Offset: q.Offset, Limit: q.Limit, Page: q.Page, HitsPerPage: q.HitsPerPage,
		},
		ShowRankingScoreDetails: q.ShowRankingScoreDetails,
		MaxTotalHits:            v.MaxTotalHits, Facets: v.Facets, RequestUID: uuid.Must(uuid.NewV7()).String(),
		ProcessingTimeMs: max(0, time.Since(start).Milliseconds()),
	}
}
