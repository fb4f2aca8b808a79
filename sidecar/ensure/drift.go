package ensure

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/sidecar/engine"
)

// drifted compares what an engine shows with the committed settings, and brings it back where nobody is changing them. done
// is false when there is something left to do. The store is asked, not the view: an engine that is ahead of a view that
// comes late has not drifted.
func (k *Keeper) drifted(ctx context.Context, s *state, ix *routing.Index, hash string) (done bool, err error) {
	if ix.SettingsHash == "" || hash == ix.SettingsHash {
		s.mu.Lock()
		s.mended = ""
		s.mu.Unlock()
		return true, nil
	}
	committed, underway, err := k.Store.CommittedSettings(ctx, ix.Physical)
	if err != nil || underway || committed.Version != ix.SettingsVersion {
		return err == nil, err // the next version, or the end of the change, brings this up again
	}
	s.mu.Lock()
	again := s.mended == hash
	if !again {
		s.mended, s.version = hash, ^uint64(0) // no version has this number, so the settings are compared
	}
	s.mu.Unlock()
	if again {
		return true, nil // what differs is nothing that can be sent: an engine of another version, for one
	}
	k.Log.Warn().Str("index", ix.UID).Uint64("version", ix.SettingsVersion).Msg("the engine shows other settings than those committed")
	return false, nil
}

// watchPage is how many tasks of the engine are looked at at once.
const watchPage = 20

// foreign finds out which indexes had changes of settings since the last look, whoever made them: they are looked at again.
func (k *Keeper) foreign(ctx context.Context) error {
	q := url.Values{"types": {"settingsUpdate"}, "statuses": {"succeeded"}, "limit": {strconv.Itoa(watchPage)}}
	page, err := k.Engine.Tasks(ctx, q)
	if err != nil {
		return err
	}
	newest, known := k.newest, false
	changed := map[string]bool{}
	for _, raw := range page.Results {
		var t engine.Task
		if err := json.Unmarshal(raw, &t); err != nil {
			return err
		}
		newest = max(newest, int64(t.UID))
		if int64(t.UID) <= k.newest {
			known = true
		} else if t.IndexUID != nil {
			changed[*t.IndexUID] = true
		}
	}
	all := !known && len(page.Results) == watchPage
	k.mu.Lock()
	defer k.mu.Unlock()
	for physical, s := range k.states {
		if all || changed[physical] {
			s.mu.Lock()
			s.stale = true
			s.mu.Unlock()
		}
	}
	k.newest = newest
	return nil
}
