package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/internal/routing"
)

// FamilySessions starts the keys of clients' sessions.
const FamilySessions = "sessions/"

// ClientSession is sessions/<sha256>: what a client wrote in one of its sessions and may not have been applied everywhere.
// The name is the hash of the credential and of the session's name, neither of which is kept.
type ClientSession struct {
	V       int                     `json:"v"`
	Indexes map[string]SessionIndex `json:"indexes"` // by physical name
	Expires time.Time               `json:"expires_at"`
}

// SessionIndex is what a session wrote to one index.
type SessionIndex struct {
	Tasks  []uint32  `json:"tasks"`            // ascending; those that had ended when it was written are left out
	Before uint32    `json:"before,omitempty"` // all tasks of the index up to this one count as well
	Group  *int      `json:"group,omitempty"`  // the replica group that took the last write first
	At     time.Time `json:"last_write_at"`
}

// clientSessionVersion is the schema version of ClientSession.
const clientSessionVersion = 1

// ClientSession reads a session with its revision; ErrNotFound when there is none, or one that has run out.
func (c *Client) ClientSession(ctx context.Context, name string) (ClientSession, int64, error) {
	rec, revision, err := c.storedSession(ctx, name)
	if err == nil && !time.Now().Before(rec.Expires) {
		return ClientSession{}, revision, ErrNotFound
	}
	return rec, revision, err
}

func (c *Client) storedSession(ctx context.Context, name string) (ClientSession, int64, error) {
	var rec ClientSession
	value, revision, err := c.get(ctx, c.key(FamilySessions, name))
	if err != nil {
		return rec, 0, err
	}
	if err := json.Unmarshal(value, &rec); err != nil || rec.V != clientSessionVersion {
		return rec, revision, fmt.Errorf("decode session: %w", errors.Join(ErrUnavailable, err))
	}
	return rec, revision, nil
}

// AmendClientSession changes a session, or begins it, by compare-and-swap, and lets it live for ttl from now on. change may
// be called again with a newer record.
func (c *Client) AmendClientSession(ctx context.Context, name string, ttl time.Duration, change func(*ClientSession)) error {
	key := c.key(FamilySessions, name)
	for {
		rec, revision, err := c.ClientSession(ctx, name)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		now := time.Now()
		if rec.Indexes == nil {
			rec.Indexes = map[string]SessionIndex{}
		}
		change(&rec)
		rec.V, rec.Expires = clientSessionVersion, now.Add(ttl).UTC()
		lease, err := c.bucketLease(ctx, FamilySessions, ttl, now)
		if err != nil {
			return err
		}
		op, err := putOp(key, rec, clientv3.WithLease(lease))
		if err != nil {
			return err
		}
		res, err := c.commit(ctx, "amend session", []clientv3.Cmp{sameAs(key, revision)}, []clientv3.Op{op}, nil)
		if err != nil || res.Succeeded {
			return err
		}
	}
}

// SettingsRevision is the revision of the committed settings of a physical index, 0 when there are none.
func (c *Client) SettingsRevision(ctx context.Context, physical string) (int64, error) {
	_, revision, err := c.get(ctx, c.key(routing.FamilySettings, physical))
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	return revision, err
}
