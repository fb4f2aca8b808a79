package state

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Session is a lease that is kept alive until Close. Keys put through it vanish with it.
type Session struct {
	client  *Client
	lease   clientv3.LeaseID
	done    chan struct{}
	stop    context.CancelFunc
	renewed atomic.Int64
}

// NewSession grants a lease of the given time to live, rounded up to seconds, and renews it every third of that.
func (c *Client) NewSession(ctx context.Context, ttl time.Duration) (*Session, error) {
	op, cancel := context.WithTimeout(ctx, c.op)
	defer cancel()
	grant, err := c.etcd.Grant(op, int64((ttl+time.Second-1)/time.Second))
	if err != nil {
		return nil, unavailable("grant lease", err)
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Session{client: c, lease: grant.ID, done: make(chan struct{}), stop: stop}
	s.renewed.Store(time.Now().UnixNano())
	alive, err := c.etcd.KeepAlive(life, grant.ID)
	if err != nil {
		stop()
		return nil, unavailable("keep lease", err)
	}
	go func() {
		defer close(s.done)
		for range alive {
			s.renewed.Store(time.Now().UnixNano())
		}
	}()
	return s, nil
}

// Done is closed when the lease is lost or the session closed. A lost session does not come back: open another one.
func (s *Session) Done() <-chan struct{} { return s.done }

// Renewed is when the lease was last known to be alive.
func (s *Session) Renewed() time.Time { return time.Unix(0, s.renewed.Load()) }

// Close revokes the lease, so that its keys vanish at once.
func (s *Session) Close(ctx context.Context) error {
	op, cancel := context.WithTimeout(ctx, s.client.op)
	defer cancel()
	_, err := s.client.etcd.Revoke(op, s.lease)
	s.stop()
	<-s.done
	return unavailable("revoke lease", err)
}

// Put writes a record under a key below the cluster's root, bound to the session.
func (s *Session) Put(ctx context.Context, key string, record any) error {
	op, err := putOp(s.client.key(key), record, clientv3.WithLease(s.lease))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.client.op)
	defer cancel()
	if _, err := s.client.etcd.Do(ctx, op); err != nil {
		return unavailable(fmt.Sprintf("put %s", key), err)
	}
	return nil
}
