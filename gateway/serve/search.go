package serve

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/miroir-search/miroir/gateway/leg"
	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
)

// search serves both forms: parameters of the GET form become a body first.
func (s *Service) search(ctx context.Context, c *call) *reply.Reply {
	q, answer := s.readSearch(c)
	if answer != nil {
		return answer
	}
	q.Restrict(c.grant.Filter(c.op.Index, c.op.Targets...))
	return s.shared(ctx, c, q, func(ctx context.Context) *reply.Reply {
		return s.find(ctx, c, c.op.Index, q, newRequestUID()).reply()
	})
}

func (s *Service) readSearch(c *call) (*meili.SearchQuery, *reply.Reply) {
	if c.op.Kind == operation.SearchGet {
		q, e := meili.ParseSearchParameters(c.Query)
		if e != nil {
			return nil, reply.Error(e)
		}
		return q, nil
	}
	body, e := s.readBody(c)
	if e != nil {
		return nil, reply.Error(e)
	}
	q, e := meili.ParseSearchBody(body)
	if e != nil {
		return nil, reply.Error(e)
	}
	return q, nil
}

// found is what a read of one index brought: a body, or one of the two errors.
type found struct {
	body        []byte
	version     uint64        // of the settings it was made with
	several     bool          // several indexes have settings of their own, and no version
	missing     []int         // shards that the body lacks
	parts       []part        // likewise, of several indexes
	approximate []string      // facets that may lack values
	refused     *apierr.Error // by a rule or by a node: the request is wrong
	failed      *apierr.Error // the request is right, but cannot be answered now
}

// reply is the answer to a request that asked for nothing else.
func (f found) reply() *reply.Reply {
	switch {
	case f.refused != nil:
		return reply.Error(f.refused)
	case f.failed != nil:
		return reply.Error(f.failed)
	}
	r := reply.JSON(http.StatusOK, f.body).Degraded(f.missing)
	if !f.several {
		r.Settings(f.version)
	}
	for _, p := range f.parts {
		p.degrade(r)
	}
	if len(f.approximate) > 0 {
		r.Header.Set(reply.HeaderFacetsApprox, strings.Join(f.approximate, ", "))
	}
	return r
}

// find runs a search on one index.
func (s *Service) find(ctx context.Context, c *call, uid string, q *meili.SearchQuery, requestUID string) found {
	start := time.Now()
	ix, ok := c.view.Find(uid)
	if !ok {
		return found{refused: absent(uid)}
	}
	if e := q.Check(); e != nil {
		return found{refused: e}
	}
	l := leg.NewSearch(q, s.settings.of(ix), ix.PrimaryKey)
	if _, e := s.overFetch(c, l); e != nil {
		return found{refused: e}
	}
	r := searching{s: s, c: c, ix: ix, leg: l, plan: s.cover(ctx, c, ix, s.narrow(ix, q), q.Seed())}
	res, f := r.run(ctx, func(m *merge.SearchRequest) {
		m.RequestUID, m.ProcessingTimeMs = requestUID, max(0, time.Since(start).Milliseconds())
		m.Metadata = c.metadata(ix, q)
	})
	if f.ended() {
		return f
	}
	f.body, f.version, f.approximate = res.Body, ix.SettingsVersion, res.ApproximateFacets
	return f
}

// unmerged reports an answer of a node that is none.
func (s *Service) unmerged(ctx context.Context, err error) found {
	s.Log.Error().Ctx(ctx).Err(err).Msg("merge failed")
	return found{failed: apierr.New(apierr.MiroirInternal, "The answers of the nodes could not be merged.")}
}

// newRequestUID is the name of one request in its answer.
func newRequestUID() string { return uuid.Must(uuid.NewV7()).String() }

// read runs a planned read on an index, failed legs once more on other owners. Legs that are merged keep their stamps.
func (s *Service) read(
	ctx context.Context, c *call, ix *routing.Index, p plan.Read, method, path string, body []byte,
) scatter.Outcome {
	return s.readCall(ctx, c, ix, p, scatter.Call{
		Method: method, Path: path, Body: body, Stamps: len(p.Legs) > 1, Hedge: true, Sole: len(p.Legs) == 1,
	})
}

// readCall is read with a call that is complete but for what the index and the plan say. Its path is below the index.
func (s *Service) readCall(ctx context.Context, c *call, ix *routing.Index, p plan.Read, request scatter.Call) scatter.Outcome {
	s.Scatter.FanOut.Observe(float64(len(p.Legs)))
	reader := s.reader()
	request.Path, request.Count, request.Epoch = "/indexes/"+ix.Physical+request.Path, ix.Shards, p.Epoch
	if request.Body != nil || request.BodyOf != nil {
		request.ContentType = jsonType
	}
	request.Hedge, request.Trace = request.Hedge && spare(c.view), c.trace
	out := reader.Read(ctx, request, p, s.standIns(ctx, c, ix))
	c.sights.saw(&out, ix)
	s.judge(&out)
	return out
}

// outcome is what a round of legs brought, as far as it is not in their answers.
func outcome(ctx context.Context, out scatter.Outcome, ix *routing.Index) found {
	switch {
	case out.Refused != nil:
		return found{refused: named(out.Refused, ix)}
	case len(out.Results) == 0 && out.Full != nil:
		return found{failed: out.Full}
	case len(out.Results) == 0 && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return found{failed: apierr.New(apierr.MiroirTimeout, "%s", "The nodes did not answer in time.")}
	case len(out.Results) == 0:
		return found{failed: uncoveredError(out.Missing)}
	}
	return found{missing: out.Missing}
}

// ended says that there is nothing to merge.
func (f found) ended() bool { return f.refused != nil || f.failed != nil }

func bodies(results []scatter.Result) [][]byte {
	list := make([][]byte, len(results))
	for i, r := range results {
		list[i] = r.Body
	}
	return list
}
