package serve

import (
	"context"
	"net/http"

	"github.com/miroir-search/miroir/gateway/leg"
	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// listFields lists the fields of an index: an engine knows those of the documents that it has or had, so all shards are
// asked. Their descriptions depend on settings alone and are the engines' own, but for what clients see of the documents.
func (s *Service) listFields(ctx context.Context, c *call) *reply.Reply {
	body, e := s.readBody(c)
	if e != nil {
		return reply.Error(e)
	}
	q, e := meili.ParseFieldsBody(body)
	if e != nil {
		return reply.Error(e)
	}
	targets, e := c.targets()
	if e != nil {
		return reply.Error(e)
	}
	answers, r := s.gather(ctx, c, targets, func(ix *routing.Index) scatter.Outcome {
		p := s.coverAll(c, ix, shardmap.HashID([]byte(ix.Physical)))
		return s.readCall(ctx, c, ix, p, scatter.Call{Method: http.MethodPost, Path: "/fields", Body: []byte(leg.AllFields)})
	})
	if lacksRoute(r.refused) {
		return reply.Error(apierr.New(apierr.MiroirNotImplemented, "The engines do not list the fields of an index."))
	}
	if r.ended() {
		return r.reply()
	}
	var err error
	if r.body, err = merge.Fields(leg.Fields(q, s.settings.of(targets[0])), answers); err != nil {
		return s.unmerged(ctx, err).reply()
	}
	return r.reply()
}

// lacksRoute says that the engine does not know what it was asked for: an older Meilisearch answers 404 without a word,
// another engine says so.
func lacksRoute(refused *apierr.Error) bool {
	return refused != nil && (refused.Status == http.StatusNotImplemented || refused.Code == apierr.Internal)
}
