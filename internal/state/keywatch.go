package state

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/key"
)

// KeyWatch keeps the newest set of API keys.
type KeyWatch struct {
	current atomic.Pointer[key.Set]
	changed signal
	follow  follower
}

// WatchKeys lists all API keys and follows them until ctx ends. adopt gets every new set before Keys shows it, the first
// one before WatchKeys returns; it must not block.
func (c *Client) WatchKeys(ctx context.Context, log zerolog.Logger, adopt func(*key.Set)) (*KeyWatch, error) {
	w := &KeyWatch{}
	w.follow = follower{client: c, prefixes: []string{familyKeys}, log: log, to: &keyFeed{watch: w, log: log, adopt: adopt}}
	revision, err := w.follow.list(ctx)
	if err != nil {
		return nil, err
	}
	go w.follow.run(ctx, revision)
	return w, nil
}

// Keys is the newest set, never nil.
func (w *KeyWatch) Keys() *key.Set { return w.current.Load() }

// Reach returns when the set shows all changes up to a revision, which must be that of a key below the cluster's root.
func (w *KeyWatch) Reach(ctx context.Context, revision int64) error {
	return w.follow.reach(ctx, revision)
}

// Healthy says whether the watch is connected, and if not, since when the set may be old.
func (w *KeyWatch) Healthy() (since time.Time, ok bool) { return w.follow.healthy() }

// Wait returns when the newest set satisfies cond.
func (w *KeyWatch) Wait(ctx context.Context, cond func(*key.Set) bool) error {
	changed, cancel := w.changed.subscribe()
	defer cancel()
	for !cond(w.Keys()) {
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// keyFeed turns events into sets. A record that can not be read takes the key out of the set: a key that nobody can judge
// must not open anything.
type keyFeed struct {
	watch   *KeyWatch
	log     zerolog.Logger
	adopt   func(*key.Set)
	records map[string]*key.Record
}

func (f *keyFeed) reset() { f.records = map[string]*key.Record{} }

func (f *keyFeed) apply(e event) {
	uid := strings.TrimPrefix(e.key, familyKeys)
	delete(f.records, uid)
	if e.value == nil {
		return
	}
	r, err := key.Decode(uid, e.value)
	if err != nil {
		f.log.Error().Err(err).Msg("key record ignored")
		return
	}
	f.records[uid] = &r
}

func (f *keyFeed) flush() {
	set := key.NewSet(f.records)
	f.adopt(set)
	f.watch.current.Store(set)
	f.watch.changed.wake()
}
