package scatter

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"github.com/miroir-search/miroir/gateway/balance"
	"github.com/miroir-search/miroir/gateway/hedge"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/tuning"
)

// far is longer than any test takes.
const far = time.Minute

// nodeServer is a node whose every answer a test makes.
type nodeServer struct {
	name    string
	address string
	arrived chan string   // shards of a leg that came
	answers chan scripted // what it is answered with
	gaveUp  chan struct{} // the other side went away before
}

type scripted struct {
	status int
	body   string
}

func newNode(t *testing.T, name string) *nodeServer {
	n := &nodeServer{name: name, arrived: make(chan string, 16), answers: make(chan scripted, 16), gaveUp: make(chan struct{}, 16)}
	server := httptest.NewServer(n)
	n.address = server.URL
	t.Cleanup(server.Close)
	return n
}

func (n *nodeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // without it the server does not see that the client goes
	n.arrived <- r.Header.Get(nodeapi.HeaderShards)
	select {
	case a := <-n.answers:
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	case <-r.Context().Done():
		n.gaveUp <- struct{}{}
	}
}

func (n *nodeServer) leg(shards ...int) plan.Leg {
	return plan.Leg{Node: n.name, Address: n.address, Shards: shards}
}

// clock lets a test say when a leg is late.
type clock struct {
	mu     sync.Mutex
	timers []*timer
	set    chan struct{} // receives for every timer
}

type timer struct {
	call    func()
	stopped atomic.Bool
	fired   atomic.Bool
}

func (t *timer) Stop() bool { return !t.fired.Load() && t.stopped.CompareAndSwap(false, true) }

func (c *clock) after(_ time.Duration, call func()) hedge.Timer {
	t := &timer{call: call}
	c.mu.Lock()
	c.timers = append(c.timers, t)
	c.mu.Unlock()
	c.set <- struct{}{}
	return t
}

// fire lets the leg of the timer that was set at the given place be late, and returns after everything that follows from it.
func (c *clock) fire(i int) chan struct{} {
	c.mu.Lock()
	t := c.timers[i]
	c.mu.Unlock()
	done := make(chan struct{})
	t.fired.Store(true)
	go func() {
		defer close(done)
		t.call()
	}()
	return done
}

type known time.Duration

func (k known) P95(string, balance.Class) time.Duration { return time.Duration(k) }

// rig is a reader over nodes whose legs are late when the test says so.
type rig struct {
	Reader
	*clock
	registry *prometheus.Registry
}

func newRig(t *testing.T, change func(*tuning.Live)) *rig {
	t.Helper()
	live := tuning.Default()
	live.Hedging.BudgetRatio = 1
	if change != nil {
		change(&live)
	}
	nodes := client.New(client.Options{NodeKey: "node"})
	t.Cleanup(nodes.Close)
	r := &rig{clock: &clock{set: make(chan struct{}, 16)}, registry: prometheus.NewRegistry()}
	r.Reader = Reader{
		Sender: nodes, Timeout: far, Metrics: NewMetrics(r.registry),
		Hedge: hedge.New(hedge.Options{
			Tuning: func() *tuning.Live { return &live }, Times: known(time.Millisecond), Now: func() time.Time { return time.Unix(100, 0) },
			After: r.after, Metrics: hedge.NewMetrics(r.registry),
		}),
	}
	for range 10 {
		r.Hedge.Sent()
	}
	return r
}

// read runs a read in a goroutine of its own.
func (r *rig) read(ctx context.Context, c Call, replan Replan, legs ...plan.Leg) <-chan Outcome {
	out := make(chan Outcome, 1)
	c.Method, c.Path, c.Count, c.Hedge = http.MethodPost, "/search", 8, true
	go func() { out <- r.Read(ctx, c, plan.Read{Legs: legs}, replan) }()
	for range legs {
		<-r.set
	}
	return out
}

// count is the value of a counter.
func (r *rig) count(t *testing.T, name, label string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetValue() == label })) {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// standIn always names the same nodes.
func standIn(legs ...plan.Leg) Replan {
	return func(of plan.Leg, _ Why, avoid plan.Avoid) []plan.Leg {
		return slices.DeleteFunc(slices.Clone(legs), func(l plan.Leg) bool { return l.Node == of.Node || avoid(l.Node) })
	}
}

func bodiesOf(out Outcome) string {
	var b []string
	for _, r := range out.Results {
		b = append(b, fmt.Sprintf("%s%v=%s", r.Leg.Node, r.Leg.Shards, r.Body))
	}
	return strings.Join(b, " ")
}

// A2.5, F2: other owners answer for a leg that is late, its own node's answer is not waited for, and the node sees that.
func TestF2OtherOwnersAnswerForALateLeg(t *testing.T) {
	a, b, c := newNode(t, "a"), newNode(t, "b"), newNode(t, "c")
	r := newRig(t, nil)
	out := r.read(t.Context(), Call{}, standIn(b.leg(0, 2), c.leg(1)), a.leg(0, 1, 2))
	<-a.arrived
	done := r.fire(0)
	if <-b.arrived != "0,2" || <-c.arrived != "1" {
		t.Error("other shards were asked for")
	}
	b.answers <- scripted{200, "fromB"}
	c.answers <- scripted{200, "fromC"}
	got := <-out
	if bodiesOf(got) != "b[0 2]=fromB c[1]=fromC" || got.Missing != nil || got.Refused != nil {
		t.Errorf("%s, missing %v, refused %v", bodiesOf(got), got.Missing, got.Refused)
	}
	<-a.gaveUp
	<-done
	if n := r.count(t, "miroir_hedge_fired_total", "winner"); n != 2 {
		t.Errorf("%v hedges won", n)
	}
	if n := r.count(t, "miroir_node_errors_total", "a"); n != 0 {
		t.Errorf("%v errors of a node that was merely slow", n)
	}
}

// F2: a leg that answers after all is the answer, and whoever was asked instead is told to stop.
func TestF2ALateLegMayStillAnswer(t *testing.T) {
	a, b := newNode(t, "a"), newNode(t, "b")
	r := newRig(t, nil)
	out := r.read(t.Context(), Call{}, standIn(b.leg(0)), a.leg(0))
	<-a.arrived
	done := r.fire(0)
	<-b.arrived
	a.answers <- scripted{200, "fromA"}
	if got := <-out; bodiesOf(got) != "a[0]=fromA" {
		t.Error(bodiesOf(got))
	}
	<-b.gaveUp
	<-done
	if n := r.count(t, "miroir_hedge_fired_total", "loser"); n != 1 {
		t.Errorf("%v hedges lost", n)
	}
}

// F2: what is no answer (5xx, a stale placement) does not end the race, on either side; a 4xx is one.
func TestF2OnlyAnswersEndTheRace(t *testing.T) {
	for _, c := range []struct {
		name       string
		own, other scripted
		ownFirst   bool
		want       string
		refused    bool
	}{
		{"the other fails", scripted{200, "own"}, scripted{500, ""}, false, "a[0]=own", false},
		{"the own fails", scripted{500, ""}, scripted{200, "other"}, true, "b[0]=other", false},
		{"the own is stale", scripted{409, stale}, scripted{200, "other"}, true, "b[0]=other", false},
		{"the other refuses", scripted{200, "own"}, scripted{400, `{"message":"m","code":"invalid_search_filter"}`}, false, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := newNode(t, "a"), newNode(t, "b")
			r := newRig(t, nil)
			out := r.read(t.Context(), Call{}, standIn(b.leg(0)), a.leg(0))
			<-a.arrived
			done := r.fire(0)
			<-b.arrived
			if c.ownFirst {
				a.answers <- c.own
				b.answers <- c.other
			} else {
				b.answers <- c.other
				<-done
				if !c.refused {
					a.answers <- c.own
				}
			}
			if got := <-out; bodiesOf(got) != c.want || (got.Refused != nil) != c.refused {
				t.Errorf("%s %v", bodiesOf(got), got.Refused)
			}
			<-done
		})
	}
}

const stale = `{"message":"m","code":"stale_placement","type":"internal","link":"l"}`

// F2, RD-7: a leg is tried three times at most: by its node, by a hedge, and once more by somebody else.
func TestF2ThreeAttemptsAtMost(t *testing.T) {
	a, b, c, d := newNode(t, "a"), newNode(t, "b"), newNode(t, "c"), newNode(t, "d")
	r := newRig(t, nil)
	left := []plan.Leg{b.leg(0), c.leg(0), d.leg(0)}
	first := func(of plan.Leg, why Why, avoid plan.Avoid) []plan.Leg {
		rest := standIn(left...)(of, why, avoid)
		if why == Broken && !avoid("a") {
			t.Error("the node that failed may be asked again")
		}
		if why == Broken { // b was asked as a hedge; its failure is not known to the plan, but to the view in time
			rest = slices.DeleteFunc(rest, func(l plan.Leg) bool { return l.Node == "b" })
		}
		return rest[:1]
	}
	out := r.read(t.Context(), Call{}, first, a.leg(0))
	<-a.arrived
	done := r.fire(0)
	<-b.arrived
	b.answers <- scripted{500, ""}
	<-done
	a.answers <- scripted{500, ""}
	<-c.arrived
	c.answers <- scripted{500, ""}
	if got := <-out; len(got.Results) != 0 || !slices.Equal(got.Missing, []int{0}) {
		t.Errorf("%s, missing %v", bodiesOf(got), got.Missing)
	}
	select {
	case <-d.arrived:
		t.Error("a fourth attempt")
	default:
	}
}

// F2: nobody is asked twice beyond the bounds, where several answers could not be merged, or where others do not have all
// of the leg's shards.
func TestF2WhenNobodyElseIsAsked(t *testing.T) {
	for _, c := range []struct {
		name   string
		call   Call
		change func(*tuning.Live)
		others func(b, c *nodeServer) Replan
	}{
		{"the gateway's budget", Call{}, func(l *tuning.Live) { l.Hedging.BudgetRatio = 0 }, func(b, _ *nodeServer) Replan { return standIn(b.leg(0, 1)) }},
		{"the query's bound", Call{}, func(l *tuning.Live) { l.Hedging.MaxHedgesPerQuery = 1 }, func(b, c *nodeServer) Replan { return standIn(b.leg(0), c.leg(1)) }},
		{"several answers", Call{Sole: true}, nil, func(b, c *nodeServer) Replan { return standIn(b.leg(0), c.leg(1)) }},
		{"some shards only", Call{}, nil, func(b, _ *nodeServer) Replan { return standIn(b.leg(0)) }},
		{"no other owner", Call{}, nil, func(_, _ *nodeServer) Replan { return standIn() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b, d := newNode(t, "a"), newNode(t, "b"), newNode(t, "c")
			r := newRig(t, c.change)
			out := r.read(t.Context(), c.call, c.others(b, d), a.leg(0, 1))
			<-a.arrived
			<-r.fire(0)
			a.answers <- scripted{200, "own"}
			if got := <-out; bodiesOf(got) != "a[0 1]=own" {
				t.Error(bodiesOf(got))
			}
			if len(b.arrived)+len(d.arrived) != 0 {
				t.Error("somebody else was asked")
			}
		})
	}
}

// A client that leaves ends the leg and the hedge. Nothing stays behind.
func TestF2AClientThatLeavesEndsEverything(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	func() {
		a, b := newNode(t, "a"), newNode(t, "b")
		r := newRig(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		out := r.read(ctx, Call{}, standIn(b.leg(0)), a.leg(0))
		<-a.arrived
		done := r.fire(0)
		<-b.arrived
		cancel()
		if got := <-out; len(got.Results) != 0 || !slices.Equal(got.Missing, []int{0}) {
			t.Errorf("%s %v", bodiesOf(got), got.Missing)
		}
		<-done
		<-a.gaveUp
		<-b.gaveUp
		if n := r.count(t, "miroir_node_errors_total", ""); n != 0 {
			t.Errorf("%v errors of nodes", n)
		}
	}()
	goleak.VerifyNone(t, leaks, goleak.IgnoreAnyFunction("net/http/httptest.(*Server).goServe.func1"),
		goleak.IgnoreAnyFunction("net/http.(*conn).serve"), goleak.IgnoreAnyFunction("net/http.(*connReader).backgroundRead"))
}

// RD-7: a leg that fails is asked elsewhere at once, not only after the slowest of the others.
func TestRD7AFailedLegDoesNotWaitForSlowOnes(t *testing.T) {
	a, b, c := newNode(t, "a"), newNode(t, "b"), newNode(t, "c")
	r := newRig(t, nil)
	out := r.read(t.Context(), Call{}, standIn(c.leg(1)), a.leg(0), b.leg(1))
	<-a.arrived
	<-b.arrived
	b.answers <- scripted{500, ""}
	<-c.arrived // while a is under way
	c.answers <- scripted{200, "other"}
	a.answers <- scripted{200, "own"}
	if got := <-out; bodiesOf(got) != "a[0]=own c[1]=other" {
		t.Error(bodiesOf(got))
	}
}

// RD-7: a full search queue is asked elsewhere; where nobody has room, the engine's own words are known.
func TestRD7AFullNode(t *testing.T) {
	const full = `{"message":"Too many search requests running at the same time: 1000. Retry after 10s.","code":"too_many_search_requests","type":"system","link":"https://docs.meilisearch.com/errors#too_many_search_requests"}`
	for _, room := range []bool{true, false} {
		a, b := newNode(t, "a"), newNode(t, "b")
		r := newRig(t, nil)
		out := r.read(t.Context(), Call{}, standIn(b.leg(0)), a.leg(0))
		a.answers <- scripted{503, full}
		if room {
			b.answers <- scripted{200, "other"}
		} else {
			b.answers <- scripted{503, full}
		}
		got := <-out
		if room && (bodiesOf(got) != "b[0]=other" || got.Full != nil) || !room && (got.Full == nil || string(got.Full.JSON()) != full || got.Full.Status != 503) {
			t.Errorf("%s, full %v", bodiesOf(got), got.Full)
		}
	}
}
