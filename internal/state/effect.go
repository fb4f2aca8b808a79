package state

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/internal/task"
)

// Receipt is what is recorded in the transaction of an effect: the task that it belongs to, and the claim of the request
// that asked for it. A task that never was given a version is none, and the claim may be nil.
type Receipt struct {
	Task  task.Record
	Claim *Claim
}

// Effect is a client whose writes are recorded together with a receipt: both are there or neither, so that nobody finds an
// effect without its task, and a request that is sent again finds what the first one came to. Its writes fail with ErrHeld
// when another request has the idempotency key.
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
	return c.commitClaimed(ctx, what, r.Claim, append(ifs, absent(open), absent(done)), append(then, op), otherwise)
}
