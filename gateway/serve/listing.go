package serve

import (
	"context"
	"net/http"
	"slices"

	"github.com/miroir-search/miroir/gateway/balance"
	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// countDocuments is the exact number of documents of an index: every shard counted once.
func (s *Service) countDocuments(ctx context.Context, c *call, ix *routing.Index) (int64, *apierr.Error) {
	p := s.coverAll(c, ix, shardmap.HashID([]byte(ix.Physical)))
	out := s.read(ctx, c, ix, p, http.MethodPost, "/documents/fetch", []byte(`{"limit":0}`))
	switch {
	case out.Refused != nil && out.Refused.Code == apierr.IndexNotFound:
		return 0, nil // in the catalog, not yet on the nodes
	case out.Refused != nil:
		return 0, out.Refused
	case len(out.Missing) > 0:
		return 0, uncoveredError(out.Missing)
	}
	res, err := merge.Documents(merge.DocumentsRequest{}, bodies(out.Results))
	if err != nil {
		return 0, uncoveredError(every(ix.Shards))
	}
	return res.Total, nil
}

func (s *Service) indexStats(ctx context.Context, c *call) *reply.Reply {
	params, e := meili.ParseStatsParameters(c.Query)
	if e != nil {
		return reply.Error(e)
	}
	targets, e := c.targets()
	if e != nil {
		return reply.Error(e)
	}
	var sum int64
	var legs [][]byte
	for _, ix := range targets {
		n, e := s.countDocuments(ctx, c, ix)
		if e != nil {
			return refusal(e, ix)
		}
		sum += n
		own, r := s.statsLegs(ctx, c, ix, params)
		if r != nil {
			return r
		}
		legs = append(legs, own...)
	}
	body, err := merge.IndexStats(legs, &sum, params.Human)
	if err != nil || len(legs) == 0 {
		return uncovered(every(targets[0].Shards))
	}
	return reply.JSON(http.StatusOK, body)
}

// statsLegs are the stats of an index on every node of a group. The reply says why there are none.
func (s *Service) statsLegs(ctx context.Context, c *call, ix *routing.Index, p meili.StatsParameters) ([][]byte, *reply.Reply) {
	var legs [][]byte
	for _, l := range groupLegs(c.view, ix) {
		a := s.one(ctx, c, l, http.MethodGet, statsPath("/indexes/"+ix.Physical+"/stats", p))
		if a.Refused != nil {
			return nil, refusal(a.Refused, ix)
		}
		if len(a.Results) == 0 {
			return nil, uncovered(a.Missing)
		}
		legs = append(legs, a.Results[0].Body)
	}
	return legs, nil
}

// statsPath asks for what the client wants to see, sizes always as numbers.
func statsPath(path string, p meili.StatsParameters) string {
	if p.Internal {
		return path + "?showInternalDatabaseSizes=true"
	}
	return path
}

// groupLegs are the nodes of the first active group that hold the index and are up, with all they hold.
func groupLegs(v *routing.View, ix *routing.Index) []plan.Leg {
	for _, g := range v.ActiveGroups() {
		var legs []plan.Leg
		for _, h := range v.Holders(ix, g, nil) {
			legs = append(legs, plan.Leg{Node: h.Node, Address: v.Nodes[h.Node].Address, Group: g, Shards: h.Shards})
		}
		if len(legs) > 0 {
			return legs
		}
	}
	return nil
}

// one asks a single node about itself, without shards.
func (s *Service) one(ctx context.Context, c *call, l plan.Leg, method, path string) scatter.Outcome {
	reader := s.reader()
	return reader.Read(ctx, scatter.Call{Method: method, Path: path, Epoch: c.view.Epoch, Class: balance.Others},
		plan.Read{Legs: []plan.Leg{l}}, nil)
}

func (s *Service) stats(ctx context.Context, c *call) *reply.Reply {
	params, e := meili.ParseStatsParameters(c.Query)
	if e != nil {
		return reply.Error(e)
	}
	counts := map[string]int64{}
	for _, uid := range c.visible() {
		ix := c.view.Indexes[uid]
		n, e := s.countDocuments(ctx, c, ix)
		if e != nil {
			return refusal(e, ix)
		}
		counts[uid] = n
	}
	var legs [][]byte
	for _, l := range plan.AnyNode(c.view, 0) {
		l.Shards = []int{0}
		a := s.one(ctx, c, l, http.MethodGet, statsPath("/stats", params))
		if len(a.Results) == 0 {
			return uncovered(nil)
		}
		legs = append(legs, a.Results[0].Body)
	}
	body, err := merge.GlobalStats(merge.GlobalStatsRequest{
		Name: func(physical string) (string, bool) {
			if ix, ok := c.view.Physical[physical]; ok {
				return ix.UID, c.grant.Index(ix.UID)
			}
			_, ok := c.view.Indexes[physical] // the sidecar may have named it already
			return physical, ok && c.grant.Index(physical)
		},
		Documents: counts, Human: params.Human,
	}, legs)
	if err != nil || len(legs) == 0 {
		return uncovered(nil)
	}
	return reply.JSON(http.StatusOK, body)
}

func (s *Service) version(_ context.Context, c *call) *reply.Reply {
	nodes := plan.AnyNode(c.view, uint64(c.now.UnixNano())) //nolint:gosec // any number does
	if len(nodes) == 0 {
		return uncovered(nil)
	}
	// Envoy may not have heard yet of a node that has just joined.
	joining := func(l plan.Leg) bool { return c.view.Nodes[l.Node].State == routing.NodeJoining }
	if known := slices.DeleteFunc(slices.Clone(nodes), joining); len(known) > 0 {
		nodes = known
	}
	return s.routeTo(c, nil, nodes, "/version")
}
