package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/meilisearch/meilisearch-go"
	. "github.com/onsi/gomega"

	look "github.com/miroir-search/miroir/e2e/inside"
	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
)

// inside compares the copies of a cluster.
type inside struct{ *look.Inside }

func lookAt(ctx context.Context, cluster provider.Inspected) *inside {
	in, err := look.Look(ctx, cluster)
	Expect(err).NotTo(HaveOccurred())
	return &inside{in}
}

// documents reads one shard at one engine, by id.
func (i *inside) documents(node, physical string, shard int) (map[string]map[string]any, error) {
	raw, err := i.Documents(node, physical, shard)
	all := map[string]map[string]any{}
	for id, text := range raw {
		var d map[string]any
		err = errors.Join(err, json.Unmarshal(text, &d))
		all[id] = d
	}
	return all, err
}

// equal compares all copies of all shards with each other and with what was written; nil compares the copies only. want has
// the fields that clients see.
func (i *inside) equal(want map[string]map[string]any) error {
	if err := errors.Join(i.Clean(), i.Idle()); err != nil {
		return err
	}
	v := i.View()
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
