package state

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/tuning"
)

// keyRuntime is the record of what was set while the cluster ran.
const keyRuntime = "config/runtime"

// Tuning reads what is set from the store itself, not from a cache.
func (c *Client) Tuning(ctx context.Context) (tuning.Live, error) {
	value, _, err := c.get(ctx, c.key(keyRuntime))
	if errors.Is(err, ErrNotFound) {
		return tuning.Default(), nil
	}
	if err != nil {
		return tuning.Live{}, err
	}
	return tuning.Decode(value)
}

// SetTuning changes what is set by a JSON merge patch and returns what counts from then on. tuning.ErrInvalid when it may
// not be set; nothing is changed then.
func (c *Client) SetTuning(ctx context.Context, patch json.RawMessage) (tuning.Live, error) {
	key := c.key(keyRuntime)
	for {
		rec, cmp := tuning.Record{V: tuning.Version}, absent(key)
		value, revision, err := c.get(ctx, key)
		switch {
		case err == nil:
			if err := json.Unmarshal(value, &rec); err != nil {
				return tuning.Live{}, err
			}
			if rec.V != tuning.Version {
				return tuning.Live{}, tuning.ErrVersion
			}
			cmp = unchanged(key, revision)
		case !errors.Is(err, ErrNotFound):
			return tuning.Live{}, err
		}
		set, live, err := tuning.Merge(rec.Set, patch)
		if err != nil {
			return live, err
		}
		rec.Set = set
		done, err := c.writeIf(ctx, key, rec, cmp)
		if err != nil || done {
			return live, err
		}
	}
}

// TuningWatch keeps the newest values.
type TuningWatch struct {
	current atomic.Pointer[tuning.Live]
	changed signal
	follow  follower
}

// WatchTuning reads what is set and follows it until ctx ends. A record that is wrong leaves the values as they were.
func (c *Client) WatchTuning(ctx context.Context, log zerolog.Logger) (*TuningWatch, error) {
	w := &TuningWatch{}
	w.follow = follower{client: c, prefixes: []string{keyRuntime}, log: log, to: &tuningFeed{watch: w, log: log}}
	revision, err := w.follow.list(ctx)
	if err != nil {
		return nil, err
	}
	go w.follow.run(ctx, revision)
	return w, nil
}

// Live is what counts now, never nil. It must not be modified.
func (w *TuningWatch) Live() *tuning.Live { return w.current.Load() }

// Subscribe returns a channel that receives after every change; several changes may be one receive.
func (w *TuningWatch) Subscribe() (changed <-chan struct{}, cancel func()) {
	return w.changed.subscribe()
}

// tuningFeed turns events into values.
type tuningFeed struct {
	watch *TuningWatch
	log   zerolog.Logger
	next  *tuning.Live // nil: as before
}

func (f *tuningFeed) reset() {
	live := tuning.Default()
	f.next = &live
}

func (f *tuningFeed) apply(e event) {
	if e.key != keyRuntime {
		return
	}
	if e.value == nil {
		f.reset()
		return
	}
	live, err := tuning.Decode(e.value)
	if err != nil {
		f.log.Error().Err(err).Msg("configuration ignored, last good one kept")
		f.next = f.watch.current.Load()
		return
	}
	f.next = &live
}

func (f *tuningFeed) flush() {
	if f.next == nil { // the first record is wrong, and there is no last good one
		f.reset()
	}
	f.watch.current.Store(f.next)
	f.watch.changed.wake()
}
