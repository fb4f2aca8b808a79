package antientropy

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
)

// logTimeout is the longest wait for a node's part of the log.
const logTimeout = 10 * time.Second

// Repaired is one document that a node took over, or deleted, in a pass.
type Repaired struct {
	Node string `json:"node"`
	nodeapi.Mended
}

// Log is what was repaired, the newest first. Every node keeps its own part, for seven days.
type Log struct {
	Results []Repaired `json:"results"`
	Missing []string   `json:"missing"` // nodes that did not answer, ascending
}

// Repairs reads the log of repairs: of one index, by the name that clients use, or of all. Its errors are for whoever asked.
func (a *AntiEntropy) Repairs(ctx context.Context, index string, since time.Time, limit int) (Log, error) {
	v := a.Views.View()
	q := nodeapi.MendedQuery{Since: since, Limit: limit}
	if index != "" {
		ix, ok := v.Indexes[index]
		if !ok {
			return Log{}, apierr.New(apierr.IndexNotFound, "Index `%s` not found.", index)
		}
		q.Index = ix.Physical
	}
	var nodes []remote
	out := Log{Results: []Repaired{}, Missing: []string{}}
	for _, id := range slices.Sorted(maps.Keys(v.Nodes)) {
		switch n := v.Nodes[id]; {
		case n.State == routing.NodeRemoved:
		case n.Alive:
			nodes = append(nodes, remote{a.Nodes, id, n.Address})
		default:
			out.Missing = append(out.Missing, id)
		}
	}
	lists, errs := each(nodes, func(r remote) (nodeapi.MendedList, error) {
		return client.Into[nodeapi.MendedList](r.ask(ctx, logTimeout, nodeapi.PathMended, q))
	})
	for i, list := range lists {
		if errs[i] != nil {
			out.Missing = append(out.Missing, nodes[i].node)
			continue
		}
		for _, m := range list.Results {
			if ix := v.Physical[m.Index]; ix != nil {
				m.Index = ix.UID
			}
			out.Results = append(out.Results, Repaired{nodes[i].node, m})
		}
	}
	slices.SortStableFunc(out.Results, func(x, y Repaired) int { return y.At.Compare(x.At) })
	out.Results = out.Results[:min(limit, len(out.Results))]
	slices.Sort(out.Missing)
	return out, ctx.Err()
}
