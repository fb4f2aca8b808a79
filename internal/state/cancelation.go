package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// FamilyCancelations is the prefix of the wishes that workflows shall end, by kind and id.
const FamilyCancelations = "cancelations/"

// CancelationRecord is cancelations/<kind>/<id>: somebody wants one run of a workflow to end. Its runner looks for it between
// steps, and removes it.
type CancelationRecord struct {
	V   int       `json:"v"`
	Run string    `json:"run"`
	At  time.Time `json:"at"`
}

// AskCancelation records the wish that a run of a workflow ends.
func (c *Client) AskCancelation(ctx context.Context, kind, id string, rec CancelationRecord) error {
	rec.V = 1
	put, err := putOp(c.key(FamilyCancelations, kind, "/", id), rec)
	if err != nil {
		return err
	}
	_, err = c.commit(ctx, "ask for a cancelation", nil, []clientv3.Op{put}, nil)
	return err
}

// Cancelation is the run of a workflow that shall end; empty for none.
func (c *Client) Cancelation(ctx context.Context, kind, id string) (run string, err error) {
	value, _, err := c.get(ctx, c.key(FamilyCancelations, kind, "/", id))
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var rec CancelationRecord
	if err := json.Unmarshal(value, &rec); err != nil {
		return "", fmt.Errorf("decode cancelation: %w", err)
	}
	return rec.Run, nil
}

// ForgetCancelation removes the wish.
func (c *Client) ForgetCancelation(ctx context.Context, kind, id string) error {
	_, err := c.commit(ctx, "forget a cancelation", nil, []clientv3.Op{clientv3.OpDelete(c.key(FamilyCancelations, kind, "/", id))}, nil)
	return err
}
