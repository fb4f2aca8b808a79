package serve

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/webhook"
)

// Webhooks live in the store, nodes have none; a coordinator posts to them.

func (s *Service) listWebhooks(ctx context.Context, _ *call) *reply.Reply {
	results := []json.RawMessage{}
	for _, r := range s.Hooks.Webhooks().List {
		w, err := r.Open(s.Seal)
		if err != nil {
			return s.webhookReply(ctx, r.UUID, err)
		}
		shown, err := w.Shown(r.UUID)
		if err != nil {
			return s.webhookReply(ctx, r.UUID, err)
		}
		results = append(results, shown)
	}
	return reply.Value(http.StatusOK, struct {
		Results []json.RawMessage `json:"results"`
	}{results})
}

func (s *Service) getWebhook(ctx context.Context, c *call) *reply.Reply {
	id, e := meili.ParseWebhookUUID(c.op.ID)
	if e != nil {
		return reply.Error(e)
	}
	r := s.Hooks.Webhooks().Get(id)
	if r == nil { // another gateway may have made it a moment ago
		known, err := s.Store.Webhook(ctx, id)
		if err != nil {
			return s.webhookReply(ctx, id, err)
		}
		r = &known
	}
	w, err := r.Open(s.Seal)
	if err != nil {
		return s.webhookReply(ctx, id, err)
	}
	return s.showWebhook(ctx, http.StatusOK, id, w)
}

func (s *Service) createWebhook(ctx context.Context, c *call) *reply.Reply {
	change, e := s.webhookBody(c)
	if e != nil {
		return reply.Error(e)
	}
	r := webhook.Record{UUID: uuid.NewString()}
	if e := change.Count(r.UUID); e != nil {
		return reply.Error(e)
	}
	if s.Hooks.Webhooks().Full() {
		return reply.Error(meili.TooManyWebhooks())
	}
	w, e := change.Create(r.UUID)
	if e != nil {
		return reply.Error(e)
	}
	r.Ended = task.FormatUIDs(s.unrecorded(ctx, c))
	if err := r.Put(s.Seal, w, c.now); err != nil {
		return s.webhookReply(ctx, r.UUID, err)
	}
	answer := s.showWebhook(ctx, http.StatusCreated, r.UUID, w)
	err := s.effect(ctx, c, func(o *state.Claim) { s.keepWebhook(o, answer) },
		func(e state.Effect) error { return e.CreateWebhook(ctx, r) })
	switch {
	case errors.Is(err, state.ErrConflict):
		return reply.Error(meili.TooManyWebhooks())
	case err != nil:
		return s.stateReply(ctx, err)
	}
	s.seeWebhooks(ctx, func(set *webhook.Set) bool { return set.Get(r.UUID) != nil })
	return answer
}

func (s *Service) updateWebhook(ctx context.Context, c *call) *reply.Reply {
	change, e := s.webhookBody(c)
	if e != nil {
		return reply.Error(e)
	}
	id, e := editableWebhook(c)
	if e != nil {
		return reply.Error(e)
	}
	var answer *reply.Reply
	var r webhook.Record
	err := s.effect(ctx, c, func(*state.Claim) {}, func(effect state.Effect) (err error) {
		r, err = effect.UpdateWebhook(ctx, id, func(r *webhook.Record) error {
			w, err := r.Open(s.Seal)
			if err != nil {
				return err
			}
			w, e := change.Apply(id, w)
			if e != nil {
				return answered{reply.Error(e)}
			}
			answer = s.showWebhook(ctx, http.StatusOK, id, w)
			if claim := c.claim(); claim != nil {
				s.keepWebhook(claim, answer)
			}
			return r.Put(s.Seal, w, c.now)
		})
		return err
	})
	if err != nil {
		return s.webhookReply(ctx, id, err)
	}
	s.seeWebhooks(ctx, func(set *webhook.Set) bool {
		known := set.Get(id)
		return known == nil || !known.UpdatedAt.Before(r.UpdatedAt)
	})
	return answer
}

func (s *Service) deleteWebhook(ctx context.Context, c *call) *reply.Reply {
	id, e := editableWebhook(c)
	if e != nil {
		return reply.Error(e)
	}
	err := s.effect(ctx, c, func(o *state.Claim) { fill(o, http.StatusNoContent, nil) },
		func(effect state.Effect) error { return effect.DeleteWebhook(ctx, id) })
	if err != nil {
		return s.webhookReply(ctx, id, err)
	}
	s.seeWebhooks(ctx, func(set *webhook.Set) bool { return set.Get(id) == nil })
	return reply.Empty(http.StatusNoContent)
}

func (s *Service) webhookBody(c *call) (meili.WebhookChange, *apierr.Error) {
	body, e := s.readBody(c)
	if e != nil {
		return meili.WebhookChange{}, e
	}
	return meili.ParseWebhook(body)
}

// editableWebhook is the uuid of the webhook that a request wants to change.
func editableWebhook(c *call) (string, *apierr.Error) {
	id, e := meili.ParseWebhookUUID(c.op.ID)
	if e == nil && id == meili.CommandWebhook {
		e = meili.ImmutableWebhook(id)
	}
	return id, e
}

func (s *Service) showWebhook(ctx context.Context, status int, id string, w meili.Webhook) *reply.Reply {
	shown, err := w.Shown(id)
	if err != nil {
		return s.webhookReply(ctx, id, err)
	}
	return reply.JSON(status, shown)
}

func (s *Service) webhookReply(ctx context.Context, id string, err error) *reply.Reply {
	if errors.Is(err, state.ErrNotFound) {
		return reply.Error(meili.WebhookNotFound(id))
	}
	if errors.Is(err, seal.ErrNotOpened) {
		s.Log.Error().Ctx(ctx).Err(err).Msg("webhook sealed with a key that is not there")
		return reply.Error(apierr.New(apierr.MiroirInternal, "Webhook `%s` was sealed with a key that this gateway does not have.", id))
	}
	return s.stateReply(ctx, err)
}

// seeWebhooks waits as settle does.
func (s *Service) seeWebhooks(ctx context.Context, changed func(*webhook.Set) bool) {
	ctx, cancel := context.WithTimeout(ctx, s.Limits.State)
	defer cancel()
	if err := s.Hooks.Wait(ctx, changed); err != nil {
		s.Log.Warn().Ctx(ctx).Err(err).Msg("change of a webhook not seen yet")
	}
}

// claimPlace is where the answer that is kept for an idempotency key stands.
func claimPlace(key string) string { return state.FamilyIdempotency + key }

// keepWebhook keeps an answer about a webhook for an idempotency key: sealed, for only some headers are masked in it.
func (s *Service) keepWebhook(claim *state.Claim, answer *reply.Reply) {
	fill(claim, answer.Status, rawjson.AppendQuoted(nil, s.Seal.Seal(claimPlace(claim.Key), answer.Body)))
}

// replayWebhook is the answer about a webhook that was given before.
func (s *Service) replayWebhook(c *call, rec state.Idempotency) *reply.Reply {
	sealed, _ := rawjson.Unquote(rec.Body)
	body, err := s.Seal.Open(claimPlace(c.once.key), sealed)
	if err != nil {
		return reply.Error(apierr.New(apierr.MiroirInternal, "The answer that was kept can not be read."))
	}
	return reply.JSON(rec.Status, body)
}
