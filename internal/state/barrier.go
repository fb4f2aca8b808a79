package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/routing"
)

const familyBarrierAcks = "barrier_acks/"

// BarrierAck is barrier_acks/<physical>/<gateway>: the gateway has no write in flight and begins none.
type BarrierAck struct {
	V     int       `json:"v"`
	ID    string    `json:"id"`    // of the closing
	Stamp hlc.Stamp `json:"stamp"` // all stamps that the gateway has given are earlier, or this one
}

// ErrUncertain says that a barrier may be closed, though no answer said so.
var ErrUncertain = errors.New("the barrier may be closed")

// CloseBarrier closes the barrier of an index under the session. closed is false while somebody else holds it. The record takes
// the stamp of the opening before over: whoever did not see that one in time must not begin writes with earlier stamps. After an
// ErrUncertain the session must end, or the barrier may stay closed for as long as it lives.
func (s *Session) CloseBarrier(ctx context.Context, physical string, rec routing.BarrierRecord) (closed bool, err error) {
	key := s.client.key(routing.FamilyBarriers, physical)
	value, revision, err := s.client.get(ctx, key)
	cmp := absent(key)
	switch {
	case err == nil:
		old, err := routing.Decode[routing.BarrierRecord](value)
		if err != nil || old.Closed {
			return false, err
		}
		cmp, rec.Stamp = unchanged(key, revision), max(rec.Stamp, old.Stamp)
	case !errors.Is(err, ErrNotFound):
		return false, err
	}
	op, err := putOp(key, rec, clientv3.WithLease(s.lease))
	if err != nil {
		return false, err
	}
	res, err := s.client.commit(ctx, "close barrier", []clientv3.Cmp{cmp}, []clientv3.Op{op}, nil)
	if err != nil {
		return false, errors.Join(ErrUncertain, err)
	}
	return res.Succeeded, nil
}

// OpenBarrier opens a barrier that was closed by the record. One that has passed to somebody else is left alone.
func (s *Session) OpenBarrier(ctx context.Context, physical string, rec routing.BarrierRecord) error {
	key := s.client.key(routing.FamilyBarriers, physical)
	value, revision, err := s.client.get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	old, err := routing.Decode[routing.BarrierRecord](value)
	if err != nil || old.ID != rec.ID {
		return err
	}
	rec.Closed = false
	op, err := putOp(key, rec, clientv3.WithLease(s.lease))
	if err != nil {
		return err
	}
	_, err = s.client.commit(ctx, "open barrier", []clientv3.Cmp{unchanged(key, revision)}, []clientv3.Op{op}, nil)
	return err
}

// AckBarrier says that a gateway respects a closing.
func (s *Session) AckBarrier(ctx context.Context, physical, gateway string, ack BarrierAck) error {
	return s.Put(ctx, familyBarrierAcks+physical+"/"+gateway, ack)
}

// BarrierAcks reads which gateways are present, and what each said last about the barrier of an index; the zero ack when
// it said nothing.
func (c *Client) BarrierAcks(ctx context.Context, physical string) (map[string]BarrierAck, error) {
	out := map[string]BarrierAck{}
	if err := c.each(ctx, FamilyGateways, func(id string, _ []byte) error {
		out[id] = BarrierAck{}
		return nil
	}); err != nil {
		return nil, err
	}
	err := c.each(ctx, familyBarrierAcks+physical+"/", func(id string, value []byte) error {
		var a BarrierAck
		if err := json.Unmarshal(value, &a); err != nil {
			return fmt.Errorf("decode ack of %s: %w", id, err)
		}
		if _, present := out[strings.TrimPrefix(id, "/")]; present {
			out[id] = a
		}
		return nil
	})
	return out, err
}
