package state

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/internal/key"
)

const familyKeys = "keys/"

// CreateKey records a new API key. A uid is used once: ErrConflict when it exists.
func (c *Client) CreateKey(ctx context.Context, r key.Record) error {
	return c.With(Receipt{}).CreateKey(ctx, r)
}

// CreateKey is Client.CreateKey.
func (e Effect) CreateKey(ctx context.Context, r key.Record) error {
	c, claim := e.client, e.receipt.Claim
	name := c.key(familyKeys, r.UID)
	done, err := c.writeClaimed(ctx, name, r, absent(name), claim)
	if err == nil && !done {
		return fmt.Errorf("create key: %w", ErrConflict)
	}
	return err
}

// Key reads an API key from the store itself, not from a cache.
func (c *Client) Key(ctx context.Context, uid string) (key.Record, error) {
	value, _, err := c.get(ctx, c.key(familyKeys, uid))
	if err != nil {
		return key.Record{}, err
	}
	return key.Decode(uid, value)
}

// UpdateKey changes an API key by compare-and-swap; change may be called again with a newer record. ErrNotFound when
// there is no such key.
func (c *Client) UpdateKey(ctx context.Context, uid string, change func(*key.Record)) (key.Record, error) {
	return c.With(Receipt{}).UpdateKey(ctx, uid, change)
}

// UpdateKey is Client.UpdateKey. change may complete the claim.
func (e Effect) UpdateKey(ctx context.Context, uid string, change func(*key.Record)) (key.Record, error) {
	c, claim := e.client, e.receipt.Claim
	return amendClaimed(ctx, c, c.key(familyKeys, uid), claim,
		func(value []byte) (key.Record, error) { return key.Decode(uid, value) },
		func(r *key.Record) error {
			change(r)
			return nil
		})
}

// DeleteKey forgets an API key. ErrNotFound when there is no such key.
func (c *Client) DeleteKey(ctx context.Context, uid string) error {
	return c.With(Receipt{}).DeleteKey(ctx, uid)
}

// DeleteKey is Client.DeleteKey.
func (e Effect) DeleteKey(ctx context.Context, uid string) error {
	c, claim := e.client, e.receipt.Claim
	name := c.key(familyKeys, uid)
	res, err := c.commitClaimed(ctx, "delete key", claim, []clientv3.Cmp{present(name)}, []clientv3.Op{clientv3.OpDelete(name)}, nil)
	if err == nil && !res.Succeeded {
		return fmt.Errorf("delete key: %w", ErrNotFound)
	}
	return err
}

// FoundKeys records the first API keys of a cluster in one transaction. created is false when there are keys already.
func (c *Client) FoundKeys(ctx context.Context, first []key.Record) (created bool, err error) {
	ops := make([]clientv3.Op, len(first))
	for i, r := range first {
		if ops[i], err = putOp(c.key(familyKeys, r.UID), r); err != nil {
			return false, err
		}
	}
	// A comparison of a whole range holds when it holds for every key, and of no key at all, as for an absent one.
	none := clientv3.Compare(clientv3.CreateRevision(c.key(familyKeys)).WithPrefix(), "=", 0)
	res, err := c.commit(ctx, "found keys", []clientv3.Cmp{none}, ops, nil)
	return err == nil && res.Succeeded, err
}
