package scatter

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/miroir-search/miroir/gateway/balance"
	"github.com/miroir-search/miroir/gateway/hedge"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/apierr"
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
	Class       balance.Class           // whose times the legs' are compared with
	Hedge       bool                    // a late leg may be asked of other owners too
	Sole        bool                    // and only of one that has all of its shards: several answers could not be merged
	Trace       *Trace                  // is told of every request to a node; nil for nobody
}

// Result is one leg with its answer.
type Result struct {
	Leg      plan.Leg
	Body     []byte
	Settings string // nodeapi.HeaderSettings
}

// Outcome is what a read's legs brought.
type Outcome struct {
	Results []Result      // ascending by the lowest shard; every body is a 200 answer
	Missing []int         // shards that nobody answered for, ascending
	Refused *apierr.Error // an engine's 4xx or 501: the answer to the whole request (RD-9)
	Stale   bool          // a node held other shards than planned
	Full    *apierr.Error // some of what is missing is so because a node or the way to it was full
}

// Why says what another owner is looked for for.
type Why int

// Reasons. A leg that is late may still answer.
const (
	Broken Why = iota
	Late
)

// Replan finds other nodes for a leg, but not those to avoid; it may return fewer shards than the leg has. It is called by
// several goroutines at the same time.
type Replan func(of plan.Leg, why Why, avoid plan.Avoid) []plan.Leg

// Reader runs reads. Watch and Hedge may be nil.
type Reader struct {
	Sender    Sender
	Timeout   time.Duration // of one leg
	Impatient bool          // a leg that took too long is not sent again elsewhere
	Metrics   *Metrics
	Watch     *balance.Tracker
	Hedge     *hedge.Policy
}

// Read runs the legs, each of which may be asked of other owners too when it is late (F2), and once more of others when it
// failed (RD-7). replan may be nil: then nobody else is asked.
func (r *Reader) Read(ctx context.Context, c Call, p plan.Read, replan Replan) Outcome {
	out := Outcome{Missing: slices.Clone(p.Missing)}
	if len(p.Legs) == 0 { // nothing is covered, or another leg has all that there is
		return out
	}
	rd := &reading{Reader: r, call: c, replan: replan}
	if rd.legs = rd.few[:]; len(p.Legs) > len(rd.few) {
		rd.legs = make([]taken, len(p.Legs))
	}
	rd.legs = rd.legs[:len(p.Legs)]
	var wg sync.WaitGroup
	for i := range p.Legs[1:] {
		wg.Go(func() { rd.leg(ctx, p.Legs[i+1], &rd.legs[i+1]) })
	}
	rd.leg(ctx, p.Legs[0], &rd.legs[0])
	wg.Wait()
	out.Results = make([]Result, 0, len(p.Legs))
	for i := range rd.legs {
		out.take(&rd.legs[i])
	}
	slices.Sort(out.Missing)
	slices.SortFunc(out.Results, func(a, b Result) int { return a.Leg.Shards[0] - b.Leg.Shards[0] })
	return out
}

// reading is one read on its way.
type reading struct {
	*Reader
	call   Call
	replan Replan
	legs   []taken
	few    [3]taken // legs of most reads, for one allocation instead of two

	mu     sync.Mutex // held for a look at the fields below
	failed []string   // nodes that brought nothing
	hedges int        // that were fired
}

// taken is what came of one leg of the plan: its own answer, or those of the nodes that stood in for it.
type taken struct {
	own     answer
	others  []answer // instead of own
	missing []int
	stale   bool
	full    *apierr.Error
}

// take adds what one leg came to.
func (o *Outcome) take(t *taken) {
	o.Missing = append(o.Missing, t.missing...)
	o.Stale = o.Stale || t.stale
	if o.Full == nil {
		o.Full = t.full
	}
	if t.others == nil && t.missing == nil {
		o.add(&t.own)
		return
	}
	for i := range t.others {
		o.add(&t.others[i])
	}
}

func (o *Outcome) add(a *answer) {
	switch {
	case a.status == http.StatusOK:
		o.Results = append(o.Results, Result{Leg: a.leg, Body: a.body, Settings: a.settings})
	case o.Refused == nil:
		o.Refused = apierr.Parse(a.status, a.body)
	}
}

// broke notes that a node brought nothing.
func (rd *reading) broke(node string) {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	rd.failed = append(rd.failed, node)
}

// avoid says which nodes brought nothing so far.
func (rd *reading) avoid() plan.Avoid {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	failed := slices.Clone(rd.failed)
	return func(node string) bool { return slices.Contains(failed, node) }
}
