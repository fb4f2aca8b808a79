package state

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

// Receipt is what is recorded in the transaction of an effect: the task that it belongs to, and the claim of the request
// that asked for it. A task that never was given a version is none, and the claim may be nil. A task that came by an alias
// is recorded only while the alias is as By says: no write that is recorded after a flip goes to the alias's old target,
// however far behind its gateway is.
type Receipt struct {
	Task  task.Record
	Claim *Claim
	By    *AliasAt
}

// Effect is a client whose writes are recorded together with a receipt: both are there or neither, so that nobody finds an
// effect without its task, and a request that is sent again finds what the first one came to. Its writes fail with ErrHeld
// when another request has the idempotency key, and with ErrAliasMoved when the receipt's alias has changed.
type Effect struct {
	client  *Client
	receipt Receipt
}

// With returns the writes that take a receipt.
func (c *Client) With(r Receipt) Effect { return Effect{c, r} }

// receiptOps is how many operations a receipt adds to a transaction.
const receiptOps = 2

// commitWith runs a transaction that also records a receipt. Its task must be new.
func (c *Client) commitWith(
	ctx context.Context, what string, r Receipt, ifs []clientv3.Cmp, then, otherwise []clientv3.Op,
) (*clientv3.TxnResponse, error) {
	if r.Task.V == 0 {
		return c.commitClaimed(ctx, what, r.Claim, ifs, then, otherwise)
	}
	open, done := c.key(familyOpen, uidKey(r.Task.UID)), c.key(familyDone, uidKey(r.Task.UID))
	key := open
	if r.Task.Done() {
		key = done
	}
	op, err := putOp(key, r.Task)
	if err != nil {
		return nil, err
	}
	return c.commitBy(ctx, what, r, append(ifs, absent(open), absent(done)), append(then, op), otherwise)
}

// commitBy runs a transaction with the claim of a receipt, while its alias is as it says.
func (c *Client) commitBy(
	ctx context.Context, what string, r Receipt, ifs []clientv3.Cmp, then, otherwise []clientv3.Op,
) (*clientv3.TxnResponse, error) {
	if r.By != nil {
		ifs = append(ifs, unchanged(c.key(routing.FamilyAliases, r.By.Name), r.By.Revision))
	}
	res, err := c.commitClaimed(ctx, what, r.Claim, ifs, then, otherwise)
	if err != nil || res.Succeeded || r.By == nil {
		return res, err
	}
	switch _, revision, err := c.Alias(ctx, r.By.Name); {
	case err != nil && !errors.Is(err, ErrNotFound):
		return nil, err
	case revision != r.By.Revision:
		return nil, fmt.Errorf("%s: %w", what, ErrAliasMoved)
	}
	return res, nil
}
