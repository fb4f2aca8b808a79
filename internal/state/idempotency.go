package state

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// FamilyIdempotency starts the keys of requests that came with an Idempotency-Key.
const FamilyIdempotency = "idem/"

// ErrHeld says that another request holds the idempotency key by now.
var ErrHeld = fmt.Errorf("idempotency key is held by another request: %w", ErrConflict)

// States of an Idempotency record.
const (
	IdemPending   = "pending"   // the first request is being answered
	IdemRetryable = "retryable" // it was answered with a 5xx; the next one goes on where it ended
	IdemDone      = "done"      // it was answered for good
)

// Idempotency is idem/<sha256>: what became of the first request with an idempotency key. The name is the hash of the
// credential and the key, neither of which is kept.
type Idempotency struct {
	V        int             `json:"v"`
	Request  string          `json:"request"` // hex SHA-256 of the method, the path with its query, and the body
	State    string          `json:"state"`
	Task     *uint32         `json:"task_uid,omitempty"`
	Owner    string          `json:"owner"`            // the gateway that answers, or answered
	Since    time.Time       `json:"owner_since"`      // when that gateway was started
	Deadline time.Time       `json:"deadline"`         // until when a pending request may be at work
	Status   int             `json:"status,omitempty"` // of the answer, once it is done
	Body     json.RawMessage `json:"body,omitempty"`   // of the answer, without secrets
	Expires  time.Time       `json:"expires_at"`
}

// IdempotencyVersion is the schema version of Idempotency.
const IdempotencyVersion = 1

// Claim is what a request with an idempotency key records in the transaction of its effect: either both are there or
// neither.
type Claim struct {
	Key      string // name of the record
	Record   Idempotency
	Revision int64 // of the record that the claim replaces; 0 for none. After it was committed: its own
	TTL      time.Duration
}

// Committed says whether the store has the claim. Of no claim, it has not.
func (c *Claim) Committed() bool { return c != nil && c.Record.V != 0 }

// claimOps are the parts of a transaction that record a claim.
func (c *Client) claimOps(ctx context.Context, claim *Claim, now time.Time) (clientv3.Cmp, clientv3.Op, error) {
	key := c.key(FamilyIdempotency, claim.Key)
	lease, err := c.bucketLease(ctx, FamilyIdempotency, claim.TTL, now)
	if err != nil {
		return clientv3.Cmp{}, clientv3.Op{}, err
	}
	rec := claim.Record
	rec.V, rec.Expires = IdempotencyVersion, now.Add(claim.TTL).UTC()
	op, err := putOp(key, rec, clientv3.WithLease(lease))
	return sameAs(key, claim.Revision), op, err
}

// sameAs holds while a key has a mod revision; 0 while there is none.
func sameAs(key string, revision int64) clientv3.Cmp {
	if revision == 0 {
		return absent(key)
	}
	return unchanged(key, revision)
}

// commitClaimed runs a transaction that also records a claim; nil is none. ErrHeld when the claim is what it failed for.
func (c *Client) commitClaimed(
	ctx context.Context, what string, claim *Claim, ifs []clientv3.Cmp, then, otherwise []clientv3.Op,
) (*clientv3.TxnResponse, error) {
	if claim == nil {
		return c.commit(ctx, what, ifs, then, otherwise)
	}
	now := time.Now()
	cmp, op, err := c.claimOps(ctx, claim, now)
	if err != nil {
		return nil, err
	}
	key := c.key(FamilyIdempotency, claim.Key)
	ifs, then, otherwise = append(ifs, cmp), append(then, op), append(otherwise, clientv3.OpGet(key, clientv3.WithKeysOnly()))
	res, err := c.commit(ctx, what, ifs, then, otherwise)
	if err != nil {
		return nil, err
	}
	if res.Succeeded {
		claim.Revision, claim.Record.V = res.Header.Revision, IdempotencyVersion
		return res, nil
	}
	found := res.Responses[len(res.Responses)-1].GetResponseRange().Kvs
	if len(found) == 0 && claim.Revision != 0 || len(found) > 0 && found[0].ModRevision != claim.Revision {
		return nil, fmt.Errorf("%s: %w", what, ErrHeld)
	}
	return res, nil
}

// Idempotency reads the record of a key with its revision; ErrNotFound when there is none, or one that has run out. The
// revision is that of what is there, for a claim to replace.
func (c *Client) Idempotency(ctx context.Context, key string) (Idempotency, int64, error) {
	var rec Idempotency
	value, revision, err := c.get(ctx, c.key(FamilyIdempotency, key))
	if err != nil {
		return rec, 0, err
	}
	if err := json.Unmarshal(value, &rec); err != nil {
		return rec, 0, fmt.Errorf("decode idempotency record: %w", err)
	}
	if rec.V != IdempotencyVersion {
		return rec, 0, fmt.Errorf("idempotency record of version %d: %w", rec.V, ErrUnavailable)
	}
	if !time.Now().Before(rec.Expires) {
		return rec, revision, ErrNotFound
	}
	return rec, revision, nil
}

// IdempotencyChanged returns when the record of a key is no longer the one of a revision, or ctx ends.
func (c *Client) IdempotencyChanged(ctx context.Context, key string, revision int64) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	for res := range c.etcd.Watch(ctx, c.key(FamilyIdempotency, key), clientv3.WithRev(revision+1)) {
		if err := res.Err(); err != nil {
			return unavailable("watch idempotency record", err)
		}
		if len(res.Events) > 0 {
			return nil
		}
	}
	return context.Cause(ctx)
}

// PutClaim records a claim by itself. ErrHeld when another request holds the key.
func (c *Client) PutClaim(ctx context.Context, claim *Claim) error {
	_, err := c.commitClaimed(ctx, "claim idempotency key", claim, nil, nil, nil)
	return err
}

// DropClaim forgets a claim that was committed: the key is new again. One that has passed to another request is left alone.
func (c *Client) DropClaim(ctx context.Context, claim *Claim) error {
	key := c.key(FamilyIdempotency, claim.Key)
	_, err := c.commit(ctx, "drop idempotency key", []clientv3.Cmp{unchanged(key, claim.Revision)}, []clientv3.Op{clientv3.OpDelete(key)}, nil)
	return err
}
