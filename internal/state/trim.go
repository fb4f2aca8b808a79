package state

import (
	"context"
	"encoding/json"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// TrimIdempotency forgets the idempotency keys that were answered longest ago while there are more than most. Those whose
// request is being answered stay.
func (c *Client) TrimIdempotency(ctx context.Context, most int) (kept, dropped int, err error) {
	return c.trim(ctx, FamilyIdempotency, most, func(value []byte) bool {
		var rec Idempotency
		return json.Unmarshal(value, &rec) != nil || rec.State != IdemPending
	})
}

// TrimSessions forgets the sessions that were used longest ago while there are more than most.
func (c *Client) TrimSessions(ctx context.Context, most int) (kept, dropped int, err error) {
	return c.trim(ctx, FamilySessions, most, func([]byte) bool { return true })
}

// trim deletes the records of a family that were written longest ago while there are more than most. Records that may not go
// stay, and so do those that change meanwhile.
func (c *Client) trim(ctx context.Context, family string, most int, mayGo func(value []byte) bool) (kept, dropped int, err error) {
	prefix := c.key(family)
	count, cancel := context.WithTimeout(ctx, 5*c.op)
	defer cancel()
	res, err := c.etcd.Get(count, prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		return 0, 0, unavailable("count "+family, err)
	}
	kept = int(res.Count)
	if kept <= most {
		return kept, 0, nil
	}
	oldest := clientv3.WithSort(clientv3.SortByModRevision, clientv3.SortAscend)
	// Some of the oldest may have to stay; there are never many of those.
	list, err := c.etcd.Get(count, prefix, clientv3.WithPrefix(), oldest, clientv3.WithLimit(int64(kept-most+listPage)))
	if err != nil {
		return kept, 0, unavailable("list "+family, err)
	}
	var ifs []clientv3.Cmp
	var then []clientv3.Op
	drop := func() error {
		if len(then) == 0 {
			return nil
		}
		res, err := c.commit(ctx, "trim "+family, ifs, then, nil)
		if err == nil && res.Succeeded {
			dropped += len(then)
		}
		ifs, then = nil, nil
		return err
	}
	for _, kv := range list.Kvs {
		if dropped+len(then) >= kept-most {
			break
		}
		if !mayGo(kv.Value) {
			continue
		}
		ifs = append(ifs, unchanged(string(kv.Key), kv.ModRevision))
		if then = append(then, clientv3.OpDelete(string(kv.Key))); len(then) == maxTxnOps {
			if err := drop(); err != nil {
				return kept - dropped, dropped, err
			}
		}
	}
	err = drop()
	return kept - dropped, dropped, err
}
