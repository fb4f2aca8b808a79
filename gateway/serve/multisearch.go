package serve

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
)

// multiSearch serves POST /multi-search in both forms.
func (s *Service) multiSearch(ctx context.Context, c *call) *reply.Reply {
	m, e := s.readMulti(c)
	if e != nil {
		return reply.Error(e)
	}
	for i := range m.Queries {
		q := &m.Queries[i]
		a := c.aliasOf(q.IndexUID)
		if a != nil {
			s.Metrics.resolved(a.Name)
		}
		if !isMulti(a) {
			q.Restrict(c.grant.Filter(q.IndexUID, targetsOf(a)...))
		}
	}
	s.Metrics.batches.Inc()
	s.Metrics.queries.Observe(float64(len(m.Queries)))
	ctx, cancel := context.WithTimeout(ctx, s.Limits.Multi)
	defer cancel()
	if e := s.attendAll(ctx, c, m); e != nil {
		return reply.Error(e)
	}
	if m.Federation != nil {
		return s.federate(ctx, c, m)
	}
	answers, at, e := s.findAll(ctx, c, m.Queries)
	if e != nil {
		return reply.Error(insideQuery(at, e))
	}
	return s.listed(m.Queries, answers)
}

// attendAll is attend for the indexes of all queries.
func (s *Service) attendAll(ctx context.Context, c *call, m *meili.MultiSearch) *apierr.Error {
	if c.session == nil {
		return nil
	}
	seen := map[string]bool{}
	for i := range m.Queries {
		uid := m.Queries[i].IndexUID
		if seen[uid] {
			continue
		}
		seen[uid] = true
		if e := s.attend(ctx, c, uid, true); e != nil {
			return e
		}
	}
	return nil
}

// readMulti reads a multi-search that may be asked for.
func (s *Service) readMulti(c *call) (*meili.MultiSearch, *apierr.Error) {
	body, e := s.readBody(c)
	if e != nil {
		return nil, e
	}
	m, e := meili.ParseMultiSearch(body)
	if e != nil {
		return nil, e
	}
	if most := s.Limits.MultiQueries; len(m.Queries) > most {
		return nil, apierr.New(apierr.MiroirTooManyQueries,
			"The multi-search has %d queries. The maximum accepted number of queries is %d.", len(m.Queries), most)
	}
	if _, _, e := overFetchOf(c.Header); e != nil {
		return nil, e
	}
	for i := range m.Queries {
		if !c.allowed(m.Queries[i].IndexUID) {
			return nil, meili.Inside(i, meili.InvalidAPIKey())
		}
	}
	return m, nil
}

// insideQuery is an error of one query as the whole request's: what is not found is not part of the address here.
func insideQuery(query int, e *apierr.Error) *apierr.Error {
	e = meili.Inside(query, e)
	if e.Code == apierr.IndexNotFound {
		e.Status = http.StatusBadRequest
	}
	return e
}

// findAll answers the queries, several at a time. The first query in their order that is wrong ends them all; those
// before it are still run, because one of them may be wrong too.
func (s *Service) findAll(ctx context.Context, c *call, queries []meili.MultiQuery) ([]found, int, *apierr.Error) {
	answers := make([]found, len(queries))
	requestUID := newRequestUID()
	var next, wrong atomic.Int64
	wrong.Store(int64(len(queries)))
	var all sync.WaitGroup
	for range min(len(queries), s.Limits.MultiParallel) {
		all.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= wrong.Load() {
					return
				}
				answers[i] = s.findOne(ctx, c, &queries[i], requestUID)
				for answers[i].refused != nil {
					if first := wrong.Load(); i >= first || wrong.CompareAndSwap(first, i) {
						break
					}
				}
			}
		})
	}
	all.Wait()
	if at := int(wrong.Load()); at < len(queries) {
		return nil, at, answers[at].refused
	}
	return answers, 0, nil
}

// findOne answers one query of a batch under its own deadline.
func (s *Service) findOne(ctx context.Context, c *call, q *meili.MultiQuery, requestUID string) found {
	if e := q.CheckPlain(); e != nil {
		return found{refused: e}
	}
	if e := q.Acceptable(); e != nil {
		return found{refused: e}
	}
	ctx, cancel := context.WithTimeout(ctx, s.Limits.MultiQuery)
	defer cancel()
	if a := c.aliasOf(q.IndexUID); isMulti(a) {
		return s.findSeveral(ctx, c, a, q.SearchQuery, requestUID)
	}
	return s.find(ctx, c, q.IndexUID, q.SearchQuery, requestUID)
}

// listed is the answer of a batch: every query's own, or in its place why the nodes could not give it. A batch in which
// no query has an answer has none either.
func (s *Service) listed(queries []meili.MultiQuery, answers []found) *reply.Reply {
	var b bytes.Buffer
	b.WriteString(`{"results":[`)
	r := reply.JSON(http.StatusOK, nil)
	var failed, approximate []string
	degraded := map[string]bool{}
	for i, f := range answers {
		if i > 0 {
			b.WriteByte(',')
		}
		uid := queries[i].IndexUID
		b.WriteString(`{"indexUid":"` + uid + `",`) // a valid name needs no escapes
		if f.failed != nil {
			failed = append(failed, strconv.Itoa(i))
			b.WriteString(`"hits":[],"error":`)
			b.Write(f.failed.JSON())
			b.WriteString(`,"status":` + strconv.Itoa(f.failed.Status) + `}`)
			continue
		}
		b.Write(f.body[1:])
		approximate = append(approximate, f.approximate...)
		if len(f.missing) > 0 && !degraded[uid] {
			degraded[uid] = true
			r.DegradedIndex(uid, f.missing)
		}
		if !degraded[uid] {
			degraded[uid] = len(f.parts) > 0
			for _, p := range f.parts {
				p.degrade(r)
			}
		}
	}
	b.WriteString(`]}`)
	if len(failed) > 0 {
		s.Metrics.partialBatches.Inc()
		if len(failed) == len(answers) {
			return reply.Error(answers[0].failed)
		}
		r.Header.Add(reply.HeaderDegraded, "queries="+strings.Join(failed, ","))
	}
	if len(approximate) > 0 {
		r.Header.Set(reply.HeaderFacetsApprox, strings.Join(unique(approximate), ", "))
	}
	r.Body = b.Bytes()
	return r
}
