package ensure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	store "github.com/miroir-search/miroir/internal/state"
)

// report is what was last found about the settings of an index, and for what.
type report struct {
	record  routing.NodeSettingsRecord
	version uint64    // the committed version that it was compared with
	breaks  uint64    // the engine's
	at      time.Time // zero: never
}

// report writes down which settings the engine shows: after every committed change, when the engine was away, and now and
// then, because settings can be changed behind the sidecar. done is false while a change is still on its way.
func (k *Keeper) report(ctx context.Context, s *state, ix *routing.Index) (done bool, err error) {
	breaks := k.Engine.Breaks()
	s.mu.RLock()
	told, underway := s.told, s.pending
	s.mu.RUnlock()
	if underway {
		return false, nil
	}
	if !told.at.IsZero() && told.version == ix.SettingsVersion && told.breaks == breaks && time.Since(told.at) < k.Drift {
		return true, nil
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
	if rec != last {
		rec.UpdatedAt = time.Now().UTC()
		err := k.Store.PutNodeSettings(ctx, ix.Physical, k.Node, rec)
		if errors.Is(err, store.ErrNotFound) {
			return true, nil // deleted meanwhile
		}
		if err != nil {
			return false, err
		}
		if ix.SettingsHash != "" && rec.Hash != ix.SettingsHash {
			k.Log.Warn().Str("index", ix.UID).Uint64("version", ix.SettingsVersion).Msg("the engine shows other settings than those committed")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = report{record: rec, version: ix.SettingsVersion, breaks: breaks, at: time.Now()}
	return true, nil
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
