package finisher

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// Scope is the scope whose leader runs the finisher.
const Scope = "tasks"

// Nodes asks sidecars; *client.Client does.
type Nodes interface {
	Dispatches(ctx context.Context, address string, ids []string) ([]nodeapi.Dispatch, error)
	Do(ctx context.Context, r client.Request) (client.Answer, error)
}

// Store records outcomes; *state.Client does.
type Store interface {
	FinishTask(ctx context.Context, r task.Record) (finished bool, err error)
	DeleteTasks(ctx context.Context, uids []uint32) error
	MarkMissed(ctx context.Context, physical string, miss state.Miss, judge func(state.DirtyFunc) state.Marking) error
	Gateways(ctx context.Context) (map[string]state.GatewayRecord, error)
	UpdateIndex(ctx context.Context, uid string, change func(*routing.IndexRecord) error) (routing.IndexRecord, error)
}

// Tasks is the cache of tasks; *state.TaskWatch is one.
type Tasks interface {
	Open() []task.Record
	Each(ascending bool, visit func(*task.Record) bool)
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Views gives the newest routing view; *state.ViewWatch does.
type Views interface{ View() *routing.View }

// Pauses between two rounds of questions while tasks are open: short after news, longer while nothing moves. Changes of
// the task list within wakePause are one round.
const (
	minPause   = 20 * time.Millisecond
	maxPause   = 200 * time.Millisecond
	wakePause  = 5 * time.Millisecond
	askTimeout = 2 * time.Second
	fullRound  = time.Second      // all tasks are judged again this often, for time decides about some
	pruneEvery = time.Minute      // and finished ones looked through
	atOnce     = 16               // tasks recorded at the same time
	endTimeout = 10 * time.Second // for all that belongs to the end of one task
)

// Finisher finishes tasks. All fields but Limits must be set.
type Finisher struct {
	Nodes   Nodes
	Store   Store
	Tasks   Tasks
	Views   Views
	Now     func() time.Time
	Limits  Limits
	Log     zerolog.Logger
	Metrics *Metrics
}

// said is a node's answer to one question.
type said struct {
	node    string
	answers map[uint32]Answer
}

// ended is what became of recording a task.
type ended struct {
	rec task.Record
	err error
}

// loop is one run of the finisher.
type loop struct {
	*Finisher
	*ledger
	heard    chan said
	finished chan ended
	asking   map[string]bool
	ready    []task.Record // decided, waiting for room
	decided  map[uint32]Decision
	ending   int
	news     bool
}

// Lead works until ctx ends. It rests while no task is open.
func (f *Finisher) Lead(ctx context.Context) error {
	f.Limits = f.Limits.withDefaults()
	changed, cancel := f.Tasks.Subscribe()
	defer cancel()
	l := &loop{
		Finisher: f, ledger: newLedger(), heard: make(chan said), finished: make(chan ended), asking: map[string]bool{},
		decided: map[uint32]Decision{},
	}
	defer l.drain()
	pause := minPause
	round := time.NewTimer(0)
	defer round.Stop()
	full := time.NewTicker(fullRound)
	defer full.Stop()
	prune := time.NewTimer(0)
	defer prune.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
			pause = minPause
			round.Reset(wakePause)
		case <-round.C:
			l.round(ctx)
			if pause = min(2*pause, maxPause); l.news {
				pause = minPause
			}
			if l.news = false; len(l.items) > 0 {
				round.Reset(pause)
			}
		case s := <-l.heard:
			l.listen(ctx, s)
		case e := <-l.finished:
			l.close(ctx, e)
		case <-full.C:
			for _, uid := range slices.Clone(l.order) {
				l.judge(ctx, uid)
			}
		case <-prune.C:
			l.prune(ctx)
			prune.Reset(pruneEvery)
		}
	}
}

// drain waits for everything that was started.
func (l *loop) drain() {
	for len(l.asking) > 0 || l.ending > 0 {
		select {
		case s := <-l.heard:
			delete(l.asking, s.node)
		case <-l.finished:
			l.ending--
		}
	}
}

// round takes over new tasks and asks every node that is not being asked.
func (l *loop) round(ctx context.Context) {
	l.news = l.sync(l.Tasks.Open()) || l.news
	l.Metrics.open.Set(float64(len(l.items)))
	v := l.Views.View()
	for node, uids := range l.questions(v, l.Now(), l.asking) {
		l.asking[node] = true
		address := v.Nodes[node].Address
		ids, orphans := l.dispatches(uids), l.orphans(uids, l.Now())
		go func() {
			answers := l.ask(ctx, node, address, uids, ids)
			l.disown(ctx, node, address, answers, orphans)
			l.heard <- said{node, answers}
		}()
	}
}

// ask puts one question to a node: what became of tasks, whose dispatches are given in the same order.
func (f *Finisher) ask(ctx context.Context, node, address string, uids []uint32, ids []string) map[uint32]Answer {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	found, err := f.Nodes.Dispatches(ctx, address, ids)
	if err != nil {
		f.Log.Debug().Err(err).Str("node", node).Msg("node did not answer about its tasks")
		return nil
	}
	answers := make(map[uint32]Answer, len(uids))
	for i, d := range found {
		if d.State == nodeapi.StateUnknown {
			answers[uids[i]] = Answer{Unknown: true}
			continue
		}
		o, err := task.ReadOutcome(node, d.Task)
		if err != nil {
			f.Log.Warn().Err(err).Str("node", node).Msg("node answered about a task unreadably")
			continue
		}
		answers[uids[i]] = Answer{Outcome: o}
	}
	return answers
}

// listen takes over what a node said.
func (l *loop) listen(ctx context.Context, s said) {
	delete(l.asking, s.node)
	now := l.Now()
	for uid, a := range s.answers {
		if l.hear(s.node, uid, a, now) {
			l.news = true
			l.judge(ctx, uid)
		}
	}
}

// judge decides about one task.
func (l *loop) judge(ctx context.Context, uid uint32) {
	it, ok := l.items[uid]
	if !ok || it.busy {
		return
	}
	now := l.Now()
	d := Decide(it.rec, it.answers, l.Views.View(), now, l.Limits)
	for _, node := range d.Resend {
		if last, told := it.told[node]; !l.asking[node] && (!told || now.Sub(last) >= tellPause) {
			it.told[node] = now
			l.asking[node] = true
			rec := it.rec
			address := l.Views.View().Nodes[node].Address
			go func() {
				l.resend(ctx, rec, address)
				l.heard <- said{node: node}
			}()
		}
	}
	if d.Final == nil {
		return
	}
	it.busy = true
	l.decided[uid] = d
	l.ready = append(l.ready, *d.Final)
	l.start(ctx)
}

// resend tells a node again to delete an index. It finds what it did the first time, if anything.
func (f *Finisher) resend(ctx context.Context, r task.Record, address string) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_, err := f.Nodes.Do(ctx, client.Request{
		Address: address, Method: http.MethodDelete, Path: "/indexes/" + r.Physical,
		Leg: nodeapi.Leg{Dispatch: task.DispatchID(r.UID)},
	})
	if err != nil {
		f.Log.Debug().Err(err).Msg("index deletion not sent again")
	}
}

// start records decided tasks as long as there is room.
func (l *loop) start(ctx context.Context) {
	for l.ending < atOnce && len(l.ready) > 0 {
		r := l.ready[0]
		l.ready = l.ready[1:]
		d := l.decided[r.UID]
		delete(l.decided, r.UID)
		l.ending++
		go func() { l.finished <- ended{r, l.end(ctx, r, d)} }()
	}
}

// close takes over what became of recording a task.
func (l *loop) close(ctx context.Context, e ended) {
	l.ending--
	defer l.start(ctx)
	it, ok := l.items[e.rec.UID]
	if e.err != nil {
		l.Log.Warn().Err(e.err).Msg("task could not be finished yet")
		if ok {
			it.busy = false // the next full round tries again
		}
		return
	}
	delete(l.items, e.rec.UID)
	l.done[e.rec.UID] = true
	l.news = true
}
