package repair

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/meilisearch/meilisearch-go"
	. "github.com/onsi/gomega"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// inside looks at a cluster past its ingress.
type inside struct {
	cluster provider.Inspected
	key     string
	views   *state.ViewWatch
	store   *state.Client
}

func look(ctx context.Context, cluster provider.Inspected) *inside {
	key, err := cluster.EngineKey()
	Expect(err).NotTo(HaveOccurred())
	store, err := state.Open(ctx, state.Options{Endpoints: []string{cluster.Etcd()}})
	Expect(err).NotTo(HaveOccurred())
	views, err := store.WatchView(ctx, zerolog.Nop())
	Expect(err).NotTo(HaveOccurred())
	return &inside{cluster, key, views, store}
}

// engine sends a request to one engine and reads its answer.
func (i *inside) engine(node, method, path string, body, out any) error {
	for _, n := range i.cluster.Nodes() {
		if n.ID != node {
			continue
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		req, err := http.NewRequest(method, n.Engine+path, bytes.NewReader(raw))
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
			return fmt.Errorf("%s answered %d", node, res.StatusCode)
		}
		return json.NewDecoder(res.Body).Decode(out)
	}
	return fmt.Errorf("no node %s", node)
}

// documents reads one shard at one engine, by id.
func (i *inside) documents(node, physical string, shard int) (map[string]map[string]any, error) {
	var page struct{ Results []map[string]any }
	err := i.engine(node, http.MethodPost, "/indexes/"+physical+"/documents/fetch",
		map[string]any{"filter": nodeapi.ShardFilter([]int{shard}), "limit": 100_000}, &page)
	all := map[string]map[string]any{}
	for _, d := range page.Results {
		all[fmt.Sprint(d["id"])] = d
	}
	return all, err
}

// idle says whether no engine has anything left to do.
func (i *inside) idle() error {
	for _, n := range i.cluster.Nodes() {
		var page struct{ Total int }
		if err := i.engine(n.ID, http.MethodGet, "/tasks?statuses=enqueued,processing", nil, &page); err != nil {
			return err
		}
		if page.Total > 0 {
			return fmt.Errorf("%s has %d tasks left", n.ID, page.Total)
		}
	}
	return nil
}

// clean says whether all nodes are up and no copy is dirty.
func (i *inside) clean() error {
	v := i.views.View()
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

// dirty counts the dirty copies on a node.
func (i *inside) dirty(node string) (n int) {
	for _, ix := range i.views.View().Indexes {
		for shard := range ix.Shards {
			if ix.Dirty(shard, node) {
				n++
			}
		}
	}
	return n
}

// equal compares all copies of all shards with each other and with what was written; nil compares the copies only. want has
// the fields that clients see.
func (i *inside) equal(want map[string]map[string]any) error {
	if err := errors.Join(i.clean(), i.idle()); err != nil {
		return err
	}
	v := i.views.View()
	found := map[string]bool{}
	for _, ix := range v.Indexes {
		for shard := range ix.Shards {
			var first map[string]map[string]any
			for n, c := range ix.Placement.Groups[0][shard] {
				Expect(c.State).To(Equal(routing.CopyActive))
				docs, err := i.documents(c.Node, ix.Physical, shard)
				if err != nil {
					return err
				}
				if n == 0 {
					first = docs
				}
				for id, d := range docs {
					if same, _ := Equal(first[id]).Match(d); !same {
						return fmt.Errorf("shard %d: %s on %s is %v, elsewhere %v", shard, id, c.Node, d, first[id])
					}
				}
				if len(docs) != len(first) {
					return fmt.Errorf("shard %d: %s has %d documents, elsewhere there are %d", shard, c.Node, len(docs), len(first))
				}
			}
			for id, d := range first {
				if want == nil {
					break
				}
				delete(d, nodeapi.FieldShard)
				delete(d, nodeapi.FieldUpdatedAt)
				if same, _ := Equal(want[id]).Match(d); !same {
					return fmt.Errorf("%s is %v instead of %v", id, d, want[id])
				}
				found[id] = true
			}
		}
	}
	if want != nil && len(found) != len(want) {
		return fmt.Errorf("%d documents instead of %d", len(found), len(want))
	}
	return nil
}

// client is an application: it writes, sends again what was not accepted, and keeps account.
type client struct {
	sdk     meilisearch.IndexManager
	want    map[string]map[string]any // as accepted, in this order
	refused int
	wait    func(*meilisearch.TaskInfo)
}

// accepted sends a write until it is accepted, as a client must after a 503.
func (c *client) accepted(write func() (*meilisearch.TaskInfo, error)) *meilisearch.TaskInfo {
	for end := time.Now().Add(2 * time.Minute); ; {
		info, err := write()
		if err == nil {
			return info
		}
		var e *meilisearch.Error
		if !errors.As(err, &e) || e.StatusCode != http.StatusServiceUnavailable || time.Now().After(end) {
			Expect(err).NotTo(HaveOccurred())
		}
		c.refused++
		<-time.After(50 * time.Millisecond)
	}
}

func (c *client) add(docs []map[string]any) *meilisearch.TaskInfo {
	info := c.accepted(func() (*meilisearch.TaskInfo, error) { return c.sdk.AddDocuments(docs, nil) })
	for _, d := range docs {
		c.want[d["id"].(string)] = clone(d)
	}
	return info
}

func (c *client) update(docs []map[string]any) *meilisearch.TaskInfo {
	info := c.accepted(func() (*meilisearch.TaskInfo, error) { return c.sdk.UpdateDocuments(docs, nil) })
	for _, d := range docs {
		id := d["id"].(string)
		if c.want[id] == nil {
			c.want[id] = map[string]any{}
		}
		for k, v := range d {
			c.want[id][k] = v
		}
	}
	return info
}

func (c *client) remove(ids []string) *meilisearch.TaskInfo {
	info := c.accepted(func() (*meilisearch.TaskInfo, error) { return c.sdk.DeleteDocuments(ids, nil) })
	for _, id := range ids {
		delete(c.want, id)
	}
	return info
}

func clone(d map[string]any) map[string]any {
	out := make(map[string]any, len(d))
	for k, v := range d {
		out[k] = v
	}
	return out
}
