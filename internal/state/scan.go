package state

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// listPage bounds one page of a list, so that a large family does not exceed a message.
const listPage = 2000

// scan visits all keys that start with a full prefix, ascending, as they were at a revision; 0 is the newest one. It
// returns the revision.
func (c *Client) scan(ctx context.Context, prefix string, revision int64, visit func(*mvccpb.KeyValue) error) (int64, error) {
	end := clientv3.GetPrefixRangeEnd(prefix)
	for from := prefix; ; {
		opts := []clientv3.OpOption{clientv3.WithRange(end), clientv3.WithLimit(listPage)}
		if revision > 0 {
			opts = append(opts, clientv3.WithRev(revision))
		}
		op, cancel := context.WithTimeout(ctx, 5*c.op)
		res, err := c.etcd.Get(op, from, opts...)
		cancel()
		if err != nil {
			return 0, unavailable("list", err)
		}
		if revision == 0 {
			revision = res.Header.Revision
		}
		for _, kv := range res.Kvs {
			if err := visit(kv); err != nil {
				return 0, err
			}
		}
		if !res.More {
			return revision, nil
		}
		from = string(res.Kvs[len(res.Kvs)-1].Key) + "\x00"
	}
}

// each visits the records of a family, by their names below it.
func (c *Client) each(ctx context.Context, family string, visit func(name string, value []byte) error) error {
	prefix := c.key(family)
	_, err := c.scan(ctx, prefix, 0, func(kv *mvccpb.KeyValue) error { return visit(string(kv.Key[len(prefix):]), kv.Value) })
	return err
}
