package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/internal/task"
)

const (
	familyTasks = "tasks/"
	familyOpen  = "tasks/open/"
	familyDone  = "tasks/done/"
)

// uidKey pads a uid to ten digits, so that keys sort as uids do.
func uidKey(uid uint32) string { return fmt.Sprintf("%010d", uid) }

// CreateTask records a new task, open or already final. A uid is written once: ErrConflict when it exists.
func (c *Client) CreateTask(ctx context.Context, r task.Record) error {
	return c.RecordTask(ctx, Receipt{Task: r})
}

// RecordTask is CreateTask with the claim of the request that asked for the task. ErrHeld when another request has its
// idempotency key, ErrAliasMoved when the alias by which it came stands for something else.
func (c *Client) RecordTask(ctx context.Context, r Receipt) error {
	r.Task.V = task.Version
	res, err := c.commitWith(ctx, "create task", r, nil, nil, nil)
	if err == nil && !res.Succeeded {
		return fmt.Errorf("create task %d: %w", r.Task.UID, ErrConflict)
	}
	return err
}

// UpdateTask rewrites an open task. ErrConflict when it is no longer open.
func (c *Client) UpdateTask(ctx context.Context, r task.Record) error {
	return c.ResumeTask(ctx, Receipt{Task: r})
}

// ResumeTask is UpdateTask with the claim of the request that goes on with the task. ErrHeld when another request has its
// idempotency key, ErrAliasMoved as RecordTask.
func (c *Client) ResumeTask(ctx context.Context, r Receipt) error {
	r.Task.V = task.Version
	key := c.key(familyOpen, uidKey(r.Task.UID))
	op, err := putOp(key, r.Task)
	if err != nil {
		return err
	}
	res, err := c.commitBy(ctx, "update task", r, []clientv3.Cmp{present(key)}, []clientv3.Op{op}, nil)
	if err == nil && !res.Succeeded {
		return fmt.Errorf("update task %d: %w", r.Task.UID, ErrConflict)
	}
	return err
}

// AmendTask changes an open task by compare-and-swap; change may be called again with a newer record. ErrNotFound when it
// is no longer open.
func (c *Client) AmendTask(ctx context.Context, uid uint32, change func(*task.Record)) (task.Record, error) {
	return c.amendTask(ctx, familyOpen, uid, change)
}

// AmendDoneTask is AmendTask for a finished task.
func (c *Client) AmendDoneTask(ctx context.Context, uid uint32, change func(*task.Record)) (task.Record, error) {
	return c.amendTask(ctx, familyDone, uid, change)
}

func (c *Client) amendTask(ctx context.Context, family string, uid uint32, change func(*task.Record)) (task.Record, error) {
	return amend(ctx, c, c.key(family, uidKey(uid)),
		func(value []byte) (r task.Record, err error) {
			if err = json.Unmarshal(value, &r); err != nil {
				err = fmt.Errorf("decode task %d: %w", uid, err)
			}
			return r, err
		},
		func(r *task.Record) error {
			change(r)
			return nil
		})
}

// FinishTask moves a final record from the open to the finished tasks in one transaction. finished is false when
// someone else did it before.
func (c *Client) FinishTask(ctx context.Context, r task.Record) (finished bool, err error) {
	if !r.Done() {
		return false, fmt.Errorf("finish task %d: status %s is not final", r.UID, r.Status)
	}
	r.V = task.Version
	open := c.key(familyOpen, uidKey(r.UID))
	put, err := putOp(c.key(familyDone, uidKey(r.UID)), r)
	if err != nil {
		return false, err
	}
	res, err := c.commit(ctx, "finish task", []clientv3.Cmp{present(open)}, []clientv3.Op{clientv3.OpDelete(open), put}, nil)
	if err != nil {
		return false, err
	}
	return res.Succeeded, nil
}

// ForgetTask removes a task that no node took: it never was one for the client. The idempotency key of its request,
// if it had one, is new again.
func (c *Client) ForgetTask(ctx context.Context, uid uint32, claim *Claim) error {
	// A coordinator may have given it up already.
	ops := []clientv3.Op{clientv3.OpDelete(c.key(familyOpen, uidKey(uid))), clientv3.OpDelete(c.key(familyDone, uidKey(uid)))}
	if claim.Committed() {
		ops = append(ops, clientv3.OpDelete(c.key(FamilyIdempotency, claim.Key)))
	}
	_, err := c.commit(ctx, "forget task", nil, ops, nil)
	return err
}

// Task reads a task from the store itself, not from a cache.
func (c *Client) Task(ctx context.Context, uid uint32) (task.Record, error) {
	var r task.Record
	value, _, err := c.get(ctx, c.key(familyDone, uidKey(uid)))
	if errors.Is(err, ErrNotFound) {
		value, _, err = c.get(ctx, c.key(familyOpen, uidKey(uid)))
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(value, &r); err != nil {
		return r, fmt.Errorf("decode task %d: %w", uid, err)
	}
	return r, nil
}

// DeleteTasks forgets finished tasks; uids that are open or unknown are left alone.
func (c *Client) DeleteTasks(ctx context.Context, uids []uint32) error {
	for len(uids) > 0 {
		n := min(len(uids), maxTxnOps)
		ops := make([]clientv3.Op, n)
		for i, uid := range uids[:n] {
			ops[i] = clientv3.OpDelete(c.key(familyDone, uidKey(uid)))
		}
		if _, err := c.commit(ctx, "delete tasks", nil, ops, nil); err != nil {
			return err
		}
		uids = uids[n:]
	}
	return nil
}
