package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/state"
)

// keyView is an API key as clients see it. The value is derived for the answer and kept nowhere.
type keyView struct {
	Name        *string    `json:"name"`
	Description *string    `json:"description"`
	Key         string     `json:"key"`
	UID         string     `json:"uid"`
	Actions     []string   `json:"actions"`
	Indexes     []string   `json:"indexes"`
	ExpiresAt   *time.Time `json:"expiresAt"` // with the offset that it was given with
	CreatedAt   meili.Time `json:"createdAt"`
	UpdatedAt   meili.Time `json:"updatedAt"`
}

func (s *Service) keyView(r *key.Record) keyView {
	return keyView{
		Name: r.Name, Description: r.Description, Key: s.Auth.Value(r.UID), UID: r.UID, Actions: r.Actions, Indexes: r.Indexes,
		ExpiresAt: r.ExpiresAt, CreatedAt: meili.Time(r.CreatedAt), UpdatedAt: meili.Time(r.UpdatedAt),
	}
}

func (s *Service) listKeys(_ context.Context, c *call) *reply.Reply {
	q, e := meili.ParsePage(c.Query, apierr.InvalidAPIKeyOffset, apierr.InvalidAPIKeyLimit)
	if e != nil {
		return reply.Error(e)
	}
	all := s.Keys.Keys().List
	from := min(q.Offset, len(all))
	page := all[from:min(from+q.Limit, len(all))]
	views := make([]keyView, len(page))
	for i, r := range page {
		views[i] = s.keyView(r)
	}
	return reply.Value(http.StatusOK, struct {
		Results []keyView `json:"results"`
		Offset  int       `json:"offset"`
		Limit   int       `json:"limit"`
		Total   int       `json:"total"`
	}{views, q.Offset, q.Limit, len(all)})
}

func (s *Service) createKey(ctx context.Context, c *call) *reply.Reply {
	body, e := s.readBody(c)
	if e != nil {
		return reply.Error(e)
	}
	in, e := meili.ParseKeyCreation(body, c.now)
	if e != nil {
		return reply.Error(e)
	}
	if len(s.Keys.Keys().List) >= key.MaxKeys {
		return reply.Error(apierr.New(apierr.MiroirConflict, "There are %d API keys, which is as many as there can be.", key.MaxKeys))
	}
	r := key.Record{
		V: key.Version, UID: in.UID, Name: in.Name, Description: in.Description, Actions: in.Actions, Indexes: in.Indexes,
		ExpiresAt: in.ExpiresAt, CreatedAt: c.now, UpdatedAt: c.now,
	}
	if r.UID == "" {
		r.UID = uuid.NewString()
	}
	err := s.effect(ctx, c, func(o *state.Claim) { fill(o, http.StatusCreated, s.keptKey(&r)) },
		func(e state.Effect) error { return e.CreateKey(ctx, r) })
	switch {
	case errors.Is(err, state.ErrConflict):
		return reply.Error(meili.APIKeyAlreadyExists(r.UID))
	case err != nil:
		return s.stateReply(ctx, err)
	}
	s.settle(ctx, func(k *key.Set) bool { return k.Get(r.UID) != nil })
	return reply.Value(http.StatusCreated, s.keyView(&r))
}

func (s *Service) getKey(ctx context.Context, c *call) *reply.Reply {
	uid, e := s.keyUID(c.op.ID)
	if e != nil {
		return reply.Error(e)
	}
	if r := s.Keys.Keys().Get(uid); r != nil {
		return reply.Value(http.StatusOK, s.keyView(r))
	}
	r, err := s.Store.Key(ctx, uid) // another gateway may have made it a moment ago
	if err != nil {
		return s.keyReply(ctx, uid, err)
	}
	return reply.Value(http.StatusOK, s.keyView(&r))
}

func (s *Service) updateKey(ctx context.Context, c *call) *reply.Reply {
	body, e := s.readBody(c)
	if e != nil {
		return reply.Error(e)
	}
	patch, e := meili.ParseKeyPatch(body)
	if e != nil {
		return reply.Error(e)
	}
	uid, e := s.keyUID(c.op.ID)
	if e != nil {
		return reply.Error(e)
	}
	var r key.Record
	err := s.effect(ctx, c, func(*state.Claim) {}, func(effect state.Effect) (err error) {
		r, err = effect.UpdateKey(ctx, uid, func(r *key.Record) {
			if patch.Name.Given {
				r.Name = patch.Name.Value
			}
			if patch.Description.Given {
				r.Description = patch.Description.Value
			}
			r.UpdatedAt = c.now
			if claim := c.claim(); claim != nil {
				fill(claim, http.StatusOK, s.keptKey(r))
			}
		})
		return err
	})
	if err != nil {
		return s.keyReply(ctx, uid, err)
	}
	s.settle(ctx, func(k *key.Set) bool {
		known := k.Get(uid)
		return known == nil || !known.UpdatedAt.Before(r.UpdatedAt)
	})
	return reply.Value(http.StatusOK, s.keyView(&r))
}

func (s *Service) deleteKey(ctx context.Context, c *call) *reply.Reply {
	uid, e := s.keyUID(c.op.ID)
	if e != nil {
		return reply.Error(e)
	}
	err := s.effect(ctx, c, func(o *state.Claim) { fill(o, http.StatusNoContent, nil) },
		func(effect state.Effect) error { return effect.DeleteKey(ctx, uid) })
	if err != nil {
		return s.keyReply(ctx, uid, err)
	}
	s.settle(ctx, func(k *key.Set) bool { return k.Get(uid) == nil })
	return reply.Empty(http.StatusNoContent)
}

// keptKey is the answer about a key as it is kept for an idempotency key: without the value.
func (s *Service) keptKey(r *key.Record) json.RawMessage {
	v := s.keyView(r)
	v.Key = ""
	return reply.Value(0, v).Body
}

// replayKey is the answer about a key that was given before, with the value put back. Its empty place can not be mistaken:
// quotes inside of a string are escaped.
func (s *Service) replayKey(rec state.Idempotency) *reply.Reply {
	var v struct {
		UID string `json:"uid"`
	}
	if err := json.Unmarshal(rec.Body, &v); err != nil {
		return reply.Error(apierr.New(apierr.MiroirInternal, "The answer that was kept can not be read."))
	}
	value := `"key":` + strconv.Quote(s.Auth.Value(v.UID)) // hexadecimal
	return reply.JSON(rec.Status, bytes.Replace(rec.Body, []byte(`"key":""`), []byte(value), 1))
}

// keyUID is the uid of a key that the client named by uid or by value.
func (s *Service) keyUID(name string) (string, *apierr.Error) {
	if uid, fault := meili.ParseUUID(name); fault == "" {
		return uid, nil
	}
	uid, ok := s.Auth.UID(name)
	if !ok {
		return "", meili.APIKeyNotFound(name)
	}
	return uid, nil
}

func (s *Service) keyReply(ctx context.Context, uid string, err error) *reply.Reply {
	if errors.Is(err, state.ErrNotFound) {
		return reply.Error(meili.APIKeyNotFound(uid))
	}
	return s.stateReply(ctx, err)
}

// settle waits until this gateway acts on a change that was committed, so that whoever made it finds it in effect. A watch
// that is broken delays the answer by no more than a state operation may take.
func (s *Service) settle(ctx context.Context, changed func(*key.Set) bool) {
	ctx, cancel := context.WithTimeout(ctx, s.Limits.State)
	defer cancel()
	if err := s.Keys.Wait(ctx, changed); err != nil {
		s.Log.Warn().Ctx(ctx).Err(err).Msg("change of a key not seen yet")
	}
}
