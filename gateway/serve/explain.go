package serve

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/miroir-search/miroir/gateway/balance"
	"github.com/miroir-search/miroir/gateway/explain"
	"github.com/miroir-search/miroir/gateway/leg"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/tuning"
)

// explain serves POST /indexes/{index}/explain: how a search would run, and with `execute` what comes of it (F20).
func (s *Service) explain(ctx context.Context, c *call) *reply.Reply {
	execute, e := s.explained(c)
	if e != nil {
		return reply.Error(e)
	}
	q, answer := s.readSearch(c)
	if answer != nil {
		return answer
	}
	a, e := s.explanation(ctx, c, c.op.Index, q)
	if e != nil {
		return reply.Error(e)
	}
	if !execute {
		return reply.Value(http.StatusOK, a).Settings(a.version)
	}
	f, e := s.execute(ctx, c, c.op.Index, q, &a.Answer)
	if e != nil {
		return reply.Error(e)
	}
	r := f.reply()
	r.Body = reply.Value(http.StatusOK, a).Body
	return r
}

// explained says whether the search is to be run too.
func (s *Service) explained(c *call) (execute bool, e *apierr.Error) {
	s.Metrics.explains.Inc()
	config := s.tuned().Explain
	if !config.Enabled {
		return false, apierr.New(apierr.FeatureNotEnabled, "Explaining searches is switched off in this cluster.")
	}
	query, err := url.ParseQuery(c.Query)
	if err != nil {
		return false, apierr.New(apierr.BadRequest, "The query string can not be read.")
	}
	switch value := query.Get("execute"); {
	case !query.Has("execute") || value == "false":
		return false, nil
	case value != "true":
		return false, apierr.New(apierr.BadRequest, "Invalid value type for parameter `execute`: could not parse `%s` as a boolean, expected either `true` or `false`", value)
	case !config.AllowExecuteParameter:
		return false, apierr.New(apierr.FeatureNotEnabled, "Running explained searches is switched off in this cluster.")
	}
	return true, nil
}

// explanation is an answer with what does not stand in its body.
type explanation struct {
	explain.Answer
	version uint64 // of the settings
}

// explanation explains a search of what a name stands for. The query gets the filter of the credential, but for an alias of
// several indexes, which may have different ones.
func (s *Service) explanation(ctx context.Context, asked *call, name string, q *meili.SearchQuery) (*explanation, *apierr.Error) {
	c := *asked // the explanation looks at fewer copies, the request does not yet
	pins := s.pins(ctx, &c, name)
	alias := c.aliasOf(name)
	a := &explanation{Answer: explain.Answer{Index: name, ResolvedUID: name}}
	indexes := []*routing.Index{}
	if isMulti(alias) {
		indexes = alias.Indexes
	} else if ix, ok := c.view.Find(name); ok {
		indexes, a.ResolvedUID = append(indexes, ix), ix.UID
	}
	if len(indexes) == 0 {
		return nil, meili.IndexNotFound(name)
	}
	if e := q.Check(); e != nil {
		return nil, e
	}
	var warnings []explain.Warning
	for _, ix := range indexes {
		injected, own := c.filterOf(ix), q
		if isMulti(alias) {
			own = q.Without()
		}
		own.Restrict(injected)
		in, e := s.inputOf(&c, ix, alias, own)
		if e != nil {
			return nil, e
		}
		in.Injected, in.Pin = len(injected) > 0, pins[ix.UID]
		warnings = append(warnings, explain.Warnings(in, c.grant.Admin())...)
		p := explain.Of(in)
		if a.version = ix.SettingsVersion; isMulti(alias) {
			a.Plans = append(a.Plans, explain.Target{ResolvedUID: ix.UID, Plan: p})
		} else {
			a.Plan = p
		}
	}
	for _, w := range warnings {
		s.Metrics.explainWarnings.WithLabelValues(w.Code).Inc()
	}
	most := s.tuned().Explain.MaxWarnings
	a.Warnings = append([]explain.Warning{}, warnings[:min(most, len(warnings))]...)
	a.WarningsTruncated = len(warnings) - len(a.Warnings)
	return a, nil
}

// inputOf plans a search as it would run, without counting or remembering anything.
func (s *Service) inputOf(c *call, ix *routing.Index, alias *routing.Alias, q *meili.SearchQuery) (explain.Input, *apierr.Error) {
	settings := s.settings.of(ix)
	l := leg.NewSearch(q, settings, ix.PrimaryKey)
	lowered, e := s.overFetch(c, l)
	if e != nil {
		return explain.Input{}, e
	}
	n := s.narrow(ix, q)
	_, shared := s.fingerprint(c, q)
	hedged := spare(c.view)
	var floor *uint64
	if c.least > 0 {
		floor = &c.least
	}
	return explain.Input{
		Floor: floor, Below: floor != nil && !above(c.view, ix, c.least),
		View: c.view, Index: ix, Alias: alias, Query: q, Search: l, Settings: settings, Narrowing: n, Lowered: lowered,
		Shared: shared && s.tuned().QueryCoalescing.Enabled,
		Read:   s.look(c, ix, n, q.Seed()),
		Strict: s.tuned().Scatter.UnavailableShardPolicy == tuning.PolicyError,
		P95: func(node string) time.Duration {
			if s.Balance == nil {
				return 0
			}
			return s.Balance.P95(node, balance.Searches)
		},
		Late: func(node string) (time.Duration, bool) {
			if !hedged {
				return 0, false
			}
			return s.Hedge.Delay(node, balance.Searches)
		},
		Excluded: s.Balance.Avoid(),
	}, nil
}

// execute runs an explained search and adds what came of it.
func (s *Service) execute(ctx context.Context, c *call, name string, q *meili.SearchQuery, a *explain.Answer) (found, *apierr.Error) {
	s.Metrics.executions.Inc()
	traced := *c
	traced.trace = &scatter.Trace{}
	if ix, ok := traced.view.Find(name); ok && traced.least > 0 {
		if e := s.reach(ctx, &traced, ix); e != nil {
			return found{}, e
		}
	}
	if e := s.attend(ctx, &traced, name, true); e != nil {
		return found{}, e
	}
	start := time.Now()
	var f found
	if alias := c.aliasOf(name); isMulti(alias) {
		f = s.findSeveral(ctx, &traced, alias, q, newRequestUID())
	} else {
		f = s.find(ctx, &traced, name, q, newRequestUID())
	}
	switch {
	case f.refused != nil:
		return f, f.refused
	case f.failed != nil:
		return f, f.failed
	}
	a.Execution = executed(traced.trace, f.body, start, len(f.missing)+len(f.parts) > 0)
	return f, nil
}

func executed(t *scatter.Trace, body []byte, start time.Time, degraded bool) *explain.Execution {
	x := &explain.Execution{Result: body, Legs: []explain.Ran{}, TotalMs: float64(time.Since(start).Microseconds()) / 1000, Degraded: degraded}
	for _, sent := range t.Sent() {
		ran := explain.Ran{
			Node: sent.Leg.Node, Shards: sent.Leg.Shards, Ms: float64(sent.Took.Microseconds()) / 1000, Attempts: 1, Hedged: sent.Hedged,
			Hits: hitsOf(sent.Body), Status: sent.Status,
		}
		if sent.Again {
			ran.Attempts = 2
		}
		x.Legs = append(x.Legs, ran)
	}
	return x
}

// hitsOf counts the hits of a node's answer; 0 where it is none.
func hitsOf(body []byte) (n int) {
	if !rawjson.Valid(body) {
		return 0
	}
	if hits, ok := rawjson.Find(bytes.TrimSpace(body), "hits"); ok && hits[0] == '[' {
		rawjson.EachElement(hits, func([]byte) bool { n++; return true })
	}
	return n
}
