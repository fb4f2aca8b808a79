package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/webhook"
)

const (
	familyWebhooks       = "webhooks/"
	familyWebhookCursors = "webhook_cursors/"
)

// CreateWebhook records a new webhook. ErrConflict when there are as many as there can be.
func (e Effect) CreateWebhook(ctx context.Context, r webhook.Record) error {
	c := e.client
	name := c.key(familyWebhooks, r.UUID)
	op, err := putOp(name, r)
	if err != nil {
		return err
	}
	for {
		set, revision, err := c.webhooks(ctx)
		if err != nil {
			return err
		}
		if set.Full() {
			return fmt.Errorf("create webhook: %w", ErrConflict)
		}
		// Holds while none was made or changed since they were counted.
		same := clientv3.Compare(clientv3.ModRevision(c.key(familyWebhooks)).WithPrefix(), "<", revision+1)
		res, err := c.commitClaimed(ctx, "create webhook", e.receipt.Claim, []clientv3.Cmp{absent(name), same}, []clientv3.Op{op}, nil)
		if err != nil || res.Succeeded {
			return err
		}
	}
}

// UpdateWebhook changes a webhook by compare-and-swap; change may be called again with a newer record, and may complete the
// claim. What it fails with is returned. ErrNotFound when there is no such webhook.
func (e Effect) UpdateWebhook(ctx context.Context, uuid string, change func(*webhook.Record) error) (webhook.Record, error) {
	return amendClaimed(ctx, e.client, e.client.key(familyWebhooks, uuid), e.receipt.Claim,
		func(value []byte) (webhook.Record, error) { return webhook.Decode(uuid, value) }, change)
}

// DeleteWebhook forgets a webhook and what it was told. ErrNotFound when there is no such webhook.
func (e Effect) DeleteWebhook(ctx context.Context, uuid string) error {
	c := e.client
	name := c.key(familyWebhooks, uuid)
	ops := []clientv3.Op{clientv3.OpDelete(name), clientv3.OpDelete(c.key(familyWebhookCursors, uuid))}
	res, err := c.commitClaimed(ctx, "delete webhook", e.receipt.Claim, []clientv3.Cmp{present(name)}, ops, nil)
	if err == nil && !res.Succeeded {
		return fmt.Errorf("delete webhook: %w", ErrNotFound)
	}
	return err
}

// Webhook reads a webhook from the store itself, not from a cache.
func (c *Client) Webhook(ctx context.Context, uuid string) (webhook.Record, error) {
	value, _, err := c.get(ctx, c.key(familyWebhooks, uuid))
	if err != nil {
		return webhook.Record{}, err
	}
	return webhook.Decode(uuid, value)
}

// Webhooks reads all webhooks from the store itself. A record that can not be read is an error.
func (c *Client) Webhooks(ctx context.Context) (*webhook.Set, error) {
	set, _, err := c.webhooks(ctx)
	return set, err
}

func (c *Client) webhooks(ctx context.Context) (*webhook.Set, int64, error) {
	records := map[string]*webhook.Record{}
	prefix := c.key(familyWebhooks)
	revision, err := c.scan(ctx, prefix, 0, func(kv *mvccpb.KeyValue) error {
		uuid := string(kv.Key[len(prefix):])
		r, err := webhook.Decode(uuid, kv.Value)
		r.Born = kv.CreateRevision
		records[uuid] = &r
		return err
	})
	return webhook.NewSet(records), revision, err
}

// PutCommandWebhook makes the webhook of the command line: by change, which may be called again. nil removes it.
func (l *Leadership) PutCommandWebhook(ctx context.Context, change func(*webhook.Record) error) error {
	c := l.client
	name := c.key(familyWebhooks, meili.CommandWebhook)
	for {
		value, revision, err := c.get(ctx, name)
		r := webhook.Record{UUID: meili.CommandWebhook}
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return err
		default:
			if r, err = webhook.Decode(r.UUID, value); err != nil {
				return err
			}
		}
		if change == nil {
			_, err := c.commit(ctx, "remove webhook of the command line", []clientv3.Cmp{l.guard()}, []clientv3.Op{
				clientv3.OpDelete(name), clientv3.OpDelete(c.key(familyWebhookCursors, meili.CommandWebhook)),
			}, nil)
			return err
		}
		before := r
		if err := change(&r); err != nil || r == before {
			return err
		}
		op, err := putOp(name, r)
		if err != nil {
			return err
		}
		written, err := l.write(ctx, "put webhook of the command line", sameAs(name, revision), op)
		if err != nil || written > 0 {
			return err
		}
	}
}

// WebhookCursor reads what a webhook was told. ErrNotFound when it was told nothing yet.
func (c *Client) WebhookCursor(ctx context.Context, uuid string) (webhook.Cursor, error) {
	var r webhook.Cursor
	value, _, err := c.get(ctx, c.key(familyWebhookCursors, uuid))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(value, &r); err != nil || r.V != webhook.Version {
		return r, fmt.Errorf("decode cursor of webhook, version %d: %w", r.V, errors.Join(ErrUnavailable, err))
	}
	return r, nil
}

// PutWebhookCursor records what a webhook was told, while this leadership holds: ErrLostLeadership otherwise. ErrNotFound when
// the webhook is gone.
func (l *Leadership) PutWebhookCursor(ctx context.Context, uuid string, r webhook.Cursor) error {
	r.V = webhook.Version
	op, err := putOp(l.client.key(familyWebhookCursors, uuid), r)
	if err != nil {
		return err
	}
	revision, err := l.write(ctx, "put cursor of webhook", present(l.client.key(familyWebhooks, uuid)), op)
	if err == nil && revision == 0 {
		return fmt.Errorf("put cursor of webhook: %w", ErrNotFound)
	}
	return err
}

// AmendWebhook is Effect.UpdateWebhook without a receipt.
func (c *Client) AmendWebhook(ctx context.Context, uuid string, change func(*webhook.Record) error) (webhook.Record, error) {
	return c.With(Receipt{}).UpdateWebhook(ctx, uuid, change)
}
