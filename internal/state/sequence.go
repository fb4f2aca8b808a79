package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const keyTaskSequence = "seq/task"

// Blocks of task uids: as many as were taken lately, so that a busy gateway asks etcd seldom, and thrown away when old,
// so that uids of different gateways differ in order by blockLife at most (TK-1).
const (
	maxBlock  = 1000
	blockLife = 2 * time.Second
)

type sequenceRecord struct {
	V    int    `json:"v"`
	Next uint32 `json:"next"`
}

// sequence hands out uids from the block it owns.
type sequence struct {
	mu         sync.Mutex
	refill     chan struct{} // holds one token: only one caller talks to etcd
	next, end  uint32
	takenAt    time.Time
	size, used uint32
}

// NextTaskUID allocates a task uid that no other process gets.
func (c *Client) NextTaskUID(ctx context.Context) (uint32, error) {
	for {
		if uid, ok := c.seq.take(time.Now()); ok {
			return uid, nil
		}
		token := c.seq.token()
		select {
		case token <- struct{}{}:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
		uid, ok := c.seq.take(time.Now())
		var err error
		if !ok {
			err = c.refillSequence(ctx)
		}
		<-token
		if ok {
			return uid, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

func (s *sequence) token() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refill == nil {
		s.refill = make(chan struct{}, 1)
	}
	return s.refill
}

func (s *sequence) take(now time.Time) (uint32, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == s.end || now.Sub(s.takenAt) > blockLife {
		return 0, false
	}
	uid := s.next
	s.next++
	s.used++
	return uid, true
}

// nextSize doubles the block while blocks are used up within their life and starts over otherwise.
func (s *sequence) nextSize(now time.Time) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size > 0 && s.used == s.size && now.Sub(s.takenAt) <= blockLife {
		return min(maxBlock, 2*s.size)
	}
	return 1
}

func (s *sequence) give(from, size uint32, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next, s.end, s.size, s.used, s.takenAt = from, from+size, size, 0, now
}

// refillSequence moves the shared counter on by compare-and-swap.
func (c *Client) refillSequence(ctx context.Context) error {
	key := c.key(keyTaskSequence)
	size := c.seq.nextSize(time.Now())
	for {
		rec, cmp, err := c.readSequence(ctx, key)
		if err != nil {
			return err
		}
		from := rec.Next
		rec.Next += size
		op, err := putOp(key, rec)
		if err != nil {
			return err
		}
		res, err := c.commit(ctx, "allocate task uids", []clientv3.Cmp{cmp}, []clientv3.Op{op}, nil)
		if err != nil {
			return err
		}
		if res.Succeeded {
			c.seq.give(from, size, time.Now())
			return nil
		}
	}
}

func (c *Client) readSequence(ctx context.Context, key string) (sequenceRecord, clientv3.Cmp, error) {
	rec := sequenceRecord{V: 1}
	value, rev, err := c.get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return rec, absent(key), nil
	}
	if err != nil {
		return rec, clientv3.Cmp{}, err
	}
	if err := json.Unmarshal(value, &rec); err != nil {
		return rec, clientv3.Cmp{}, fmt.Errorf("decode %s: %w", keyTaskSequence, err)
	}
	return rec, unchanged(key, rev), nil
}
