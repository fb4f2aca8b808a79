package state

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/webhook"
)

// WebhookWatch keeps the newest set of webhooks.
type WebhookWatch struct{ setWatch[webhook.Set] }

// WatchWebhooks lists all webhooks and follows them until ctx ends.
func (c *Client) WatchWebhooks(ctx context.Context, log zerolog.Logger) (*WebhookWatch, error) {
	w := &WebhookWatch{}
	feed := &setFeed[webhook.Record, webhook.Set]{
		watch: &w.setWatch, family: familyWebhooks, log: log, collect: webhook.NewSet,
		decode: func(uuid string, e event) (webhook.Record, error) {
			r, err := webhook.Decode(uuid, e.value)
			r.Born = e.created
			return r, err
		},
	}
	w.follow = follower{client: c, prefixes: []string{familyWebhooks}, narrow: true, log: log, to: feed}
	return w, w.start(ctx)
}

// Webhooks is the newest set, never nil.
func (w *WebhookWatch) Webhooks() *webhook.Set { return w.current.Load() }
