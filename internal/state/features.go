package state

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/internal/routing"
)

// Features reads the experimental features from the store itself, not from a cache, with the revision of their record: 0
// when there is none, which means that all are off.
func (c *Client) Features(ctx context.Context) (rec routing.FeaturesRecord, revision int64, err error) {
	value, revision, err := c.get(ctx, c.key(routing.KeyFeatures))
	if errors.Is(err, ErrNotFound) {
		return routing.FeaturesRecord{V: routing.Version}, 0, nil
	}
	if err != nil {
		return rec, 0, err
	}
	rec, err = routing.Decode[routing.FeaturesRecord](value)
	return rec, revision, err
}

// PutFeatures replaces the record of the experimental features while it has the expected revision (0: while there is none),
// and returns the new revision. ErrConflict otherwise.
func (c *Client) PutFeatures(ctx context.Context, rec routing.FeaturesRecord, expected int64) (revision int64, err error) {
	key := c.key(routing.KeyFeatures)
	op, err := putOp(key, rec)
	if err != nil {
		return 0, err
	}
	cmp := absent(key)
	if expected > 0 {
		cmp = unchanged(key, expected)
	}
	res, err := c.commit(ctx, "put features", []clientv3.Cmp{cmp}, []clientv3.Op{op}, nil)
	if err != nil {
		return 0, err
	}
	if !res.Succeeded {
		return 0, fmt.Errorf("put features: %w", ErrConflict)
	}
	return res.Header.Revision, nil
}
