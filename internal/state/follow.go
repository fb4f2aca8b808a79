package state

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// event is one change under a followed prefix; value is nil for a deletion. key is relative to the cluster's root.
type event struct {
	key      string
	value    []byte
	revision int64
	created  int64 // revision that made the key
}

// consumer takes over what a follower sees. reset starts a full list anew; flush ends a consistent set of changes.
type consumer interface {
	reset()
	apply(event)
	flush()
}

// follower keeps one consumer in step with all keys below the cluster's root that start with one of its prefixes.
type follower struct {
	client   *Client
	prefixes []string
	narrow   bool // nobody wants to reach a revision: nothing but the first prefix is watched
	log      zerolog.Logger
	to       consumer
	brokenAt atomic.Int64 // unix nanoseconds since when the watch is broken, 0 while it works
	seen     atomic.Int64 // all changes below the cluster's root up to this revision were handed over
	moved    signal       // seen has grown
}

// list reads all followed keys at one revision and hands them over.
func (f *follower) list(ctx context.Context) (revision int64, err error) {
	f.to.reset()
	for _, prefix := range f.prefixes {
		if revision, err = f.listPrefix(ctx, f.client.key(prefix), revision); err != nil {
			return 0, err
		}
	}
	f.to.flush()
	f.see(revision)
	return revision, nil
}

func (f *follower) see(revision int64) {
	if revision > f.seen.Load() {
		f.seen.Store(revision)
		f.moved.wake()
	}
}

// reach returns when all changes up to a revision were handed over. It must be that of a key below the cluster's root.
func (f *follower) reach(ctx context.Context, revision int64) error {
	if f.seen.Load() >= revision {
		return nil
	}
	moved, cancel := f.moved.subscribe()
	defer cancel()
	for f.seen.Load() < revision {
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (f *follower) listPrefix(ctx context.Context, prefix string, revision int64) (int64, error) {
	return f.client.scan(ctx, prefix, revision, func(kv *mvccpb.KeyValue) error {
		f.to.apply(event{key: string(kv.Key[len(f.client.root):]), value: kv.Value, revision: kv.ModRevision, created: kv.CreateRevision})
		return nil
	})
}

// run watches from the revision after the list until ctx ends, and lists again whenever the watch breaks.
func (f *follower) run(ctx context.Context, revision int64) {
	for ctx.Err() == nil {
		f.watch(ctx, revision+1)
		if ctx.Err() != nil {
			return
		}
		f.brokenAt.CompareAndSwap(0, time.Now().UnixNano())
		f.log.Warn().Msg("watch broken, listing again")
		revision = f.relist(ctx)
	}
}

// relist repeats the list with growing pauses until it works.
func (f *follower) relist(ctx context.Context) int64 {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		revision, err := f.list(ctx)
		if err == nil {
			f.brokenAt.Store(0)
			return revision
		}
		select {
		case <-ctx.Done():
			return 0
		case <-time.After(pause):
		}
	}
}

// watch hands over changes until the watch ends.
func (f *follower) watch(ctx context.Context, from int64) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	root := f.client.root
	if f.narrow {
		root = f.client.key(f.prefixes[0])
	}
	ch := f.client.etcd.Watch(ctx, root, clientv3.WithPrefix(), clientv3.WithRev(from), clientv3.WithProgressNotify())
	for res := range ch {
		if res.Err() != nil {
			return
		}
		touched := false
		for _, e := range res.Events {
			key := string(e.Kv.Key[len(f.client.root):])
			if !f.follows(key) {
				continue
			}
			touched = true
			ev := event{key: key, value: e.Kv.Value, revision: e.Kv.ModRevision, created: e.Kv.CreateRevision}
			if e.Type == mvccpb.Event_DELETE {
				ev.value = nil
			}
			f.to.apply(ev)
		}
		if touched {
			f.to.flush()
		}
		if n := len(res.Events); n > 0 {
			f.see(res.Events[n-1].Kv.ModRevision)
		}
	}
}

func (f *follower) follows(key string) bool {
	for _, p := range f.prefixes {
		if len(key) >= len(p) && key[:len(p)] == p {
			return true
		}
	}
	return false
}

// healthy says whether the watch works, and since when it does not.
func (f *follower) healthy() (since time.Time, ok bool) {
	at := f.brokenAt.Load()
	if at == 0 {
		return time.Time{}, true
	}
	return time.Unix(0, at), false
}
