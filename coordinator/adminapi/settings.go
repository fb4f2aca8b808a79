package adminapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/coordinator/workflow/settings"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// settingsStatus answers GET /_miroir/indexes/{uid}/settings/status.
type settingsStatus struct {
	Index   string         `json:"index"`
	Version uint64         `json:"version"` // committed
	Hash    string         `json:"hash,omitempty"`
	Phase   string         `json:"phase,omitempty"` // of the change under way
	Frozen  *freeze        `json:"frozen,omitempty"`
	Queue   []uint32       `json:"queue"` // tasks that change settings and have not ended, the oldest first
	Nodes   []nodeSettings `json:"nodes"`
}

// freeze says that the index takes no writes of documents.
type freeze struct {
	TaskUID uint32    `json:"task_uid"` // of the change that left nodes with different settings
	At      time.Time `json:"at"`
}

// nodeSettings is what one node was last seen to show.
type nodeSettings struct {
	ID        string     `json:"id"`
	State     string     `json:"state"`
	Version   uint64     `json:"version"` // the newest committed one that it was seen to show
	Hash      string     `json:"hash,omitempty"`
	UpdatedAt *time.Time `json:"updated_at"` // null: nothing was seen yet
}

// States of a node's settings.
const (
	settingsInStep   = "in_step"
	settingsChanging = "changing"
	settingsBehind   = "behind"  // it shows other settings than those committed
	settingsUnknown  = "unknown" // nothing was seen yet
	settingsDown     = "down"
)

func (s *Server) settingsStatus(w http.ResponseWriter, r *http.Request) *apierr.Error {
	snap := s.Snapshot()
	ix, e := s.settingsOf(r)
	if e != nil {
		return e
	}
	out := settingsStatus{
		Index: ix.UID, Version: ix.SettingsVersion, Hash: ix.SettingsHash, Queue: []uint32{}, Nodes: []nodeSettings{},
	}
	if ix.Frozen != nil {
		out.Frozen = &freeze{ix.Frozen.Task, ix.Frozen.At}
	}
	for _, t := range snap.Open {
		if t.Type == task.SettingsUpdate && t.Physical == ix.Physical {
			out.Queue = append(out.Queue, t.UID)
		}
	}
	for _, id := range ix.NodesHolding() {
		out.Nodes = append(out.Nodes, shownBy(snap.Routing.Nodes[id], id, ix))
	}
	out.Phase, e = s.settingsPhase(r.Context(), ix.Physical)
	if e != nil {
		return e
	}
	return answer(w, out)
}

// unfreeze lets an index take writes of documents again. What its nodes have stays as it is.
func (s *Server) unfreeze(w http.ResponseWriter, r *http.Request) *apierr.Error {
	ix, e := s.settingsOf(r)
	if e != nil {
		return e
	}
	if ix.Frozen == nil {
		return apierr.New(apierr.MiroirConflict, "The index takes writes: it is not frozen.")
	}
	err := s.Settings.FreezeSettings(r.Context(), ix.Physical, nil)
	if e := stateError(err, "There is no such index."); e != nil {
		return e
	}
	s.Log.Warn().Ctx(r.Context()).Str("index", ix.UID).Uint32("task", ix.Frozen.Task).Msg("an operator opened an index with different settings for writes")
	return answer(w, struct {
		Index   string `json:"index"`
		Version uint64 `json:"version"`
	}{ix.UID, ix.SettingsVersion})
}

// shownBy is what a node of an index shows.
func shownBy(n routing.Node, id string, ix *routing.Index) nodeSettings {
	rec, seen := ix.Shown[id]
	out := nodeSettings{ID: id, Version: rec.Version, Hash: rec.Hash, State: settingsInStep}
	if seen {
		out.UpdatedAt = &rec.UpdatedAt
	}
	switch {
	case !n.OK:
		out.State = settingsDown
	case !seen:
		out.State = settingsUnknown
	case rec.Hash == nodeapi.SettingsChanging:
		out.State, out.Hash = settingsChanging, ""
	case ix.Astray[id]:
		out.State = settingsBehind
	}
	return out
}

// settingsPhase is where the change of an index's settings stands that is under way; empty for none.
func (s *Server) settingsPhase(ctx context.Context, physical string) (string, *apierr.Error) {
	value, _, err := s.Workflows.Workflow(ctx, settings.KindName, physical)
	if errors.Is(err, state.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", apierr.New(apierr.MiroirStateUnavailable, "The cluster state can not be read right now. Try again later.")
	}
	rec, err := workflow.Decode(value)
	if err != nil || rec.State != workflow.Running {
		return "", nil
	}
	return rec.Phase, nil
}
