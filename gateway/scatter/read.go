package scatter

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
)

// Sender sends one leg; *client.Client does.
type Sender interface {
	Do(ctx context.Context, r client.Request) (client.Answer, error)
}

// Call is the request that every leg of a read carries.
type Call struct {
	Method      string
	Path        string
	ContentType string
	Body        []byte
	BodyOf      func(l plan.Leg) []byte // the body of each leg, where legs are not all asked for the same; else nil
	Count       int                     // shards of the index
	Epoch       int64                   // of the view the plan was made with
	Stamps      bool                    // hits and documents shall keep their stamps
	SortValues  bool                    // sorted documents shall tell what they were sorted by
}

// Result is one leg with its answer.
type Result struct {
	Leg  plan.Leg
	Body []byte
}

// Outcome is what a read's legs brought.
type Outcome struct {
	Results []Result      // ascending by the lowest shard; every body is a 200 answer
	Missing []int         // shards that nobody answered for
	Refused *apierr.Error // an engine's 4xx or 501: the answer to the whole request (RD-9)
	Stale   bool          // a node held other shards than planned
}

// Replan finds other nodes for a leg that failed; it may return fewer shards than the leg had.
type Replan func(failed plan.Leg) []plan.Leg

// Reader runs reads.
type Reader struct {
	Sender  Sender
	Timeout time.Duration // of one leg
	Metrics *Metrics
}

// Read runs the legs, each failed one once more on the nodes replan names (RD-7).
func (r *Reader) Read(ctx context.Context, c Call, p plan.Read, replan Replan) Outcome {
	first := r.round(ctx, c, p.Legs)
	out := Outcome{Missing: slices.Clone(p.Missing)}
	var again []plan.Leg
	for _, a := range first {
		if !a.failed() {
			out.take(a)
			continue
		}
		out.Stale = out.Stale || a.stale()
		others := replan(a.leg)
		out.Missing = append(out.Missing, lost(a.leg, others)...)
		again = append(again, others...)
	}
	if len(again) > 0 && out.Refused == nil && ctx.Err() == nil {
		r.Metrics.Retries.Add(float64(len(again)))
		for _, a := range r.round(ctx, c, again) {
			if a.failed() {
				out.Missing = append(out.Missing, a.leg.Shards...)
				continue
			}
			out.take(a)
		}
	}
	slices.Sort(out.Missing)
	slices.SortFunc(out.Results, func(a, b Result) int { return a.Leg.Shards[0] - b.Leg.Shards[0] })
	return out
}

// answer is what one leg came back with.
type answer struct {
	leg    plan.Leg
	status int
	body   []byte
	err    error
}

// failed says whether another node might do better: no answer, an error of the node itself, a full search queue, or a
// node that does not hold what was planned. What an engine does not have, no other of the cluster has.
func (a answer) failed() bool {
	return a.err != nil || a.status >= http.StatusInternalServerError && a.status != http.StatusNotImplemented || a.stale()
}

// stale says that the node holds other shards than the plan assumed.
func (a answer) stale() bool {
	return a.err == nil && a.status == http.StatusConflict && apierr.Parse(a.status, a.body).Code == nodeapi.CodeStalePlacement
}

func (o *Outcome) take(a answer) {
	switch {
	case a.status == http.StatusOK:
		o.Results = append(o.Results, Result{Leg: a.leg, Body: a.body})
	case o.Refused == nil:
		o.Refused = apierr.Parse(a.status, a.body)
	}
}

func (r *Reader) round(ctx context.Context, c Call, legs []plan.Leg) []answer {
	answers := make([]answer, len(legs))
	run := func(i int) { answers[i] = r.one(ctx, c, legs[i]) }
	switch len(legs) {
	case 0: // nothing is covered, or another leg has all that there is
		return answers
	case 1:
		run(0)
		return answers
	}
	var wg sync.WaitGroup
	for i := range legs[1:] {
		wg.Go(func() { run(i + 1) })
	}
	run(0)
	wg.Wait()
	return answers
}

func (r *Reader) one(ctx context.Context, c Call, l plan.Leg) answer {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	if c.BodyOf != nil {
		c.Body = c.BodyOf(l)
	}
	start := time.Now()
	a, err := r.Sender.Do(ctx, client.Request{
		Address: l.Address, Method: c.Method, Path: c.Path, ContentType: c.ContentType, Body: c.Body,
		Leg: nodeapi.Leg{Epoch: c.Epoch, Shards: l.Shards, Count: c.Count, Stamps: c.Stamps, SortValues: c.SortValues},
	})
	r.Metrics.leg(l.Node, start, err == nil && a.Status < http.StatusInternalServerError)
	return answer{leg: l, status: a.Status, body: a.Body, err: err}
}

// lost lists the shards of a failed leg that its replacements do not cover.
func lost(failed plan.Leg, others []plan.Leg) []int {
	return slices.DeleteFunc(slices.Clone(failed.Shards), func(s int) bool {
		return slices.ContainsFunc(others, func(l plan.Leg) bool { return slices.Contains(l.Shards, s) })
	})
}
