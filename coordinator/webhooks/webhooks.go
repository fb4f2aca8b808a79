package webhooks

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/webhook"
)

// Scope is that of the coordinator that posts.
const Scope = "webhooks"

// retryAfter is how long a courier rests whose store failed.
const retryAfter = time.Second

// Tasks is the cache of tasks; *state.TaskWatch is one.
type Tasks interface {
	Subscribe() (changed <-chan struct{}, cancel func())
	EndedAfter(revision int64, most int) []state.Ended
	CountEndedAfter(revision int64) int
}

// Hooks is the cache of webhooks; *state.WebhookWatch is one.
type Hooks interface {
	Subscribe() (changed <-chan struct{}, cancel func())
	Webhooks() *webhook.Set
}

// Store keeps what webhooks were told; *state.Client does.
type Store interface {
	WebhookCursor(ctx context.Context, uuid string) (webhook.Cursor, error)
	Webhooks(ctx context.Context) (*webhook.Set, error)
	AmendWebhook(ctx context.Context, uuid string, change func(*webhook.Record) error) (webhook.Record, error)
}

// Leader writes while it leads; *state.Leadership does.
type Leader interface {
	PutWebhookCursor(ctx context.Context, uuid string, r webhook.Cursor) error
	PutCommandWebhook(ctx context.Context, change func(*webhook.Record) error) error
}

// Service posts finished tasks to webhooks. All fields must be set, but Command.
type Service struct {
	Tasks    Tasks
	Hooks    Hooks
	Store    Store
	Seal     *seal.Box
	Command  *meili.Webhook // of the command line; nil for none
	Networks Networks
	Keep     time.Duration // how long after its end a task is tried again
	Now      func() time.Time
	Log      zerolog.Logger
	Metrics  *Metrics
}

// Lead posts until ctx ends.
func (s *Service) Lead(ctx context.Context, leader Leader) error {
	if err := s.settle(ctx, leader); err != nil {
		return err
	}
	changed, cancel := s.Hooks.Subscribe()
	defer cancel()
	running := map[string]context.CancelFunc{}
	ends := make(chan string)
	var all sync.WaitGroup
	defer all.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for {
		for _, r := range s.Hooks.Webhooks().List {
			if running[r.UUID] != nil {
				continue
			}
			own, end := context.WithCancel(ctx)
			running[r.UUID] = end
			all.Go(func() {
				defer end()
				s.serve(own, leader, r.UUID)
				select {
				case ends <- r.UUID:
				case <-ctx.Done():
				}
			})
		}
		for uuid := range maps.Keys(running) {
			if s.Hooks.Webhooks().Get(uuid) == nil {
				running[uuid]() // a request under way is given up
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case uuid := <-ends:
			delete(running, uuid)
		case <-changed:
		}
	}
}

// serve runs the courier of a webhook until the webhook is gone, one after the other while the store fails.
func (s *Service) serve(ctx context.Context, leader Leader, uuid string) {
	http := client(s.Networks)
	defer http.CloseIdleConnections()
	log := s.Log.With().Str("webhook", uuid).Logger()
	for ctx.Err() == nil {
		c := &courier{Service: s, leader: leader, uuid: uuid, client: http, log: log}
		err := c.run(ctx)
		if err == nil || errors.Is(err, state.ErrLostLeadership) || ctx.Err() != nil {
			return
		}
		log.Warn().Err(err).Msg("webhook is tried again, the store failed")
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
}

// settle makes the webhook of the command line what it should be, and seals anew what was sealed with an older key.
func (s *Service) settle(ctx context.Context, leader Leader) error {
	var change func(*webhook.Record) error
	if s.Command != nil {
		change = func(r *webhook.Record) error {
			if old, err := r.Open(s.Seal); err == nil && old.URL == s.Command.URL && maps.Equal(old.Headers, s.Command.Headers) {
				return nil
			}
			return r.Put(s.Seal, *s.Command, s.Now())
		}
	}
	if err := leader.PutCommandWebhook(ctx, change); err != nil {
		return err
	}
	set, err := s.Store.Webhooks(ctx)
	if err != nil {
		return err
	}
	for _, r := range set.List {
		if s.Seal.Current(r.Sealed) {
			continue
		}
		_, err := s.Store.AmendWebhook(ctx, r.UUID, func(r *webhook.Record) error {
			w, err := r.Open(s.Seal)
			if err != nil {
				return err
			}
			return r.Put(s.Seal, w, r.UpdatedAt)
		})
		switch {
		case errors.Is(err, seal.ErrNotOpened):
			s.Log.Error().Err(err).Str("webhook", r.UUID).Msg("webhook can not be opened, no key fits its seal")
		case err != nil && !errors.Is(err, state.ErrNotFound):
			return err
		}
	}
	return nil
}
