package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
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
	targets, e := c.targets()
	if e != nil {
		return reply.Error(e)
	}
	var asked struct {
		FacetName  json.RawMessage `json:"facetName"`
		FacetQuery json.RawMessage `json:"facetQuery"`
	}
	var name string
	var query *string
	if json.Unmarshal(body, &asked) == nil {
		_ = json.Unmarshal(asked.FacetName, &name)
		_ = json.Unmarshal(asked.FacetQuery, &query)
	}
	answers, f := s.gather(ctx, c, targets, func(ix *routing.Index) scatter.Outcome {
		own := meili.Restricted(body, c.filterOf(ix))
		return s.read(ctx, c, ix, s.coverFilter(ctx, c, ix, filterIn(own), xxhash.Sum64(own)), http.MethodPost, "/facet-search", own)
	})
	if f.ended() {
		return f.reply()
	}
	facets := s.settings.of(targets[0]).Facets
	order, own := facets.SortBy[name]
	if !own {
		order = facets.SortBy["*"]
	}
	var exact bool
	var err error
	f.body, exact, err = merge.FacetSearch(merge.FacetSearchRequest{
		FacetQuery: query, Order: order, MaxValues: facets.MaxValues, ProcessingTimeMs: max(0, time.Since(c.now).Milliseconds()),
	}, answers)
	if err != nil {
		return s.unmerged(ctx, err).reply()
	}
	if !exact {
		f.approximate = []string{name}
	}
	return f.reply()
}

// filterIn is the filter in a body, nil for none.
func filterIn(body []byte) json.RawMessage {
	var asked struct {
		Filter json.RawMessage `json:"filter"`
	}
	_ = json.Unmarshal(body, &asked) // what is no object has none
	return asked.Filter
}
