package target

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/bench/query"
	"github.com/miroir-search/miroir/bench/wire"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// Cluster is what the legs of a search need to know.
type Cluster struct {
	View      *routing.View
	Index     string            // logical name
	NodeKey   string            // of sidecars
	EngineKey string            // of engines
	Engines   map[string]string // base URLs by node
}

// share is one node's part of a search.
type share struct {
	node   string
	shards []int
	whole  bool // the node holds nothing else of the index
	body   []byte
}

// maxTotalHits is the default of a new index.
const maxTotalHits = 1000

// Sidecars is the legs of the searches, asked of the sidecars as the gateway does.
func Sidecars(name string, c Cluster, queries []query.Query) (*Target, error) {
	return c.legs(name, queries, func(ix *routing.Index, s share, _ query.Query) (leg, error) {
		base := c.View.Nodes[s.node].Address
		request, err := wire.Post(base+"/indexes/"+ix.Physical+"/search", c.NodeKey, s.body)
		if err != nil {
			return leg{}, err
		}
		header := map[string][]string{}
		nodeapi.Leg{Epoch: c.View.Epoch, Shards: s.shards, Count: ix.Shards}.Set(header)
		for _, key := range slices.Sorted(maps.Keys(header)) {
			request = wire.WithHeader(request, key, header[key][0])
		}
		return leg{base, request}, nil
	})
}

// Engines is the legs of the searches, asked of the engines as their sidecars do.
func Engines(name string, c Cluster, queries []query.Query) (*Target, error) {
	return c.legs(name, queries, func(ix *routing.Index, s share, q query.Query) (leg, error) {
		base, body := c.Engines[s.node], s.body
		if !s.whole {
			var err error
			if body, err = restrict(body, nodeapi.ShardFilter(s.shards), q.Filter); err != nil {
				return leg{}, err
			}
		}
		request, err := wire.Post(base+"/indexes/"+ix.Physical+"/search", c.EngineKey, body)
		return leg{base, request}, err
	})
}

// restrict adds the clause to the filter of a search.
func restrict(body []byte, clause, filter string) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, fmt.Errorf("restrict: %w", err)
	}
	if filter != "" {
		clause = "(" + clause + ") AND (" + filter + ")"
	}
	raw, err := json.Marshal(clause)
	if err != nil {
		return nil, fmt.Errorf("restrict: %w", err)
	}
	members["filter"] = raw
	return json.Marshal(members)
}

func (c Cluster) legs(
	name string, queries []query.Query, request func(*routing.Index, share, query.Query) (leg, error),
) (*Target, error) {
	ix, ok := c.View.Indexes[c.Index]
	if !ok {
		return nil, fmt.Errorf("%s: the cluster has no index %s", name, c.Index)
	}
	t := &Target{Name: name, searches: make([][]leg, len(queries))}
	for i, q := range queries {
		shares, err := c.shares(ix, q)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, s := range shares {
			l, err := request(ix, s, q)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			t.searches[i] = append(t.searches[i], l)
		}
	}
	return t, nil
}

// shares splits a search among the nodes of the first active group, as a gateway of a cluster with one group does.
func (c Cluster) shares(ix *routing.Index, q query.Query) ([]share, error) {
	parsed, e := meili.ParseSearchBody(q.Body)
	if e != nil {
		return nil, fmt.Errorf("search %s: %w", q.Body, e)
	}
	groups := c.View.ActiveGroups()
	if len(groups) != 1 {
		return nil, fmt.Errorf("%d active groups, want one", len(groups))
	}
	holders := c.View.Holders(ix, groups[0], nil)
	cover, missing := shardmap.CoveringSet(ix.Shards, holders, parsed.Seed())
	if len(missing) > 0 {
		return nil, fmt.Errorf("shards %v are nowhere", missing)
	}
	list := make([]share, 0, len(cover))
	for _, l := range cover {
		at := slices.IndexFunc(holders, func(h shardmap.Holder) bool { return h.Node == l.Node })
		list = append(list, share{
			node: l.Node, shards: l.Shards, whole: len(holders[at].Shards) == len(l.Shards),
			body: legBody(parsed),
		})
	}
	return list, nil
}

// legBody is a search as a gateway asks it of a leg: everything up to the end of the window, with score details.
func legBody(q *meili.SearchQuery) []byte {
	b := []byte{'{'}
	q.Each(func(name string, value []byte) {
		switch name {
		case "offset", "limit", "page", "hitsPerPage", "showRankingScoreDetails":
			return
		}
		b = append(append(append(append(b, '"'), name...), `":`...), value...)
		b = append(b, ',')
	})
	if q.Exhaustive {
		return fmt.Appendf(b, `"page":1,"hitsPerPage":%d,"showRankingScoreDetails":true}`, min(q.Page*q.HitsPerPage, maxTotalHits))
	}
	return fmt.Appendf(b, `"limit":%d,"showRankingScoreDetails":true}`, min(q.Offset+q.Limit, maxTotalHits))
}
