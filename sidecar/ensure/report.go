package ensure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	store "github.com/miroir-search/miroir/internal/state"
)

// report is what was last found about the settings of an index, and for what.
type report struct {
	record  routing.NodeSettingsRecord
	version uint64    // the committed version that it was compared with
	breaks  uint64    // the engine's
	changes uint64    // of the settings, that it came after
	at      time.Time // zero: never
}

// Change says that a change of settings is about to be sent to the engine, and wakes the loop when it was. Everybody who
// plans reads is told first: until the engine has carried it out nobody knows which settings it answers with. That the
// store does not take it holds nothing up, for answers say so too.
func (k *Keeper) Change(ctx context.Context, physical string) (sent func()) {
	s := k.state(physical)
	s.mu.Lock()
	s.changes++
	s.sending++
	rec := s.told.record
	s.mu.Unlock()
	if rec.V != 0 {
		rec.Hash, rec.UpdatedAt = nodeapi.SettingsChanging, time.Now().UTC()
		ctx, cancel := context.WithTimeout(ctx, tellTime)
		if err := k.Store.PutNodeSettings(ctx, physical, k.Node, rec); err != nil && !errors.Is(err, store.ErrNotFound) {
			k.Log.Warn().Err(err).Msg("change of settings not announced")
		}
		cancel()
	}
	return func() {
		s.mu.Lock()
		s.sending--
		s.mu.Unlock()
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
}

// tellTime is how long the store may take to be told that settings change.
const tellTime = time.Second

// Shown is what the engine answers with: the tag of the settings that it was last seen to show, nodeapi.SettingsChanging
// while a change is on its way, and nothing as long as it was not looked at.
func (k *Keeper) Shown(physical string) string {
	s := k.state(physical)
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.told.changes != s.changes || s.pending && !s.told.at.IsZero():
		return nodeapi.SettingsChanging
	case s.told.at.IsZero():
		return ""
	}
	return nodeapi.SettingsTag(s.told.record.Hash)
}

// report writes down which settings the engine shows: after every change, when the engine was away, and now and then,
// because settings can be changed behind the sidecar. done is false while a change is still on its way.
func (k *Keeper) report(ctx context.Context, s *state, ix *routing.Index) (done bool, err error) {
	breaks := k.Engine.Breaks()
	s.mu.RLock()
	told, underway, changes, stale := s.told, s.pending || s.sending > 0, s.changes, s.stale
	s.mu.RUnlock()
	if underway {
		return false, nil
	}
	if !stale && !told.at.IsZero() && told.version == ix.SettingsVersion && told.breaks == breaks && told.changes == changes && time.Since(told.at) < k.Drift {
		return true, nil
	}
	if told.changes != changes || told.at.IsZero() { // only what was sent before can be in the queue
		_, open, err := k.Engine.LatestTask(ctx, ix.Physical, "settingsUpdate", []string{"enqueued", "processing"}, false)
		if err != nil || open {
			return false, err
		}
	}
	raw, err := k.Engine.RawSettings(ctx, ix.Physical)
	if err != nil {
		return false, fmt.Errorf("read settings: %w", err)
	}
	d, err := meili.CanonSettings(raw)
	if err != nil {
		return false, err
	}
	last := told.record
	if told.at.IsZero() {
		last = ix.Shown[k.Node] // of an earlier process
	}
	rec := found(last, d.Hash(), ix)
	if rec != last || told.changes != changes {
		rec.UpdatedAt = time.Now().UTC()
		err := k.Store.PutNodeSettings(ctx, ix.Physical, k.Node, rec)
		if errors.Is(err, store.ErrNotFound) {
			return true, nil // deleted meanwhile
		}
		if err != nil {
			return false, err
		}
	}
	s.mu.Lock()
	s.told = report{record: rec, version: ix.SettingsVersion, breaks: breaks, changes: changes, at: time.Now()}
	s.stale = false
	s.mu.Unlock()
	return k.drifted(ctx, s, ix, rec.Hash)
}

// found is the record of an engine that shows settings with a hash. Before the first commit nobody knows what to expect.
func found(last routing.NodeSettingsRecord, hash string, ix *routing.Index) routing.NodeSettingsRecord {
	rec := last
	rec.V, rec.Hash = routing.Version, hash
	if ix.SettingsHash == "" || hash == ix.SettingsHash {
		rec.Version = ix.SettingsVersion
	}
	return rec
}
