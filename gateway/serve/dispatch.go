package serve

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/tuning"
)

// newTask starts the record of a task, once the request's body is read and before it has any effect. The task gets its uid
// here and nowhere else.
func (s *Service) newTask(ctx context.Context, c *call, kind string, details any) (r task.Record, err error) {
	if err := s.begin(ctx, c); err != nil {
		return r, err
	}
	r = task.Record{V: task.Version, Type: kind, Status: task.Enqueued, EnqueuedAt: c.now}
	r.Sender = &task.Sender{Gateway: s.ID, Since: s.Started, Again: c.once != nil}
	if err := s.identify(ctx, c, &r); err != nil {
		return r, err
	}
	if c.op.Index != "" {
		r.IndexUID = &c.op.Index
		if c.alias != nil {
			r.Resolved = c.uid()
		}
	}
	if details != nil {
		if r.Details, err = rawjson.Marshal(details); err != nil {
			return r, err
		}
	}
	return r, nil
}

// writeCall is a write to the shards of an index: what every leg carries beside the shards.
type writeCall struct {
	index       *routing.Index
	shards      []int
	method      string
	path        string // below /indexes/<physical>, with query
	contentType string
	body        func(l plan.Leg) (io.Reader, int64, error)
	primaryKey  string
	documents   int // in the payload
	order       order
	effect      func(with state.Receipt) error // what is committed with the task; nil for nothing
	moved       func() *reply.Reply            // what to do when effect returns errMoved

	refused func(*apierr.Error) *apierr.Error // puts a refusal of nodes into the client's terms; nil when it is in them already
}

// order says how a write stands to others of its index.
type order uint8

const (
	free  order = iota // it changes no documents
	joins              // it names its documents: any number at the same time
	alone              // it names none: no other write at the same time
)

// stateReply is the answer when the state store does not take a record: nothing was sent to any node.
func (s *Service) stateReply(ctx context.Context, err error) *reply.Reply {
	var known answered
	if errors.As(err, &known) {
		return known.reply
	}
	var used *state.TargetedError
	if errors.As(err, &used) {
		return targeted(used)
	}
	if errors.Is(err, state.ErrAliasMoved) {
		return movedReply()
	}
	if errors.Is(err, shardmap.ErrTooFewNodes) {
		return reply.Error(apierr.New(apierr.MiroirNoQuorum, "Too few nodes take part to place the copies of a new index. Try again later."))
	}
	s.Log.Error().Ctx(ctx).Err(err).Msg("state store failed")
	return reply.Error(unwritable())
}

// perform records the task, sends the write to every copy, and answers as the quorum rules say. The task is committed
// before any node is called, so that whatever a node did belongs to a task.
func (s *Service) perform(ctx context.Context, c *call, r task.Record, w writeCall) *reply.Reply {
	stamp, end, err := s.enter(ctx, w)
	if err != nil {
		return s.stateReply(ctx, err)
	}
	defer end()
	// Everything is here. A client that leaves now must not leave a write behind that only some nodes have, nor a key that
	// nobody knows the state of.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Limits.WriteLeg+s.Limits.State)
	defer cancel()
	if err := s.regain(ctx, c, &r, w.index.Physical); err != nil {
		return s.stateReply(ctx, err)
	}
	fresh := r.Stamp == 0 // else an earlier attempt has given a stamp, and nodes may have the write under it
	if fresh {
		r.Stamp = stamp
	}
	p := plan.PlanWrite(c.view, w.index, w.shards)
	p.Strict = s.tuned().Quorum.Base == tuning.QuorumConfigured
	r.Physical = w.index.Physical
	r.Targets = targets(p)
	r.RF = replicas(c.view)
	if w.effect == nil {
		err = s.record(ctx, c, &r)
	} else {
		err = s.commit(ctx, c, &r, w.effect)
	}
	if errors.Is(err, errMoved) && w.moved != nil {
		return w.moved()
	}
	if errors.Is(err, state.ErrNotFound) { // somebody else deleted the index a moment ago
		r.Physical, r.Targets = "", nil
		s.vanished(ctx, c.uid())
		return s.finished(ctx, c, r, meili.IndexNotFound(c.op.Index))
	}
	if err != nil {
		return s.stateReply(ctx, err)
	}
	acks := s.send(ctx, c, r, w, p)
	if fresh && s.restamp(ctx, &r, w, acks) {
		acks = s.send(ctx, c, r, w, p)
	}
	return s.conclude(context.WithoutCancel(ctx), c, r, w, p, acks)
}

// send sends a write to every copy, and heeds what they say about the clock.
func (s *Service) send(ctx context.Context, c *call, r task.Record, w writeCall, p plan.Write) []scatter.Ack {
	writer := scatter.Writer{Sender: s.Nodes, Timeout: s.Limits.WriteLeg, Metrics: s.Scatter, Down: func(ctx context.Context, node string) error {
		was := c.view.Nodes[node].OK
		_, err := s.Views.Wait(ctx, func(v *routing.View) bool { n := v.Nodes[node]; return !n.Alive || was && !n.OK })
		return err
	}}
	acks := writer.Write(ctx, scatter.WriteCall{
		Method: w.method, Path: "/indexes/" + w.index.Physical + w.path, ContentType: w.contentType, Body: w.body,
		PrimaryKey: w.primaryKey, Dispatch: r.DispatchID(), Stamp: r.Stamp, Count: w.index.Shards, Epoch: p.Epoch,
	}, p.Legs)
	s.heed(ctx, acks)
	return acks
}

// restamp gives a write another stamp that nodes refused as too far ahead, when the clock was and is not any more: else the first
// write afterwards would be refused for nothing. No node may have it, and a write that runs by itself has its stamp from the barrier.
func (s *Service) restamp(ctx context.Context, r *task.Record, w writeCall, acks []scatter.Ack) bool {
	if w.order == alone || slices.ContainsFunc(acks, func(a scatter.Ack) bool { return a.Accepted || a.Unsure }) || !skewed(acks) {
		return false
	}
	again := *r
	if again.Stamp = s.stamp(ctx, w.documents); again.Stamp >= r.Stamp {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, s.Limits.State)
	defer cancel()
	if err := s.Store.UpdateTask(ctx, again); err != nil {
		return false
	}
	*r = again
	return true
}

// vanished waits until this gateway, too, has heard that indexes are gone that the store does not have: whoever is told so must not see them
// in the next answer. Where that takes too long the answer goes out without.
func (s *Service) vanished(ctx context.Context, uids ...string) {
	ctx, cancel := context.WithTimeout(ctx, s.Limits.State)
	defer cancel()
	seen := map[string]string{}
	v := s.Views.View()
	for _, uid := range uids {
		if ix, ok := v.Indexes[uid]; ok {
			seen[uid] = ix.Physical
		}
	}
	_, err := s.Views.Wait(ctx, func(v *routing.View) bool {
		for uid, physical := range seen {
			if ix, ok := v.Indexes[uid]; ok && ix.Physical == physical {
				return false
			}
		}
		return true
	})
	if err != nil {
		s.Log.Warn().Ctx(ctx).Err(err).Msg("indexes are gone that this gateway still knows")
	}
}

// brokenDown says whether a status is that of a node that can not do what it should. What an engine does not have at all is
// refused like anything else that is wrong.
func brokenDown(status int) bool {
	return status >= http.StatusInternalServerError && status != http.StatusNotImplemented
}

// enter waits for the write's turn and gives it its stamp, which is later than those of all writes before the barrier.
func (s *Service) enter(ctx context.Context, w writeCall) (stamp hlc.Stamp, end func(), err error) {
	switch w.order {
	case joins:
		end = s.Barrier.Enter(ctx, w.index.Physical)
	case alone:
		s.observe(ctx)
		if stamp, end, err = s.Barrier.Close(ctx, w.index.Physical); err != nil {
			return 0, nil, err
		}
		return stamp, end, nil
	default:
		end = func() {}
	}
	return s.stamp(ctx, w.documents), end, nil
}

// stamp takes the stamps of a write of so many documents and returns the first. It is later than those of all tasks that
// this gateway has heard of, by whichever gateway.
func (s *Service) stamp(ctx context.Context, documents int) hlc.Stamp {
	s.observe(ctx)
	return s.Clock.Take(nodeapi.StampsFor(documents))
}

func (s *Service) observe(ctx context.Context) {
	if err := s.Clock.Observe(s.Tasks.Stamp()); err != nil {
		s.Log.Warn().Ctx(ctx).Err(err).Msg("stamp of another gateway ignored")
	}
}

// heed lets the clock return to the time when nodes refused a stamp as too far ahead, and it was: the next write is as good as ever.
func (s *Service) heed(ctx context.Context, acks []scatter.Ack) {
	if skewed(acks) {
		s.Log.Warn().Ctx(ctx).Msg("nodes refuse this clock's stamps as too far ahead")
		s.Clock.Return()
	}
}

// skewed says whether a node refused a stamp as too far ahead.
func skewed(acks []scatter.Ack) bool {
	return slices.ContainsFunc(acks, func(a scatter.Ack) bool { return a.Refused != nil && a.Refused.Code == nodeapi.CodeClockSkew })
}

// lament logs why too few nodes have acknowledged a write.
func (s *Service) lament(ctx context.Context, uid uint32, acks []scatter.Ack) {
	for _, a := range acks {
		if !a.Accepted {
			s.Log.Warn().Ctx(ctx).Err(a.Why()).Uint32("task", uid).Str("node", a.Leg.Node).Msg("write not acknowledged")
		}
	}
}

// conclude turns acknowledgements into the answer, and leaves behind dirty markers and the truth in the task.
func (s *Service) conclude(ctx context.Context, c *call, r task.Record, w writeCall, p plan.Write, acks []scatter.Ack) *reply.Reply {
	ctx, cancel := context.WithTimeout(ctx, s.Limits.State)
	defer cancel()
	said := plan.Acks{Acked: map[string]bool{}, Unsure: map[string]bool{}}
	var refused *apierr.Error
	for _, a := range acks {
		said.Acked[a.Leg.Node], said.Unsure[a.Leg.Node] = a.Accepted, a.Unsure
		if !a.Accepted && a.Refused != nil && !brokenDown(a.Refused.Status) && !a.Stale {
			refused = a.Refused
		}
	}
	if refused != nil && !slices.ContainsFunc(acks, func(a scatter.Ack) bool { return a.Accepted || a.Unsure }) {
		return s.refuse(ctx, c, r, w, refused)
	}
	if slices.ContainsFunc(acks, func(a scatter.Ack) bool { return !a.Accepted }) {
		p = p.At(s.Views.View()) // a node may have gone down while it was waited for
	}
	v := p.Judge(said, nil)
	if len(v.Missed) > 0 {
		// What the store knows of dirty copies counts, so that no write rests on one alone.
		var known state.DirtyFunc
		err := s.Store.MarkMissed(ctx, w.index.Physical, state.Miss{From: r.Stamp, Reason: "missed a write"}, func(dirty state.DirtyFunc) state.Marking {
			v, known = p.Judge(said, dirty), dirty
			return state.Marking{Nodes: v.Mark, Keep: v.Keep}
		})
		if err != nil {
			return s.stateReply(ctx, err)
		}
		marked := dirtyCopies(p, known)
		for i := range r.Targets {
			r.Targets[i].Missed = !said.Acked[r.Targets[i].Node]
			r.Targets[i].Dirty = marked[r.Targets[i].Node]
		}
		if err := s.Store.UpdateTask(ctx, r); err != nil && !errors.Is(err, state.ErrConflict) {
			return s.stateReply(ctx, err)
		}
	}
	for _, g := range v.DegradedGroups {
		s.Metrics.missed.WithLabelValues(strconv.Itoa(g)).Inc()
	}
	if !v.Accepted() {
		s.lament(ctx, r.UID, acks)
		e := apierr.New(apierr.MiroirNoQuorum, "Too few copies of shards %s acknowledged the write. Sending it again is safe.",
			shardmap.FormatRanges(v.FailedShards))
		r.Finish(s.time(), e)
		// One with a key may come again, and reach the nodes that lack it now.
		for i, t := range r.Targets {
			never := c.once == nil && !said.Acked[t.Node]
			r.Targets[i].Lacks, r.Targets[i].Doubt = never && !said.Unsure[t.Node], never && said.Unsure[t.Node]
		}
		if _, err := s.Store.FinishTask(ctx, r); err != nil {
			s.Log.Error().Ctx(ctx).Err(err).Msg("failed write could not be recorded")
		}
		return reply.Error(e)
	}
	c.wrote(w.index.Physical, r.UID, p, acks)
	return reply.Value(http.StatusAccepted, summarize(r)).DegradedWrite(v.DegradedGroups, v.DegradedShards)
}

// refuse ends a write that every node refused at once: the engine's own error is the answer, and there was no task.
func (s *Service) refuse(ctx context.Context, c *call, r task.Record, w writeCall, e *apierr.Error) *reply.Reply {
	if err := s.Store.ForgetTask(ctx, r.UID, c.claim()); err != nil {
		return s.stateReply(ctx, err)
	}
	if w.refused != nil {
		e = w.refused(e)
	}
	return refusal(e, w.index)
}

// finished records a task that ends at once, and answers 202 as if it had been enqueued.
func (s *Service) finished(ctx context.Context, c *call, r task.Record, failure *apierr.Error) *reply.Reply {
	r.Finish(s.time(), failure)
	if err := s.record(ctx, c, &r); err != nil {
		return s.stateReply(ctx, err)
	}
	return enqueued(r)
}

// done records a task that ends at once together with its effect, and answers 202 as if it had been enqueued. refused turns an
// error of the effect into one that the task fails with; nil for one that is none of the client's.
func (s *Service) done(
	ctx context.Context, c *call, r task.Record, effect func(state.Effect) error, refused func(error) *apierr.Error,
) *reply.Reply {
	ended := r
	ended.Finish(s.time(), nil)
	err := s.commit(ctx, c, &ended, func(with state.Receipt) error { return effect(s.Store.With(with)) })
	if err == nil {
		return enqueued(ended)
	}
	if e := refused(err); e != nil {
		return s.finished(ctx, c, r, e)
	}
	return s.stateReply(ctx, err)
}

// dirtyCopies lists the shards of a write whose copies are dirty, by node, by the store, or by the view where known is nil.
func dirtyCopies(p plan.Write, known state.DirtyFunc) map[string]string {
	shards := map[string][]int{}
	for s, copies := range p.Copies {
		for _, c := range copies {
			if known == nil && c.Dirty || known != nil && known(s, c.Node) {
				shards[c.Node] = append(shards[c.Node], s)
			}
		}
	}
	dirty := make(map[string]string, len(shards))
	for node, list := range shards {
		slices.Sort(list)
		dirty[node] = shardmap.FormatRanges(list)
	}
	return dirty
}

// targets lists every node that must get the write; one that is down is missed from the start.
func targets(p plan.Write) []task.Target {
	list := make([]task.Target, 0, len(p.Legs))
	dirty := dirtyCopies(p, nil)
	for _, l := range p.Legs {
		list = append(list, task.Target{Node: l.Node, Group: l.Group, Shards: shardmap.FormatRanges(l.Shards), Dirty: dirty[l.Node]})
	}
	down := map[string]*task.Target{}
	shards := map[string][]int{}
	for s, copies := range p.Copies {
		for _, c := range copies {
			if c.Down {
				down[c.Node] = &task.Target{Node: c.Node, Group: c.Group, Missed: true}
				shards[c.Node] = append(shards[c.Node], s)
			}
		}
	}
	for node, t := range down {
		slices.Sort(shards[node])
		t.Shards = shardmap.FormatRanges(shards[node])
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b task.Target) int {
		if a.Node < b.Node {
			return -1
		}
		return 1
	})
	return list
}

// replicas is the number of copies per group that details are divided by.
func replicas(v *routing.View) int {
	for _, g := range v.Groups {
		if g.State == routing.GroupActive {
			return g.RF
		}
	}
	return 1
}
