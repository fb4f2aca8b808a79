package state

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/internal/routing"
)

// EnsureCluster creates the schema, cluster and group records that do not exist yet. Existing ones win over the arguments
// (CF-10).
func (c *Client) EnsureCluster(ctx context.Context, cluster routing.ClusterRecord, groups []routing.GroupRecord) error {
	schema := SchemaRecord{V: routing.Version, Version: SchemaVersion, MinReader: SchemaVersion, UpgradedAt: time.Now().UTC()}
	if err := c.createIfAbsent(ctx, c.key(KeySchema), schema); err != nil {
		return err
	}
	if err := c.createIfAbsent(ctx, c.key(routing.KeyCluster), cluster); err != nil {
		return err
	}
	for _, g := range groups {
		if err := c.createIfAbsent(ctx, c.key(routing.FamilyGroups, strconv.Itoa(g.ID)), g); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) createIfAbsent(ctx context.Context, key string, record any) error {
	op, err := putOp(key, record)
	if err != nil {
		return err
	}
	_, err = c.commit(ctx, "create record", []clientv3.Cmp{absent(key)}, []clientv3.Op{op}, nil)
	return err
}

// RegisterNode makes a node known: a new id becomes a joining node, a known one gets its current address and engine
// version. An id that was removed, or stands in another group, is ErrConflict.
func (c *Client) RegisterNode(ctx context.Context, want routing.NodeRecord) (routing.NodeRecord, error) {
	for {
		rec, cmp, err := c.readNode(ctx, want.ID)
		switch {
		case errors.Is(err, ErrNotFound):
			rec = want
			rec.V, rec.State, rec.Since = routing.Version, routing.NodeJoining, time.Now().UTC()
		case err != nil:
			return rec, err
		case rec.State == routing.NodeRemoved:
			return rec, fmt.Errorf("node %s was removed, its id is not used again: %w", want.ID, ErrConflict)
		case rec.ReplicaGroup != want.ReplicaGroup:
			return rec, fmt.Errorf("node %s belongs to group %d: %w", want.ID, rec.ReplicaGroup, ErrConflict)
		case rec.Address == want.Address && rec.EngineVersion == want.EngineVersion:
			return rec, nil
		default:
			rec.Address, rec.EngineVersion = want.Address, want.EngineVersion
		}
		done, err := c.writeIf(ctx, c.key(routing.FamilyNodes, want.ID), rec, cmp)
		if err != nil || done {
			return rec, err
		}
	}
}

// AdmitNode moves a joining node to active. A node in another state is left as it is.
func (c *Client) AdmitNode(ctx context.Context, id string) error {
	for {
		rec, cmp, err := c.readNode(ctx, id)
		if err != nil {
			return err
		}
		if rec.State != routing.NodeJoining {
			return nil
		}
		rec.State, rec.Since = routing.NodeActive, time.Now().UTC()
		done, err := c.writeIf(ctx, c.key(routing.FamilyNodes, id), rec, cmp)
		if err != nil || done {
			return err
		}
	}
}

func (c *Client) readNode(ctx context.Context, id string) (routing.NodeRecord, clientv3.Cmp, error) {
	key := c.key(routing.FamilyNodes, id)
	value, rev, err := c.get(ctx, key)
	if err != nil {
		return routing.NodeRecord{}, absent(key), err
	}
	rec, err := routing.Decode[routing.NodeRecord](value)
	return rec, unchanged(key, rev), err
}

// writeIf puts the record when the comparison holds; done is false when it does not.
func (c *Client) writeIf(ctx context.Context, key string, record any, cmp clientv3.Cmp) (done bool, err error) {
	return c.writeClaimed(ctx, key, record, cmp, nil)
}

// writeClaimed is writeIf with the claim of the request that asks for it.
func (c *Client) writeClaimed(ctx context.Context, key string, record any, cmp clientv3.Cmp, claim *Claim) (done bool, err error) {
	op, err := putOp(key, record)
	if err != nil {
		return false, err
	}
	res, err := c.commitClaimed(ctx, "write record", claim, []clientv3.Cmp{cmp}, []clientv3.Op{op}, nil)
	if err != nil {
		return false, err
	}
	return res.Succeeded, nil
}

// maxTxnOps bounds the operations of one transaction (ET-1).
const maxTxnOps = 100
