package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/coordinator/workflow/settings"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// settingsPreview answers POST /_miroir/indexes/{uid}/settings/preview.
type settingsPreview struct {
	Index   string                `json:"index"`
	Version uint64                `json:"version"` // committed
	Changes []meili.SettingChange `json:"changes"`
	Hash    string                `json:"hash"` // that nodes would show, as in the status
	Reindex []string              `json:"reindex"`
}

// previewSettings says what a change would do. It changes nothing.
func (s *Server) previewSettings(w http.ResponseWriter, r *http.Request) *apierr.Error {
	ix, e := s.settingsOf(r)
	if e != nil {
		return e
	}
	var in struct {
		Settings json.RawMessage `json:"settings"`
	}
	if e := decode(w, r, &in); e != nil {
		return e
	}
	if len(in.Settings) == 0 {
		return apierr.New(apierr.BadRequest, "The body must have the member `settings`, as PATCH of the settings takes them.")
	}
	p, e := meili.PreviewSettings(s.committed(r.Context(), ix), in.Settings, s.Snapshot().Routing.Features.Features)
	if e != nil {
		return e
	}
	out := settingsPreview{Index: ix.UID, Version: ix.SettingsVersion, Changes: p.Changes, Hash: p.Hash, Reindex: []string{}}
	for _, c := range p.Changes {
		if c.Reindex {
			out.Reindex = append(out.Reindex, c.Setting)
		}
	}
	return answer(w, out)
}

// retrySettings makes the last change of an index's settings again that failed, as a task of its own.
func (s *Server) retrySettings(w http.ResponseWriter, r *http.Request) *apierr.Error {
	ix, e := s.settingsOf(r)
	if e != nil {
		return e
	}
	uid, e := s.failedChange(r.Context(), ix)
	if e != nil {
		return e
	}
	patch, e := s.changeOf(r.Context(), uid)
	if e != nil {
		return e
	}
	return s.changeSettings(w, r, ix, patch)
}

// rollbackSettings sends the committed settings to all nodes of a frozen index. The task ends the freeze when all of them were
// seen to show them.
func (s *Server) rollbackSettings(w http.ResponseWriter, r *http.Request) *apierr.Error {
	ix, e := s.settingsOf(r)
	if e != nil {
		return e
	}
	if ix.Frozen == nil {
		return apierr.New(apierr.MiroirConflict,
			"There is nothing to take back: the index is not frozen. A change that is under way is stopped by canceling its task.")
	}
	failed, e := s.changeOf(r.Context(), ix.Frozen.Task)
	if e != nil && e.Code != apierr.MiroirConflict { // without the change, what is committed is sent
		return e
	}
	patch, err := settings.Reversal(failed, s.committed(r.Context(), ix))
	if err != nil {
		s.Log.Error().Ctx(r.Context()).Err(err).Str("index", ix.UID).Msg("committed settings not read")
		return apierr.New(apierr.MiroirInternal, "The committed settings can not be read.")
	}
	return s.changeSettings(w, r, ix, patch)
}

func (s *Server) settingsOf(r *http.Request) (*routing.Index, *apierr.Error) {
	ix, ok := s.Snapshot().Routing.Find(r.PathValue("uid"))
	if !ok {
		return nil, apierr.New(apierr.MiroirNotFound, "There is no such index.")
	}
	return ix, nil
}

// committed are the committed settings of an index with their secrets; those that can not be opened are missing.
func (s *Server) committed(ctx context.Context, ix *routing.Index) []byte {
	opened, err := s.Seal.OpenSettings(seal.SettingsPlace(ix.Physical), ix.Settings)
	if err != nil {
		s.Log.Error().Ctx(ctx).Err(err).Str("index", ix.UID).Msg("committed secrets can not be opened")
	}
	return opened
}

// failedChange finds the task of the change that froze an index, or that was the last one and failed.
func (s *Server) failedChange(ctx context.Context, ix *routing.Index) (uint32, *apierr.Error) {
	if ix.Frozen != nil {
		return ix.Frozen.Task, nil
	}
	none := apierr.New(apierr.MiroirConflict, "There is nothing to try again: the last change of the index's settings did not fail.")
	value, _, err := s.Workflows.Workflow(ctx, settings.KindName, ix.Physical)
	if errors.Is(err, state.ErrNotFound) {
		return 0, none
	}
	if e := stateError(err, ""); e != nil {
		return 0, e
	}
	rec, err := workflow.Decode(value)
	var p settings.Progress
	if err != nil || rec.State != workflow.Failed || json.Unmarshal(rec.Progress, &p) != nil {
		return 0, none
	}
	return p.Task, nil
}

// changeOf reads the change that a task was about, secrets in clear.
func (s *Server) changeOf(ctx context.Context, uid uint32) (patch meili.SettingsPatch, e *apierr.Error) {
	t, err := s.Tasks.Task(ctx, uid)
	if errors.Is(err, state.ErrNotFound) {
		return patch, apierr.New(apierr.MiroirConflict, "The task %d is not kept any more, so its change is not known. Send it again.", uid)
	}
	if e := stateError(err, ""); e != nil {
		return patch, e
	}
	if json.Unmarshal(t.Op, &patch) != nil || len(patch.Members) == 0 {
		return patch, apierr.New(apierr.MiroirConflict, "The task %d does not say any more what it changed. Send the change again.", uid)
	}
	if patch.Members, err = s.Seal.OpenSettings(seal.TaskPlace(uid), patch.Members); err != nil {
		s.Log.Error().Ctx(ctx).Err(err).Uint32("task", uid).Msg("secrets of a change can not be opened")
		return patch, apierr.New(apierr.MiroirConflict, "The secrets in the change of task %d can not be opened any more. Send it again.", uid)
	}
	return patch, nil
}

// changeSettings enqueues a change as a gateway does.
func (s *Server) changeSettings(w http.ResponseWriter, r *http.Request, ix *routing.Index, patch meili.SettingsPatch) *apierr.Error {
	uid, err := s.Enqueuer.NextTaskUID(r.Context())
	if err == nil {
		place, name := seal.TaskPlace(uid), ix.UID
		t := task.Record{
			V: task.Version, UID: uid, Type: task.SettingsUpdate, Status: task.Enqueued, EnqueuedAt: s.Now(), IndexUID: &name, Physical: ix.Physical,
			Details: s.Seal.Settings(place, meili.MaskSettings(patch.Details())),
		}
		if t.Op, err = json.Marshal(meili.SettingsPatch{Members: s.Seal.Settings(place, patch.Members)}); err == nil {
			err = s.Enqueuer.CreateTask(r.Context(), t)
		}
	}
	if e := stateError(err, ""); e != nil {
		return e
	}
	s.Log.Warn().Ctx(r.Context()).Str("index", ix.UID).Uint32("task", uid).Msg("an operator changes settings")
	return enqueuedTask(w, uid)
}
