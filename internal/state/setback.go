package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// ErrSetBack says that the store is at an older state than it was, or is another one: somebody restored it from a snapshot. What this process
// knows is of a time that has not been, and its watches hear nothing until the store has come to that revision again.
var ErrSetBack = errors.New("the state store was set back, or is another one")

// guardPause is the time between two looks of Guard.
const guardPause = 2 * time.Second

// standing is how far a store had come.
type standing struct {
	cluster  uint64 // one that is restored from a snapshot has another one, as etcd's manual has it
	revision int64
}

func standingOf(h *etcdserverpb.ResponseHeader) standing {
	return standing{h.GetClusterId(), h.GetRevision()}
}

// follows says whether a store that stood here may stand there later.
func (p standing) follows(before standing) bool {
	return p.cluster == before.cluster && p.revision >= before.revision
}

// Guard looks where the store stands, again and again, and returns ErrSetBack when that is before where it stood. Whoever is told so must end:
// the next process begins with what the store says. It returns nil when ctx ends; a store that does not answer is none of its business.
func (c *Client) Guard(ctx context.Context) error {
	last := c.origin
	for {
		now, err := c.stands(ctx)
		switch {
		case err != nil:
		case !now.follows(last):
			return fmt.Errorf("revision %d of cluster %x after %d of %x: %w", now.revision, now.cluster, last.revision, last.cluster, ErrSetBack)
		default:
			last = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(guardPause):
		}
	}
}

// stands asks linearizably, so that a member that lags is not taken for a store that was set back.
func (c *Client) stands(ctx context.Context) (standing, error) {
	ctx, cancel := context.WithTimeout(ctx, c.op)
	defer cancel()
	res, err := c.etcd.Get(ctx, c.root+KeySchema, clientv3.WithKeysOnly())
	if err != nil {
		return standing{}, unavailable("look where the store stands", err)
	}
	return standingOf(res.Header), nil
}

// KeyDoubt says since when nobody knows which copies are complete: dirty markers may have been lost with what the store forgot.
const KeyDoubt = "antientropy/doubt"

type doubtRecord struct {
	V     int       `json:"v"`
	Since time.Time `json:"since"`
}

// Doubt says since when nobody knows which copies are complete; the zero time where everybody does.
func (c *Client) Doubt(ctx context.Context) (time.Time, error) {
	value, _, err := c.get(ctx, c.key(KeyDoubt))
	if errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	var rec doubtRecord
	if err := json.Unmarshal(value, &rec); err != nil {
		return time.Time{}, fmt.Errorf("decode %s: %w", KeyDoubt, err)
	}
	return rec.Since, nil
}

// Dispel ends the doubt of a time: all copies were compared since. Another one stays.
func (c *Client) Dispel(ctx context.Context, since time.Time) error {
	key := c.key(KeyDoubt)
	op, err := putOp(key, doubtRecord{1, since})
	if err != nil {
		return err
	}
	_, err = c.commit(ctx, "dispel doubt", []clientv3.Cmp{clientv3.Compare(clientv3.Value(key), "=", string(op.ValueBytes()))}, []clientv3.Op{clientv3.OpDelete(key)}, nil)
	return err
}

// Uids that are left out when some were given already, for those that are on their way; and how far uids may be set forward.
const (
	uidGap     = 10 * maxBlock
	farthestUp = 1 << 24
)

// PassTask makes sure that the uid of a task that a node knows is not given again. forward says that it would have been: the store was set back
// to a time before that task. Nodes would take the next task of that uid for this one, and what it writes would be lost without a word. Since then
// copies are in doubt, too. What is farther away than any store is set back is no uid.
func (c *Client) PassTask(ctx context.Context, uid uint32) (forward bool, err error) {
	key := c.key(keyTaskSequence)
	for {
		rec, cmp, err := c.readSequence(ctx, key)
		if err != nil {
			return false, err
		}
		if uid < rec.Next || uint64(uid) > uint64(rec.Next)+farthestUp {
			return false, nil
		}
		rec.Next = uid + uidGap
		op, err := putOp(key, rec)
		if err != nil {
			return false, err
		}
		doubt, err := putOp(c.key(KeyDoubt), doubtRecord{1, time.Now().UTC()})
		if err != nil {
			return false, err
		}
		res, err := c.commit(ctx, "pass task uids", []clientv3.Cmp{cmp}, []clientv3.Op{op, doubt}, nil)
		if err != nil || res.Succeeded {
			return err == nil, err
		}
	}
}
