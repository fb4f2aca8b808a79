package inside

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// most is how many documents of a shard are read. Suites write fewer.
const most = 100_000

// Inside is a cluster seen from inside.
type Inside struct {
	cluster provider.Inspected
	key     string
	views   *state.ViewWatch
}

// Look begins to look at a cluster, until ctx ends.
func Look(ctx context.Context, cluster provider.Inspected) (*Inside, error) {
	key, err := cluster.EngineKey()
	if err != nil {
		return nil, err
	}
	store, err := state.Open(ctx, state.Options{Endpoints: []string{cluster.Etcd()}})
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = store.Close() })
	views, err := store.WatchView(ctx, zerolog.Nop())
	if err != nil {
		return nil, err
	}
	return &Inside{cluster, key, views}, nil
}

// View is the newest routing view.
func (i *Inside) View() *routing.View { return i.views.View() }

// Engine sends a request to one engine and reads its answer.
func (i *Inside) Engine(node, method, path string, body, out any) error {
	for _, n := range i.cluster.Nodes() {
		if n.ID == node {
			return i.ask(n.Engine, method, path, body, out)
		}
	}
	return fmt.Errorf("no node %s", node)
}

func (i *Inside) ask(engine, method, path string, body, out any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, engine+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+i.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s answered %d to %s", engine, res.StatusCode, path)
	}
	return json.NewDecoder(res.Body).Decode(out)
}

// Documents reads one shard at one engine, by id.
func (i *Inside) Documents(node, physical string, shard int) (map[string]json.RawMessage, error) {
	var page struct{ Results []json.RawMessage }
	err := i.Engine(node, http.MethodPost, "/indexes/"+physical+"/documents/fetch",
		map[string]any{"filter": nodeapi.ShardFilter([]int{shard}), "limit": most}, &page)
	if err != nil {
		return nil, err
	}
	all := map[string]json.RawMessage{}
	for _, raw := range page.Results {
		var d struct{ ID any }
		if err := json.Unmarshal(raw, &d); err != nil {
			return nil, err
		}
		all[fmt.Sprint(d.ID)] = raw
	}
	return all, nil
}

// Idle says which engine still has something to do.
func (i *Inside) Idle() error {
	for _, n := range i.cluster.Nodes() {
		var page struct{ Total int }
		if err := i.Engine(n.ID, http.MethodGet, "/tasks?statuses=enqueued,processing", nil, &page); err != nil {
			return err
		}
		if page.Total > 0 {
			return fmt.Errorf("%s has %d tasks left", n.ID, page.Total)
		}
	}
	return nil
}

// Clean says which node is not up, or which copy is dirty.
func (i *Inside) Clean() error {
	v := i.View()
	for _, id := range v.AllNodes() {
		if !v.Nodes[id].OK {
			return fmt.Errorf("%s is not up", id)
		}
	}
	for _, ix := range v.Indexes {
		for shard := range ix.Shards {
			for _, node := range ix.NodesHolding() {
				if ix.Dirty(shard, node) {
					return fmt.Errorf("shard %d on %s is dirty", shard, node)
				}
			}
		}
	}
	return nil
}

// Dirty counts the dirty copies on a node.
func (i *Inside) Dirty(node string) (n int) {
	for _, ix := range i.View().Indexes {
		for shard := range ix.Shards {
			if ix.Dirty(shard, node) {
				n++
			}
		}
	}
	return n
}
