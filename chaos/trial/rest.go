package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miroir-search/miroir/chaos/history"
	"github.com/miroir-search/miroir/chaos/workload"
	"github.com/miroir-search/miroir/e2e/inside"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// restTime is how long a cluster may take to come to rest after the last fault, on a busy machine: a lease that ends, repairs,
// and the two minutes after which a write of which nobody knows what became of it can not come any more.
const restTime = 5 * time.Minute

// settle waits until the cluster is at rest, and reads every copy and what clients see.
func (c *Cluster) settle(ctx context.Context, client *workload.Client, run *history.Run) {
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	in, err := c.rest(ctx, client)
	if err == nil {
		run.Copies, err = copies(in, client.Index)
	}
	if err != nil {
		run.Unsettled = err.Error()
		return
	}
	// Nothing happens any more, so these are judged most strictly.
	last := []history.Op{{Kind: history.List}, {Kind: history.Search}}
	for _, id := range workload.IDs() {
		last = append(last, history.Op{Kind: history.Get, IDs: []string{id}})
	}
	for n, o := range last {
		o.Number, o.Client = int64(-1-n), -1
		o = client.Do(o)
		if o.Outcome != history.Acknowledged {
			run.Unsettled = fmt.Sprintf("%s at rest: %d %s %s", o.Kind, o.Status, o.Code, o.Message)
			return
		}
		run.Last = append(run.Last, o)
	}
}

// rest waits until all processes run, all tasks have ended, no copy is dirty and no engine has anything to do.
func (c *Cluster) rest(ctx context.Context, client *workload.Client) (*inside.Inside, error) {
	var in *inside.Inside
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := c.busy(ctx, &in, client)
		if err == nil {
			return in, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// busy says what keeps the cluster from being at rest.
func (c *Cluster) busy(ctx context.Context, in **inside.Inside, client *workload.Client) error {
	if down := c.down(); len(down) > 0 {
		return errors.Join(fmt.Errorf("%s do not run", strings.Join(down, ", ")), c.Revive())
	}
	if *in == nil {
		// Looked at from now on: an older watch may not have heard of everything yet.
		fresh, err := inside.Look(ctx, c)
		if err != nil {
			return err
		}
		*in = fresh
	}
	if open := client.Log.Open(); len(open) > 0 {
		return fmt.Errorf("%d tasks have not ended, %d the first", len(open), open[0]-1)
	}
	if err := client.Unended(); err != nil {
		return err
	}
	return errors.Join((*in).Clean(), (*in).Idle(), (*in).Clean())
}

// copies reads every copy of every shard of an index at its engine.
func copies(in *inside.Inside, index string) (all []history.Copy, err error) {
	v := in.View()
	ix, ok := v.Indexes[index]
	if !ok {
		return nil, fmt.Errorf("the index %s is gone", index)
	}
	for _, shards := range ix.Placement.Groups {
		for shard, where := range shards {
			for _, at := range where {
				c, err := readCopy(in, ix.Physical, shard, at.Node)
				if err != nil {
					return nil, err
				}
				all = append(all, c)
			}
		}
	}
	return all, nil
}

func readCopy(in *inside.Inside, physical string, shard int, node string) (history.Copy, error) {
	c := history.Copy{Shard: shard, Node: node, Docs: map[string]history.Document{}, Raw: map[string]string{}}
	docs, err := in.Documents(node, physical, shard)
	if err != nil {
		return c, err
	}
	for id, raw := range docs {
		// The engine keeps members in the order of its first write of them, so two copies may differ in it.
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			return c, err
		}
		sorted, err := json.Marshal(members)
		if err != nil {
			return c, err
		}
		c.Raw[id] = string(sorted)
		delete(members, nodeapi.FieldShard)
		delete(members, nodeapi.FieldUpdatedAt)
		public, err := json.Marshal(members)
		if err != nil {
			return c, err
		}
		if _, c.Docs[id], err = workload.ReadDocument(public); err != nil {
			return c, err
		}
	}
	return c, nil
}
