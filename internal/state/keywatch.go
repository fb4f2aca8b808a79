package state

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/key"
)

// KeyWatch keeps the newest set of API keys.
type KeyWatch struct{ setWatch[key.Set] }

// WatchKeys lists all API keys and follows them until ctx ends. adopt gets every new set before Keys shows it, the first
// one before WatchKeys returns; it must not block. A key whose record nobody can judge opens nothing.
func (c *Client) WatchKeys(ctx context.Context, log zerolog.Logger, adopt func(*key.Set)) (*KeyWatch, error) {
	w := &KeyWatch{}
	feed := &setFeed[key.Record, key.Set]{
		watch: &w.setWatch, family: familyKeys, log: log, adopt: adopt, collect: key.NewSet,
		decode: func(uid string, e event) (key.Record, error) { return key.Decode(uid, e.value) },
	}
	w.follow = follower{client: c, prefixes: []string{familyKeys}, log: log, to: feed}
	return w, w.start(ctx)
}

// Keys is the newest set, never nil.
func (w *KeyWatch) Keys() *key.Set { return w.current.Load() }

// Reach returns when the set shows all changes up to a revision, which must be that of a key below the cluster's root.
func (w *KeyWatch) Reach(ctx context.Context, revision int64) error {
	return w.follow.reach(ctx, revision)
}
