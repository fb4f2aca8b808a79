package scatter

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/miroir-search/miroir/gateway/balance"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/httpconn"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
)

// answer is what one leg came back with.
type answer struct {
	leg      plan.Leg
	status   int
	body     []byte
	settings string
	err      error
}

// failed says whether another node might do better: no answer, an error of the node itself, a full search queue, or a
// node that does not hold what was planned. What an engine does not have, no other of the cluster has.
func (a *answer) failed() bool {
	return a.err != nil || a.status >= http.StatusInternalServerError && a.status != http.StatusNotImplemented || a.stale()
}

// stale says that the node holds other shards than the plan assumed.
func (a *answer) stale() bool {
	return a.err == nil && a.status == http.StatusConflict && apierr.Parse(a.status, a.body).Code == nodeapi.CodeStalePlacement
}

// full is the error of a node that has more to do than it takes on, or to which too many legs wait; nil for any other.
func (a *answer) full() *apierr.Error {
	if errors.Is(a.err, httpconn.ErrBusy) {
		return apierr.New(apierr.MiroirOverloaded, "Too many requests to one node wait. Retry after 10s.")
	}
	if a.err != nil || a.status != http.StatusServiceUnavailable {
		return nil
	}
	if e := apierr.Parse(a.status, a.body); e.Code == apierr.TooManySearchRequests {
		return e
	}
	return nil
}

// leg runs one leg of the plan to its end.
func (rd *reading) leg(ctx context.Context, l plan.Leg, t *taken) {
	rd.first(ctx, l, t)
	if t.others != nil || !t.own.failed() {
		return
	}
	rd.broke(l.Node)
	if t.stale = t.own.stale(); t.stale {
		rd.Metrics.stale.Inc()
	}
	t.full = t.own.full()
	t.missing = l.Shards
	if rd.replan == nil || ctx.Err() != nil || rd.Impatient && timedOut(t.own.err) {
		return
	}
	others := rd.replan(l, Broken, rd.avoid())
	if t.missing = lost(l, others); len(others) == 0 {
		return
	}
	rd.Metrics.Retries.Add(float64(len(others)))
	for _, a := range rd.all(ctx, others, again) {
		if !a.failed() {
			t.others = append(t.others, a)
			continue
		}
		rd.broke(a.leg.Node)
		t.stale = t.stale || a.stale()
		if t.full == nil {
			t.full = a.full()
		}
		t.missing = append(t.missing, a.leg.Shards...)
	}
	if len(t.missing) == 0 {
		t.full = nil
	}
}

// first sends the leg, and others for it when it is late.
func (rd *reading) first(ctx context.Context, l plan.Leg, t *taken) {
	rd.Hedge.Sent()
	if rd.call.Hedge && rd.replan != nil {
		if delay, ok := rd.Hedge.Delay(l.Node, rd.call.Class); ok {
			rd.race(ctx, l, delay, t)
			return
		}
	}
	ctx, cancel := context.WithTimeout(ctx, rd.Timeout)
	defer cancel()
	t.own = rd.one(ctx, l, planned)
}

// all sends several legs at once, each under a deadline of its own, and waits for all of them.
func (rd *reading) all(ctx context.Context, legs []plan.Leg, as standing) []answer {
	answers := make([]answer, len(legs))
	run := func(i int) {
		ctx, cancel := context.WithTimeout(ctx, rd.Timeout)
		defer cancel()
		answers[i] = rd.one(ctx, legs[i], as)
	}
	var wg sync.WaitGroup
	for i := range legs[1:] {
		wg.Go(func() { run(i + 1) })
	}
	run(0)
	wg.Wait()
	return answers
}

// one sends one leg and waits for its answer.
func (rd *reading) one(ctx context.Context, l plan.Leg, as standing) answer {
	c := &rd.call
	body := c.Body
	if c.BodyOf != nil {
		body = c.BodyOf(l)
	}
	rd.Watch.Begin(l.Node)
	start := time.Now()
	a, err := rd.Sender.Do(ctx, client.Request{
		Address: l.Address, Method: c.Method, Path: c.Path, ContentType: c.ContentType, Body: body,
		Leg: nodeapi.Leg{Epoch: c.Epoch, Shards: l.Shards, Count: c.Count, Stamps: c.Stamps, SortValues: c.SortValues},
	})
	took, how, fault := time.Since(start), balance.Answered, faultOf(a.Status, err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		how, fault = balance.GivenUp, ""
	case errors.Is(err, httpconn.ErrBusy): // the node was not asked
		how = balance.GivenUp
	case fault != "":
		how = balance.Failed
	}
	rd.Watch.End(l.Node, c.Class, took, rd.Timeout, how)
	rd.Metrics.leg(l.Node, c.Class, took, fault)
	c.Trace.add(Sent{Leg: l, Took: took, Status: a.Status, Body: a.Body, Hedged: as == hedged, Again: as == again})
	return answer{leg: l, status: a.Status, body: a.Body, settings: a.Settings, err: err}
}

// lost lists the shards of a failed leg that its replacements do not cover; never nil.
func lost(failed plan.Leg, others []plan.Leg) []int {
	return slices.DeleteFunc(slices.Clone(failed.Shards), func(s int) bool {
		return slices.ContainsFunc(others, func(l plan.Leg) bool { return slices.Contains(l.Shards, s) })
	})
}
