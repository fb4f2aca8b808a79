package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/miroir-search/miroir/gateway/leg"
	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/task"
)

// settingsCache keeps the parsed settings of every physical index, one version each.
type settingsCache struct {
	mu    sync.RWMutex
	known map[string]cachedSettings
}

type cachedSettings struct {
	version uint64
	view    *leg.Settings
}

// maxCachedSettings bounds the cache; beyond it the cache starts over.
const maxCachedSettings = 4096

func (k *settingsCache) of(ix *routing.Index) *leg.Settings {
	k.mu.RLock()
	c, ok := k.known[ix.Physical]
	k.mu.RUnlock()
	if ok && c.version == ix.SettingsVersion {
		return c.view
	}
	v := leg.ParseSettings(ix.Settings)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= maxCachedSettings {
		k.known = map[string]cachedSettings{}
	}
	k.known[ix.Physical] = cachedSettings{ix.SettingsVersion, v}
	return v
}

// getSettings answers from the committed client view; an index that never had settings committed shows a node's
// defaults.
func (s *Service) getSettings(ctx context.Context, c *call) *reply.Reply {
	targets, e := c.targets()
	if e != nil {
		return reply.Error(e)
	}
	var common json.RawMessage
	for i, ix := range targets {
		view, r := s.settingsOf(ctx, c, ix)
		switch {
		case r != nil:
			return r
		case i > 0 && !bytes.Equal(view, common):
			return reply.Error(apierr.New(apierr.MiroirConflict,
				"The alias `%s` stands for indexes whose settings differ: `%s` and `%s`.", c.op.Index, targets[0].UID, ix.UID))
		}
		common = view
	}
	r := reply.JSON(http.StatusOK, common)
	if !isMulti(c.alias) {
		r.Settings(targets[0].SettingsVersion)
	}
	return r
}

// settingsOf are the settings of an index, or the one that the operation names. The reply says why there are none.
func (s *Service) settingsOf(ctx context.Context, c *call, ix *routing.Index) (json.RawMessage, *reply.Reply) {
	view := s.committed(ctx, ix)
	if len(view) == 0 {
		legs := groupLegs(c.view, ix)
		if len(legs) == 0 {
			return nil, uncovered(every(ix.Shards))
		}
		out := s.one(ctx, c, legs[0], http.MethodGet, "/indexes/"+ix.Physical+"/settings")
		if out.Refused != nil {
			return nil, refusal(out.Refused, ix)
		}
		if len(out.Results) == 0 {
			return nil, uncovered(every(ix.Shards))
		}
		var err error
		if view, err = meili.ClientView(out.Results[0].Body, nil, meili.SettingsPatch{}); err != nil {
			return nil, uncovered(every(ix.Shards))
		}
	}
	if c.op.Setting == "" {
		return meili.ShowSettings(view, c.view.Features.Features), nil
	}
	value, ok := meili.SettingValue(view, c.op.Setting)
	if !ok {
		return nil, reply.Error(apierr.New(apierr.MiroirNotImplemented, "The engines do not have this setting."))
	}
	return value, nil
}

// committed are the committed settings as clients see them; empty where none are.
func (s *Service) committed(ctx context.Context, ix *routing.Index) json.RawMessage {
	opened, err := s.Seal.OpenSettings(seal.SettingsPlace(ix.Physical), ix.Settings)
	if err != nil {
		s.Log.Error().Ctx(ctx).Err(err).Msg("settings are shown without secrets that can not be opened")
	}
	return meili.MaskSettings(opened)
}

// checkSettings looks at a change before an index would have to be made for it, in the words of a node: one that is refused
// leaves no index behind. Of an index that there is nodes judge, who may know more, unless they are not asked at once, or can not do
// together what each of them would take. The name comes after the body.
func (s *Service) checkSettings(c *call, body []byte, here bool) *apierr.Error {
	_, known := c.view.Find(c.op.Index)
	if known && !here && (c.op.Setting != "" || body == nil || bytes.HasPrefix(bytes.TrimSpace(body), []byte("{"))) {
		return nil
	}
	var e *apierr.Error
	on := c.view.Features.Features
	switch {
	case c.op.Kind == operation.ResetSettings:
	case c.op.Setting == "":
		_, e = meili.ParseSettings(body, on)
	default:
		_, e = meili.ParseSetting(c.op.Setting, body, on)
	}
	if e == nil {
		e = meili.CheckIndexUID(c.op.Index)
	}
	return e
}

// updateSettings serves PATCH, PUT and DELETE of settings and their sub-routes. Every node gets the change with Miroir's
// overlay kept in place, and refuses a wrong one in its own words. The coordinator commits the client's view when all
// nodes have it. Where nodes get changes in turns, it is the coordinator who sends them, and wrong ones are refused here.
func (s *Service) updateSettings(ctx context.Context, c *call) *reply.Reply {
	var body []byte
	if c.op.Kind == operation.UpdateSettings {
		var e *apierr.Error
		if body, e = s.readBody(c); e != nil {
			return reply.Error(e)
		}
		if e := meili.CheckBody(body); e != nil {
			return reply.Error(e)
		}
	}
	patch := meili.PatchOf(c.op.Setting, body, s.resettable(c))
	turns := s.tuned().SettingsBroadcast.InTurns(len(c.view.ActiveGroups()))
	if e := s.checkSettings(c, body, turns || meili.NamesForeignKeys(patch)); e != nil {
		return reply.Error(e)
	}
	r, err := s.newTask(ctx, c, task.SettingsUpdate, nil)
	if err != nil {
		return s.stateReply(ctx, err)
	}
	// The record tells everything but secrets, which only those can read who have the key.
	place := seal.TaskPlace(r.UID)
	r.Details = s.Seal.Settings(place, meili.MaskSettings(patch.Details()))
	if _, known := c.view.Find(c.op.Index); !known && c.op.Kind == operation.ResetSettings || s.barred(ctx, c) {
		return s.finished(ctx, c, r, meili.IndexNotFound(c.op.Index))
	}
	ix, _, err := s.ensureIndex(ctx, c, c.uid(), "", r.UID, nil)
	if err != nil {
		return s.stateReply(ctx, err)
	}
	c.view = ix.view
	r.Op = mustJSON(meili.SettingsPatch{Members: s.Seal.Settings(place, patch.Members)})
	if turns {
		return s.handOver(ctx, c, r, ix.Index)
	}
	path, method, payload := "/settings", http.MethodPatch, patch.NodeBody()
	if setting := c.op.Setting; setting != "" && body != nil {
		// A sub-route has its own words for wrong values.
		if value, ok := meili.SettingValue(payload, setting); ok {
			path, method, payload = "/settings/"+setting, c.Method, value
		}
	}
	w := wholeBody(ix.Index, method, path, payload)
	w.refused = patch.FromNodes
	return s.perform(ctx, c, r, w)
}

// resettable are the features whose settings a reset of everything resets: those that are on, and those that were when the index got
// such settings.
func (s *Service) resettable(c *call) map[string]bool {
	on := c.view.Features.Features
	ix, ok := c.view.Find(c.op.Index)
	if !ok {
		return on
	}
	return meili.HiddenFeatures(ix.Settings, on)
}

// handOver records a change for a coordinator to carry it out.
func (s *Service) handOver(ctx context.Context, c *call, r task.Record, ix *routing.Index) *reply.Reply {
	if err := s.regain(ctx, c, &r, ix.Physical); err != nil {
		return s.stateReply(ctx, err)
	}
	r.Physical, r.RF = ix.Physical, replicas(c.view)
	if err := s.record(ctx, c, &r); err != nil {
		return s.stateReply(ctx, err)
	}
	c.wrote(r.Physical, r.UID, plan.Write{}, nil)
	return enqueued(r)
}
