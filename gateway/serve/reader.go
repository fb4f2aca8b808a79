package serve

import (
	"context"
	"slices"

	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/tuning"
)

var defaults = tuning.Default()

// tuned is what the configuration says just now.
func (s *Service) tuned() *tuning.Live {
	if s.Tuning == nil {
		return &defaults
	}
	return s.Tuning()
}

// reader runs reads as the configuration says just now.
func (s *Service) reader() scatter.Reader {
	r := scatter.Reader{Sender: s.Nodes, Timeout: s.Limits.ReadLeg, Metrics: s.Scatter, Watch: s.Balance, Hedge: s.Hedge}
	if s.Tuning != nil {
		live := s.Tuning()
		r.Timeout, r.Impatient = live.Scatter.NodeTimeout(), !live.Scatter.RetryOnTimeout
	}
	return r
}

// spare says whether copies of an index's shards lie on more than one node each.
func spare(v *routing.View) bool {
	active := 0
	for i := range v.Groups {
		if v.Groups[i].State == routing.GroupActive {
			active++
			if active > 1 || v.Groups[i].RF > 1 {
				return true
			}
		}
	}
	return false
}

// standIns finds other nodes for the legs of an index's read, on the newest view there is: a leg may have failed because
// its shards lie elsewhere by now (RD-3). Nodes of the leg's own group are asked first. For a leg that is only late,
// nobody is asked who does badly himself.
func (s *Service) standIns(ctx context.Context, c *call, ix *routing.Index) scatter.Replan {
	if b := c.boundOf(ix); b != nil {
		return b.standIns(ctx, c)
	}
	return func(of plan.Leg, why scatter.Why, avoid plan.Avoid) []plan.Leg {
		v, ix := s.newest(c.view, ix)
		avoid = either(avoid, behind(ix, c.least))
		if off := c.off(ix); off != nil {
			legs, whole := s.standIn(ctx, v, ix, of, why, either(avoid, off))
			if whole || why == scatter.Late {
				return legs
			}
		}
		legs, _ := s.standIn(ctx, v, ix, of, why, avoid)
		return legs
	}
}

// standIn finds other nodes for one leg; whole says that they cover all of it.
func (s *Service) standIn(ctx context.Context, v *routing.View, ix *routing.Index, of plan.Leg, why scatter.Why, avoid plan.Avoid) (legs []plan.Leg, whole bool) {
	poor := s.Balance.Avoid()
	good := func(node string) bool { return avoid(node) || poor != nil && poor(node) }
	own := func(node string) bool { return good(node) || v.Nodes[node].ReplicaGroup != of.Group }
	if legs, err := plan.Replan(v, ix, of, own); err == nil {
		return legs, true
	}
	live := s.tuned()
	cross := live.Fallback.CrossGroup
	if why == scatter.Late {
		cross = live.Hedging.CrossGroupFallback
	}
	if cross {
		if legs, err := plan.Replan(v, ix, of, good); err == nil {
			return legs, true
		}
	}
	if why == scatter.Late {
		return nil, false
	}
	anyone := avoid
	if !cross {
		anyone = func(node string) bool { return avoid(node) || v.Nodes[node].ReplicaGroup != of.Group }
	}
	legs, err := plan.Replan(v, ix, of, anyone)
	if err != nil {
		s.Log.Debug().Ctx(ctx).Str("node", of.Node).Str("shards", shardmap.FormatRanges(of.Shards)).Msg("leg not covered again")
	}
	return legs, err == nil
}

// newest is the newest view that knows the index, which is v if none is newer.
func (s *Service) newest(v *routing.View, ix *routing.Index) (*routing.View, *routing.Index) {
	if newest := s.Views.View(); newest.Epoch > v.Epoch {
		if now, ok := newest.Physical[ix.Physical]; ok {
			return newest, now
		}
	}
	return v, ix
}

// judge applies the policy for shards that nobody answered for: where the rest is no answer, it is dropped (RD-8).
func (s *Service) judge(out *scatter.Outcome) {
	if len(out.Missing) == 0 {
		return
	}
	s.Scatter.Partial.Inc()
	if out.Refused == nil && s.tuned().Scatter.UnavailableShardPolicy == tuning.PolicyError {
		out.Results = nil
	}
}

// worstLast puts nodes that do badly behind the others.
func (s *Service) worstLast(owners []plan.Leg) {
	if poor := s.Balance.Avoid(); poor != nil {
		slices.SortStableFunc(owners, func(a, b plan.Leg) int { return rank(poor(a.Node)) - rank(poor(b.Node)) })
	}
}

func rank(poor bool) int {
	if poor {
		return 1
	}
	return 0
}
