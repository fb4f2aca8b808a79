package state

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// setWatch keeps the newest set of all records of a small family. It is safe for concurrent use.
type setWatch[S any] struct {
	current atomic.Pointer[S]
	changed signal
	follow  follower
}

// start lists what follow says and follows it until ctx ends.
func (w *setWatch[S]) start(ctx context.Context) error {
	revision, err := w.follow.list(ctx)
	if err != nil {
		return err
	}
	go w.follow.run(ctx, revision)
	return nil
}

// Subscribe returns a channel that receives after every change.
func (w *setWatch[S]) Subscribe() (changed <-chan struct{}, cancel func()) {
	return w.changed.subscribe()
}

// Healthy says whether the watch is connected, and if not, since when the set may be old.
func (w *setWatch[S]) Healthy() (since time.Time, ok bool) { return w.follow.healthy() }

// Wait returns when the newest set satisfies cond.
func (w *setWatch[S]) Wait(ctx context.Context, cond func(*S) bool) error {
	changed, cancel := w.changed.subscribe()
	defer cancel()
	for !cond(w.current.Load()) {
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// setFeed turns events into sets. A record that can not be read is taken out of the set.
type setFeed[R, S any] struct {
	watch   *setWatch[S]
	family  string
	log     zerolog.Logger
	decode  func(name string, e event) (R, error)
	collect func(map[string]*R) *S
	adopt   func(*S) // gets every new set before others see it; it must not block
	records map[string]*R
}

func (f *setFeed[R, S]) reset() { f.records = map[string]*R{} }

func (f *setFeed[R, S]) apply(e event) {
	name := strings.TrimPrefix(e.key, f.family)
	delete(f.records, name)
	if e.value == nil {
		return
	}
	r, err := f.decode(name, e)
	if err != nil {
		f.log.Error().Err(err).Msg("record ignored")
		return
	}
	f.records[name] = &r
}

func (f *setFeed[R, S]) flush() {
	set := f.collect(f.records)
	if f.adopt != nil {
		f.adopt(set)
	}
	f.watch.current.Store(set)
	f.watch.changed.wake()
}
