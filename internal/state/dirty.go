package state

import (
	"cmp"
	"context"
	"fmt"
	"slices"
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
	Placed bool      // counts only while the index is placed: marking it is ErrNotFound otherwise
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

// MarkDirty records that a node's copies of the shards missed a write, or may have. A marker that is there already keeps
// its earliest stamp, and gets a new revision.
func (c *Client) MarkDirty(ctx context.Context, physical, node string, shards []int, miss Miss) error {
	return c.MarkMissed(ctx, physical, miss, func(DirtyFunc) Marking { return Marking{Nodes: map[string][]int{node: shards}} })
}

// DirtyFunc says whether a copy is marked.
type DirtyFunc func(shard int, node string) bool

// Marking is what a judge of dirty copies decides.
type Marking struct {
	Nodes map[string][]int // node → shards to mark
	Keep  map[int]string   // shard → node whose copy must not be marked for the others to be
}

// MarkFunc finds the marker of a copy.
type MarkFunc func(shard int, node string) (rec routing.DirtyRecord, dirty bool)

// MarkMissed records which copies missed a write, before the answer to that write leaves (WQ-6). judge decides by the
// markers that are there; it is called again when they change before its decision is written.
func (c *Client) MarkMissed(ctx context.Context, physical string, miss Miss, judge func(DirtyFunc) Marking) error {
	return c.MarkBy(ctx, physical, miss, func(mark MarkFunc) Marking {
		return judge(func(shard int, node string) bool { _, dirty := mark(shard, node); return dirty })
	})
}

// MarkBy is MarkMissed for a judge that goes by what the markers say.
func (c *Client) MarkBy(ctx context.Context, physical string, miss Miss, judge func(MarkFunc) Marking) error {
	for {
		if miss.Placed {
			if _, _, err := c.get(ctx, c.key(routing.FamilyPlacement, physical)); err != nil {
				return err
			}
		}
		have, err := c.Marks(ctx, physical)
		if err != nil {
			return err
		}
		known := make(map[copyKey]Mark, len(have))
		for _, m := range have {
			known[copyKey{m.Shard, m.Node}] = m
		}
		decided := judge(func(shard int, node string) (routing.DirtyRecord, bool) {
			m, dirty := known[copyKey{shard, node}]
			return m.Record, dirty
		})
		done, err := c.putMarks(ctx, physical, decided, miss, known)
		if err != nil || done {
			return err
		}
	}
}

// copyKey is one copy of a shard.
type copyKey struct {
	shard int
	node  string
}

// putMarks marks copies, unless the markers that the decision rests on have changed meanwhile. Marking a copy once more
// changes nothing that others rest on.
func (c *Client) putMarks(ctx context.Context, physical string, d Marking, miss Miss, known map[copyKey]Mark) (done bool, err error) {
	var list []copyKey
	for node, shards := range d.Nodes {
		for _, s := range shards {
			list = append(list, copyKey{s, node})
		}
	}
	slices.SortFunc(list, func(a, b copyKey) int { return cmp.Or(cmp.Compare(a.shard, b.shard), cmp.Compare(a.node, b.node)) })
	now := time.Now().UTC()
	for some := range slices.Chunk(list, maxTxnOps/4) {
		var cmps []clientv3.Cmp
		var ops []clientv3.Op
		kept := map[int]bool{}
		if miss.Placed {
			cmps = append(cmps, present(c.key(routing.FamilyPlacement, physical)))
		}
		for _, m := range some {
			key := c.dirtyKey(physical, m.shard, m.node)
			if keep := d.Keep[m.shard]; keep != "" && !kept[m.shard] {
				kept[m.shard] = true
				cmps = append(cmps, absent(c.dirtyKey(physical, m.shard, keep)))
			}
			old, there := known[m]
			rec := routing.DirtyRecord{V: routing.Version, Since: now, From: miss.From, Whole: miss.Whole, Reason: miss.Reason}
			same := absent(key)
			if there {
				same = clientv3.Compare(clientv3.Value(key), "=", old.value)
				rec.Since, rec.Reason, rec.Whole = old.Record.Since, old.Record.Reason, miss.Whole || old.Record.Whole
				rec.From = min(miss.From, old.Record.From)
			}
			op, err := putOp(key, rec)
			if err != nil {
				return false, err
			}
			cmps, ops = append(cmps, same), append(ops, op)
		}
		res, err := c.commit(ctx, "mark dirty", cmps, ops, nil)
		if err != nil || !res.Succeeded {
			return false, err
		}
	}
	return true, nil
}

// Clearing is a dirty marker that may go.
type Clearing struct {
	Shard    int    `json:"shard"`
	Revision int64  `json:"revision"`         // that the marker must still have
	Source   string `json:"source,omitempty"` // node whose copy must be complete; empty: nobody's
}

// ClearDirty takes the markers of a node's copies away, those that have no new revision, and whose sources are not dirty,
// while the leadership holds. It returns the shards that stay dirty.
func (l *Leadership) ClearDirty(ctx context.Context, physical, node string, list []Clearing) (left []int, err error) {
	for _, c := range list {
		key := l.client.dirtyKey(physical, c.Shard, node)
		cmps := []clientv3.Cmp{l.guard(), unchanged(key, c.Revision)}
		if c.Source != "" {
			cmps = append(cmps, absent(l.client.dirtyKey(physical, c.Shard, c.Source)))
		}
		res, err := l.client.commit(ctx, "clear dirty", cmps, []clientv3.Op{clientv3.OpDelete(key)},
			[]clientv3.Op{clientv3.OpGet(l.key), clientv3.OpGet(key)})
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
			left = append(left, c.Shard)
		}
	}
	return left, nil
}
