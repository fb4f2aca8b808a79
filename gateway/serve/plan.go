package serve

import (
	"encoding/json"
	"strconv"

	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/plan/candidate"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
)

// narrow says which shards of an index a search has to ask.
func (s *Service) narrow(ix *routing.Index, q *meili.SearchQuery) plan.Narrowing {
	if len(q.Facets) > 0 {
		return plan.Narrowing{Reason: plan.FacetsAsked}
	}
	return plan.Narrow(ix, q.Filter, s.Limits.NarrowIDs)
}

// cover plans a read that may be narrowed.
func (s *Service) cover(c *call, ix *routing.Index, n plan.Narrowing, seed uint64) plan.Read {
	p := plan.CoverNarrowed(c.view, ix, n, seed, nil)
	s.planned(ix, n)
	return p
}

// coverFilter plans a read by a filter that nobody has checked.
func (s *Service) coverFilter(c *call, ix *routing.Index, filter json.RawMessage, seed uint64) plan.Read {
	return s.cover(c, ix, plan.Narrow(ix, filter, s.Limits.NarrowIDs), seed)
}

// planned counts a plan.
func (s *Service) planned(ix *routing.Index, n plan.Narrowing) {
	if n.Reason == candidate.NoFilter {
		return
	}
	s.Metrics.narrowable.WithLabelValues(strconv.FormatBool(n.Narrowed)).Inc()
	if n.Narrowed {
		s.Metrics.narrowing.Observe(float64(len(n.Shards)) / float64(ix.Shards))
	}
}
