package serve

import (
	"context"
	"net/http"
	"time"

	"github.com/miroir-search/miroir/gateway/explain"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
)

// explainedBatch is the explanation of a multi-search: one of every query in their order. What came of a federated one stands
// beside them, because its queries have one answer.
type explainedBatch struct {
	Results   []explain.Answer   `json:"results"`
	Execution *explain.Execution `json:"execution,omitempty"`
}

// explainMulti serves POST /multi-search/explain.
func (s *Service) explainMulti(ctx context.Context, c *call) *reply.Reply {
	execute, e := s.explained(c)
	if e != nil {
		return reply.Error(e)
	}
	m, e := s.readMulti(c)
	if e != nil {
		return reply.Error(e)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Limits.Multi)
	defer cancel()
	batch := explainedBatch{Results: []explain.Answer{}}
	for i := range m.Queries {
		a, e := s.explainEntry(ctx, c, &m.Queries[i], m.Federation, execute)
		if e != nil {
			return reply.Error(insideQuery(i, e))
		}
		batch.Results = append(batch.Results, a)
	}
	if m.Federation == nil || !execute {
		return reply.Value(http.StatusOK, batch)
	}
	s.Metrics.executions.Inc()
	traced := *c
	traced.trace = &scatter.Trace{}
	if e := s.attendAll(ctx, &traced, m); e != nil {
		return reply.Error(e)
	}
	start := time.Now()
	r := s.federate(ctx, &traced, m)
	if r.Status != http.StatusOK {
		return r
	}
	batch.Execution = executed(traced.trace, r.Body, start, r.Header.Get(reply.HeaderDegraded) != "")
	r.Body = reply.Value(http.StatusOK, batch).Body
	return r
}

// explainEntry explains one query of a batch, and runs it if it has an answer of its own.
func (s *Service) explainEntry(
	ctx context.Context, c *call, q *meili.MultiQuery, federation *meili.Federation, execute bool,
) (explain.Answer, *apierr.Error) {
	check := q.CheckPlain
	if federation != nil {
		check = func() *apierr.Error { return q.CheckFederated(federation) }
	}
	if e := q.Acceptable(); e != nil {
		return explain.Answer{}, e
	}
	if e := check(); e != nil {
		return explain.Answer{}, e
	}
	a, e := s.explanation(ctx, c, q.IndexUID, q.SearchQuery)
	if e != nil {
		return explain.Answer{}, e
	}
	if execute && federation == nil {
		_, e = s.execute(ctx, c, q.IndexUID, q.SearchQuery, &a.Answer)
	}
	return a.Answer, e
}
