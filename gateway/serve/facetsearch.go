package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
)

// facetSearch asks every shard for the values of a facet. The nodes judge the request; the gateway reads only what the
// merge needs, and reads it leniently, because a request with a wrong value never comes to a merge.
func (s *Service) facetSearch(ctx context.Context, c *call) *reply.Reply {
	body, e := s.readBody(c)
	if e != nil {
		return reply.Error(e)
	}
	if e := meili.CheckBody(body); e != nil {
		return reply.Error(e)
	}
	ix, e := c.index()
	if e != nil {
		return reply.Error(e)
	}
	body = meili.Restricted(body, c.filterOf(ix))
	var asked struct {
		FacetName  json.RawMessage `json:"facetName"`
		FacetQuery json.RawMessage `json:"facetQuery"`
		Filter     json.RawMessage `json:"filter"`
	}
	var name string
	var query *string
	if json.Unmarshal(body, &asked) == nil {
		_ = json.Unmarshal(asked.FacetName, &name)
		_ = json.Unmarshal(asked.FacetQuery, &query)
	}
	p := s.coverFilter(c, ix, asked.Filter, xxhash.Sum64(body))
	out := s.read(ctx, c, ix, p, http.MethodPost, "/facet-search", body)
	if out.Refused != nil {
		return reply.Error(s.settings.of(ix).Refusal(named(out.Refused, ix)))
	}
	if f := outcome(ctx, out, ix); f.ended() {
		return f.reply()
	}
	facets := s.settings.of(ix).Facets
	order, own := facets.SortBy[name]
	if !own {
		order = facets.SortBy["*"]
	}
	answer, exact, err := merge.FacetSearch(merge.FacetSearchRequest{
		FacetQuery: query, Order: order, MaxValues: facets.MaxValues, ProcessingTimeMs: max(0, time.Since(c.now).Milliseconds()),
	}, bodies(out.Results))
	if err != nil {
		s.Log.Error().Err(err).Msg("merge failed")
		return reply.Error(apierr.New(apierr.MiroirInternal, "The answers of the nodes could not be merged."))
	}
	r := reply.JSON(http.StatusOK, answer).Degraded(out.Missing).Settings(ix.SettingsVersion)
	if !exact {
		r.Header.Set(reply.HeaderFacetsApprox, name)
	}
	return r
}
