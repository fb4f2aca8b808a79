package state

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// bucketsPerLife is into how many buckets the life of short-lived records is cut. Records of one family that are born in
// the same bucket share a lease, whichever process writes them.
const bucketsPerLife = 60

// leases remembers which leases of buckets are known to exist.
type leases struct {
	mu    sync.Mutex
	known map[clientv3.LeaseID]time.Time // until when
}

// bucketLease is the lease for a record of a family that is born now and shall live for ttl. The record lives a sixtieth
// longer than that at most; its exact end is a field of its own.
func (c *Client) bucketLease(ctx context.Context, family string, ttl time.Duration, now time.Time) (clientv3.LeaseID, error) {
	width := max(time.Second, ttl/bucketsPerLife)
	bucket := now.UnixNano() / int64(width)
	// The name decides the number, so that all processes find the same lease. Zero would let etcd choose.
	id := clientv3.LeaseID(xxhash.Sum64String(fmt.Sprintf("%s%s%d/%d", c.root, family, ttl, bucket))&math.MaxInt64 | 1) //nolint:gosec // masked
	c.leases.mu.Lock()
	until, known := c.leases.known[id]
	c.leases.mu.Unlock()
	if known && now.Before(until) {
		return id, nil
	}
	op, cancel := context.WithTimeout(ctx, c.op)
	defer cancel()
	seconds := int64((ttl + width + time.Second - 1) / time.Second)
	_, err := clientv3.RetryLeaseClient(c.etcd).LeaseGrant(op, &etcdserverpb.LeaseGrantRequest{TTL: seconds, ID: int64(id)})
	if err != nil && !errors.Is(rpctypes.Error(err), rpctypes.ErrLeaseExist) {
		return 0, unavailable("grant lease", err)
	}
	c.leases.mu.Lock()
	defer c.leases.mu.Unlock()
	if c.leases.known == nil || len(c.leases.known) > 4*bucketsPerLife {
		c.leases.known = map[clientv3.LeaseID]time.Time{}
	}
	c.leases.known[id] = now.Add(width)
	return id, nil
}
