package serve

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

const (
	// headerSession names a session: its reads find what its writes made.
	headerSession = "X-Miroir-Session"
	maxSession    = 128 // bytes of its name
)

// Why a session was not honoured, or only in part.
const (
	degradedStore   = "store_unavailable"
	degradedEvicted = "evicted"
)

// Bounds of a session's record.
const (
	maxSessionTasks   = 8  // of one index; older ones collapse into "all tasks up to this one"
	maxSessionIndexes = 16 // those written to longest ago go first
)

// session is what a request in a session carries.
type session struct {
	name     string // of its record
	given    string // by the client
	lost     bool   // the record can not be read or written: as if there were no session
	degraded string // why
	found    state.ClientSession
	stale    atomic.Bool // something written is not shown
	until    time.Time   // of all waiting
	bounds   []*bound    // reads that must not go everywhere
	wrote    *written
}

// written is a write of a session that its nodes have taken.
type written struct {
	physical string
	task     uint32
	group    *int
}

// join finds the session of a request. What the session did before, at whatever gateway, is known here when it returns.
func (s *Service) join(ctx context.Context, c *call) *apierr.Error {
	values := c.Header[headerSession]
	if len(values) == 0 || !s.tuned().SessionPinning.Enabled || !c.mayJoin() {
		return nil
	}
	if len(values) > 1 || !opaque(values[0], maxSession) {
		return invalidHeader(headerSession, maxSession)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Limits.State)
	defer cancel()
	c.session = &session{name: secretName(c.grant.Credential(), values[0]), given: values[0], until: c.now.Add(s.tuned().SessionPinning.MaxWait())}
	rec, revision, err := s.Store.ClientSession(ctx, c.session.name)
	if err == nil {
		c.session.found = rec
		err = errors.Join(s.Views.Reach(ctx, revision), s.Tasks.Reach(ctx, revision), s.Keys.Reach(ctx, revision))
	}
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		s.Log.Warn().Ctx(ctx).Err(err).Msg("session not found out about")
		c.session.lost, c.session.degraded = true, degradedStore
		return nil
	}
	if e := s.renew(c, s.Views.View()); e != nil {
		return e
	}
	if err == nil && !c.op.Kind.Writes() && c.op.Access == operation.Keyed && time.Until(rec.Expires) < s.tuned().SessionPinning.TTL()/2 {
		s.amendSession(ctx, c, func(*state.ClientSession) {}) // reading keeps it alive as well
	}
	return nil
}

// mayJoin says whether the request can be in a session: those of keys are, administrators have none.
func (c *call) mayJoin() bool {
	return c.op.Access == operation.Keyed || c.op.Access == operation.KeyedOrAdmin && !c.grant.Admin()
}

// renew lets a request go by a newer view. Whether its credential allows what its name stands for now is asked again.
func (s *Service) renew(c *call, v *routing.View) *apierr.Error {
	before := c.op.Targets
	c.view = v
	c.resolve()
	if slices.Equal(before, c.op.Targets) {
		return nil
	}
	var e *apierr.Error
	c.grant, e = s.Auth.Check(c.op, c.Header)
	return e
}

// remember notes what a request wrote in its session, before it is answered.
func (s *Service) remember(ctx context.Context, c *call, answer *reply.Reply) {
	if c.session == nil || c.session.lost || !c.op.Kind.Writes() || answer.Status >= 300 {
		return
	}
	w := c.session.wrote
	if w == nil {
		w = s.rewritten(ctx, c, answer)
	}
	evicted := false
	s.amendSession(ctx, c, func(rec *state.ClientSession) {
		if w != nil {
			evicted = s.note(rec, *w)
		}
	})
	if evicted {
		s.Metrics.sessionsEvicted.Inc()
		c.session.degraded = degradedEvicted
	}
}

// rewritten finds what a write that was answered from memory has made: its session may not know.
func (s *Service) rewritten(ctx context.Context, c *call, answer *reply.Reply) *written {
	uid, ok := taskIn(answer)
	if !ok || c.once == nil {
		return nil
	}
	r, err := s.Store.Task(ctx, uid)
	if err != nil || r.Done() || r.Physical == "" {
		return nil
	}
	return &written{physical: r.Physical, task: uid}
}

func (s *Service) amendSession(ctx context.Context, c *call, change func(*state.ClientSession)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Limits.State)
	defer cancel()
	if err := s.Store.AmendClientSession(ctx, c.session.name, s.tuned().SessionPinning.TTL(), change); err != nil {
		s.Log.Warn().Ctx(ctx).Err(err).Msg("session not written")
		c.session.lost, c.session.degraded = true, degradedStore
	}
}

// note adds a write to a session's record. evicted says that writes to another index had to go for it.
func (s *Service) note(rec *state.ClientSession, w written) (evicted bool) {
	ix := rec.Indexes[w.physical]
	ix.Tasks = slices.DeleteFunc(ix.Tasks, func(uid uint32) bool {
		r, known := s.Tasks.Get(uid)
		return uid == w.task || known && r.Done()
	})
	ix.Tasks = append(ix.Tasks, w.task)
	slices.Sort(ix.Tasks)
	if n := len(ix.Tasks) - maxSessionTasks; n > 0 {
		ix.Before, ix.Tasks = max(ix.Before, ix.Tasks[n-1]), ix.Tasks[n:]
	}
	ix.Group, ix.At = w.group, s.time()
	rec.Indexes[w.physical] = ix
	for len(rec.Indexes) > maxSessionIndexes {
		oldest := ""
		for name, other := range rec.Indexes {
			if oldest == "" || other.At.Before(rec.Indexes[oldest].At) || other.At.Equal(rec.Indexes[oldest].At) && name < oldest {
				oldest = name
			}
		}
		evicted = evicted || slices.ContainsFunc(rec.Indexes[oldest].Tasks, func(uid uint32) bool {
			r, known := s.Tasks.Get(uid)
			return !known || !r.Done()
		})
		delete(rec.Indexes, oldest)
	}
	return evicted
}

// wrote notes that nodes have taken the write of a request. acks are theirs.
func (c *call) wrote(physical string, task uint32, p plan.Write, acks []scatter.Ack) {
	if c.session == nil {
		return
	}
	order := slices.DeleteFunc(slices.Clone(acks), func(a scatter.Ack) bool { return !a.Accepted })
	slices.SortFunc(order, func(a, b scatter.Ack) int { return a.At.Compare(b.At) })
	nodes := make([]string, len(order))
	for i, a := range order {
		nodes[i] = a.Leg.Node
	}
	c.session.wrote = &written{physical: physical, task: task}
	if g, ok := p.First(nodes); ok {
		c.session.wrote.group = &g
	}
}

// mark tells the client what became of its session.
func (c *call) mark(r *reply.Reply) {
	if c.session == nil || r.Route != nil {
		return
	}
	if !c.session.lost {
		r.Header.Set(headerSession, c.session.given)
	}
	if c.session.stale.Load() {
		r.Header.Set(reply.HeaderSessionStale, "true")
	}
	if c.session.degraded != "" {
		r.Header.Set(reply.HeaderSessionDegraded, c.session.degraded)
	}
}

// boundOf is where reads of an index must stay, nil for anywhere.
func (c *call) boundOf(ix *routing.Index) *bound {
	if c.session == nil {
		return nil
	}
	for _, b := range c.session.bounds {
		if b.physical == ix.Physical {
			return b
		}
	}
	return nil
}
