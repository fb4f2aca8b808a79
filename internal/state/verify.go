package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// OpenWorkflow records a workflow that its scope's leader shall run. Whoever calls it leads nothing: it only takes the place
// of no record, or of one with the expected revision. ErrConflict otherwise.
func (c *Client) OpenWorkflow(ctx context.Context, kind, id string, record any, expected int64) error {
	key := c.key("workflows/", kind, "/", id)
	cmp := absent(key)
	if expected > 0 {
		cmp = unchanged(key, expected)
	}
	done, err := c.writeIf(ctx, key, record, cmp)
	if err == nil && !done {
		err = fmt.Errorf("open workflow %s: %w", kind, ErrConflict)
	}
	return err
}

// WorkflowChanges tells when a record of a kind may have changed, until ctx ends. Several changes may be one.
func (c *Client) WorkflowChanges(ctx context.Context, kind string) <-chan struct{} {
	changed := make(chan struct{}, 1)
	go func() {
		for ctx.Err() == nil {
			for res := range c.etcd.Watch(clientv3.WithRequireLeader(ctx), c.key("workflows/", kind, "/"), clientv3.WithPrefix()) {
				if res.Err() != nil {
					break
				}
				signalOne(changed)
			}
			signalOne(changed) // what was missed is found by looking
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}()
	return changed
}

func signalOne(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Expires says whether documents of an index have a time to live: only then an expired one may go.
func (c *Client) Expires(ctx context.Context, uid string) (bool, error) {
	value, _, err := c.get(ctx, c.key("ttl/", uid))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var policy struct {
		Enabled bool `json:"enabled"`
	}
	if err := json.Unmarshal(value, &policy); err != nil {
		return false, fmt.Errorf("decode time to live: %w", err)
	}
	return policy.Enabled, nil
}
