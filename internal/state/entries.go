package state

import (
	"context"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// Entry is one key as it stands in the store.
type Entry struct {
	Key      string // below the cluster's root
	Value    []byte
	Revision int64 // that changed it last
	Leased   bool  // it vanishes with the session that wrote it
}

// Entries visits all keys that start with a prefix, ascending, at one revision. It is for people who look at the state: what
// programs need has a method of its own.
func (c *Client) Entries(ctx context.Context, prefix string, visit func(Entry) error) error {
	_, err := c.scan(ctx, c.key(prefix), 0, func(kv *mvccpb.KeyValue) error {
		return visit(Entry{
			Key: strings.TrimPrefix(string(kv.Key), c.root), Value: kv.Value, Revision: kv.ModRevision, Leased: kv.Lease != 0,
		})
	})
	return err
}

// Usage is what the store itself needs.
type Usage struct {
	Endpoint string
	Bytes    int64 // of the database file
	Quota    int64 // at which it refuses writes, 0 when the member does not say
	Alarms   []string
}

// Usages asks every member that the client knows.
func (c *Client) Usages(ctx context.Context) ([]Usage, error) {
	var list []Usage
	for _, endpoint := range c.etcd.Endpoints() {
		op, cancel := context.WithTimeout(ctx, c.op)
		s, err := c.etcd.Status(op, endpoint)
		cancel()
		if err != nil {
			return nil, unavailable("status", err)
		}
		list = append(list, Usage{Endpoint: endpoint, Bytes: s.DbSize, Quota: s.DbSizeQuota, Alarms: s.Errors})
	}
	return list, nil
}
