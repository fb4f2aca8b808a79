package serve

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/miroir-search/miroir/gateway/balance"
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
	return plan.Narrow(ix, q.Filter, s.tuned().QueryPlanner.Most())
}

// cover plans a read that may be narrowed.
func (s *Service) cover(ctx context.Context, c *call, ix *routing.Index, n plan.Narrowing, seed uint64) plan.Read {
	s.planned(ctx, ix, n)
	return s.settledCover(c, ix, n, seed, nil)
}

// look plans a read as cover does and leaves nothing behind: for explanations.
func (s *Service) look(c *call, ix *routing.Index, n plan.Narrowing, seed uint64) plan.Read {
	return c.settled(ix, nil, func(avoid plan.Avoid) plan.Read {
		cover, _ := s.covering(c.view, ix, n, seed, avoid)
		if !spare(c.view) {
			return cover(seed, nil)
		}
		return s.Balance.Peek(seed, cover)
	})
}

// coverAll plans a read of all shards.
func (s *Service) coverAll(c *call, ix *routing.Index, seed uint64) plan.Read {
	return s.settledCover(c, ix, plan.Narrowing{}, seed, nil)
}

// settledCover plans a read from nodes that show the committed settings, as far as they cover what is wanted. Nodes that are
// behind what the request asks for are not asked at all.
func (s *Service) settledCover(c *call, ix *routing.Index, n plan.Narrowing, seed uint64, avoid plan.Avoid) plan.Read {
	return c.settled(ix, avoid, func(avoid plan.Avoid) plan.Read {
		p, _ := s.choose(c.view, ix, n, seed, avoid)
		return p
	})
}

// settled plans by a way to plan that is told whom to avoid.
func (c *call) settled(ix *routing.Index, avoid plan.Avoid, choose func(plan.Avoid) plan.Read) plan.Read {
	avoid = either(avoid, behind(ix, c.least))
	if off := c.off(ix); off != nil {
		if p := choose(either(avoid, off)); len(p.Missing) == 0 {
			return p
		}
	}
	return choose(avoid)
}

// choose plans a read from the copies that do best. avoid names nodes that are not asked at all; it may be nil.
func (s *Service) choose(
	v *routing.View, ix *routing.Index, n plan.Narrowing, seed uint64, avoid plan.Avoid,
) (plan.Read, balance.Choice) {
	cover, avoid := s.covering(v, ix, n, seed, avoid)
	if !spare(v) {
		return cover(seed, nil), balance.Choice{Seed: seed, Avoid: avoid}
	}
	p, c := s.Balance.Choose(seed, cover)
	c.Avoid = either(avoid, c.Avoid)
	return p, c
}

// covering plans by seeds, within the query's own group where others may not stand in. It says whom it avoids in all.
func (s *Service) covering(
	v *routing.View, ix *routing.Index, n plan.Narrowing, query uint64, avoid plan.Avoid,
) (balance.Cover, plan.Avoid) {
	if !s.tuned().Fallback.CrossGroup {
		avoid = either(avoid, outsideOf(v, query))
	}
	return func(seed uint64, poor plan.Avoid) plan.Read {
		return plan.CoverNarrowed(v, ix, n, seed, either(avoid, poor))
	}, avoid
}

// outsideOf names the nodes of all groups but the one that a query is read from.
func outsideOf(v *routing.View, seed uint64) plan.Avoid {
	groups := v.ActiveGroups()
	if len(groups) < 2 {
		return nil
	}
	own := groups[seed%uint64(len(groups))]
	return func(node string) bool { return v.Nodes[node].ReplicaGroup != own }
}

// either joins what two avoid; nil avoids nobody.
func either(a, b plan.Avoid) plan.Avoid {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(node string) bool { return a(node) || b(node) }
}

// coverFilter plans a read by a filter that nobody has checked.
func (s *Service) coverFilter(ctx context.Context, c *call, ix *routing.Index, filter json.RawMessage, seed uint64) plan.Read {
	return s.cover(ctx, c, ix, plan.Narrow(ix, filter, s.tuned().QueryPlanner.Most()), seed)
}

// planned counts a plan.
func (s *Service) planned(ctx context.Context, ix *routing.Index, n plan.Narrowing) {
	if n.Reason == candidate.NoFilter {
		return
	}
	if s.tuned().QueryPlanner.LogPlans {
		s.Log.Info().Ctx(ctx).Str("index", ix.UID).Bool("narrowed", n.Narrowed).Str("reason", string(n.Reason)).Ints("shards", n.Shards).Msg("read planned")
	}
	s.Metrics.narrowable.WithLabelValues(strconv.FormatBool(n.Narrowed)).Inc()
	if n.Narrowed {
		s.Metrics.narrowing.Observe(float64(len(n.Shards)) / float64(ix.Shards))
	}
}
