package state

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/routing"
)

// Miss is what copies missed.
type Miss struct {
	From   hlc.Stamp // of the write; 0 when nobody knows
	Whole  bool      // the copy may lack anything, not only what was written since
	Reason string
}

// Mark is a dirty marker as it stands in the store.
type Mark struct {
	Shard    int
	Node     string
	Revision int64 // grows with every miss
	Record   routing.DirtyRecord
	value    string
}

func (c *Client) dirtyKey(physical string, shard int, node string) string {
	return c.key(routing.FamilyDirty, physical, "/", strconv.Itoa(shard), "/", node)
}

// Marks lists the dirty markers of an index as the store has them now, not a cache.
func (c *Client) Marks(ctx context.Context, physical string) ([]Mark, error) {
	ctx, cancel := context.WithTimeout(ctx, c.op)
	defer cancel()
	prefix := c.key(routing.FamilyDirty, physical, "/")
	res, err := c.etcd.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, unavailable("list dirty markers", err)
	}
	marks := make([]Mark, 0, len(res.Kvs))
	for _, kv := range res.Kvs {
		number, node, ok := strings.Cut(string(kv.Key[len(prefix):]), "/")
		shard, err := strconv.Atoi(number)
		if err != nil || !ok {
			continue // nothing that this program wrote
		}
		rec, err := routing.Decode[routing.DirtyRecord](kv.Value)
		if err != nil {
			return nil, err
		}
		marks = append(marks, Mark{shard, node, kv.ModRevision, rec, string(kv.Value)})
	}
	return marks, nil
}

// MarkDirty records that a node's copies of the shards missed a write, before the answer to that write leaves (WQ-6). A
// marker that is there already keeps its earliest stamp, and gets a new revision.
func (c *Client) MarkDirty(ctx context.Context, physical, node string, shards []int, miss Miss) error {
	for {
		marks, err := c.Marks(ctx, physical)
		if err != nil {
			return err
		}
		done, err := c.putMarks(ctx, physical, markings(node, shards), miss, marks)
		if err != nil || done {
			return err
		}
	}
}

// marking is one copy to mark.
type marking struct {
	shard int
	node  string
}

func markings(node string, shards []int) []marking {
	list := make([]marking, len(shards))
	for i, s := range shards {
		list[i] = marking{s, node}
	}
	return list
}

// putMarks marks copies, unless markers have changed meanwhile. Marking one that stays as it is is no change.
func (c *Client) putMarks(ctx context.Context, physical string, list []marking, miss Miss, have []Mark) (done bool, err error) {
	known := map[marking]Mark{}
	for _, m := range have {
		known[marking{m.Shard, m.Node}] = m
	}
	now := time.Now().UTC()
	for len(list) > 0 {
		n := min(len(list), maxTxnOps/2)
		var cmps []clientv3.Cmp
		var ops []clientv3.Op
		for _, m := range list[:n] {
			key := c.dirtyKey(physical, m.shard, m.node)
			old, there := known[m]
			rec := routing.DirtyRecord{V: routing.Version, Since: now, From: miss.From, Whole: miss.Whole, Reason: miss.Reason}
			cmp := absent(key)
			if there {
				cmp = clientv3.Compare(clientv3.Value(key), "=", old.value)
				rec.Since, rec.Reason, rec.Whole = old.Record.Since, old.Record.Reason, miss.Whole || old.Record.Whole
				rec.From = min(miss.From, old.Record.From)
			}
			op, err := putOp(key, rec)
			if err != nil {
				return false, err
			}
			cmps, ops = append(cmps, cmp), append(ops, op)
		}
		res, err := c.commit(ctx, "mark dirty", cmps, ops, nil)
		if err != nil || !res.Succeeded {
			return false, err
		}
		list = list[n:]
	}
	return true, nil
}

// ClearDirty takes the markers of a node's copies away, if none of them has got a new revision and the leadership holds.
// marks has the expected revision by shard. It returns the shards that stay dirty, in no order.
func (l *Leadership) ClearDirty(ctx context.Context, physical, node string, marks map[int]int64) (left []int, err error) {
	for shard, revision := range marks {
		key := l.client.dirtyKey(physical, shard, node)
		res, err := l.client.commit(ctx, "clear dirty", []clientv3.Cmp{l.guard(), unchanged(key, revision)},
			[]clientv3.Op{clientv3.OpDelete(key)}, []clientv3.Op{clientv3.OpGet(l.key), clientv3.OpGet(key)})
		if err != nil {
			return nil, err
		}
		if res.Succeeded {
			continue
		}
		if kvs := res.Responses[0].GetResponseRange().Kvs; len(kvs) == 0 || kvs[0].CreateRevision != l.revision {
			return nil, fmt.Errorf("clear dirty: %w", ErrLostLeadership)
		}
		if len(res.Responses[1].GetResponseRange().Kvs) > 0 { // else an earlier attempt did it
			left = append(left, shard)
		}
	}
	return left, nil
}
