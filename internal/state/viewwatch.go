package state

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/routing"
)

// ViewWatch keeps the newest routing view. Readers take the pointer and keep it for as long as they need.
type ViewWatch struct {
	current atomic.Pointer[routing.View]
	changed signal
	follow  follower
}

// WatchView lists the routing families and follows them until ctx ends. The first view is there when it returns.
func (c *Client) WatchView(ctx context.Context, log zerolog.Logger) (*ViewWatch, error) {
	w := &ViewWatch{}
	w.follow = follower{
		client: c, prefixes: routing.Families(), log: log, to: &viewFeed{watch: w, log: log, builder: routing.NewBuilder()},
	}
	revision, err := w.follow.list(ctx)
	if err != nil {
		return nil, err
	}
	go w.follow.run(ctx, revision)
	return w, nil
}

// View is the newest view, never nil.
func (w *ViewWatch) View() *routing.View { return w.current.Load() }

// Reach returns when the view shows all changes up to a revision, which must be that of a key below the cluster's root.
func (w *ViewWatch) Reach(ctx context.Context, revision int64) error {
	return w.follow.reach(ctx, revision)
}

// Healthy says whether the watch is connected, and if not, since when the view may be old.
func (w *ViewWatch) Healthy() (since time.Time, ok bool) { return w.follow.healthy() }

// Subscribe returns a channel that receives after every change of the view; several changes may be one receive.
func (w *ViewWatch) Subscribe() (changed <-chan struct{}, cancel func()) {
	return w.changed.subscribe()
}

// Wait returns the first view that satisfies cond, the current one included.
func (w *ViewWatch) Wait(ctx context.Context, cond func(*routing.View) bool) (*routing.View, error) {
	changed, cancel := w.changed.subscribe()
	defer cancel()
	for {
		if v := w.View(); cond(v) {
			return v, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// viewFeed turns events into views.
type viewFeed struct {
	watch   *ViewWatch
	log     zerolog.Logger
	builder *routing.Builder
}

func (f *viewFeed) reset() { f.builder = routing.NewBuilder() }

func (f *viewFeed) apply(e event) {
	if e.value == nil {
		f.builder.Delete(e.key, e.revision)
		return
	}
	if err := f.builder.Put(e.key, e.value, e.revision); err != nil {
		f.log.Error().Err(err).Msg("record ignored, last good one kept")
	}
}

// flush publishes the view, unless a list that was read from a lagging member is older than what is known already.
func (f *viewFeed) flush() {
	v := f.builder.View()
	if old := f.watch.current.Load(); old != nil && v.Epoch < old.Epoch {
		v.Epoch = old.Epoch // deletions seen only by the list carry no revision of their own
	}
	f.watch.current.Store(v)
	f.watch.changed.wake()
}
