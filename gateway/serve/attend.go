package serve

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/tuning"
)

// bound is the part of an index's copies that a read in a session may ask: they have what the session wrote.
type bound struct {
	s        *Service
	until    time.Time
	physical string
	group    *int          // preferred; nil: any
	writes   []task.Record // that are not known to have ended
	view     *routing.View // with no other copies of the index than those

	mu    sync.Mutex
	whole *routing.View // with all copies
	unfit map[string]bool
	ready map[string]bool // nodes that have applied the writes, as far as they get them
	late  bool            // some node has not in time
	plans bool            // nobody is asked and nothing waited for
}

// attended are the operations that read an index, and whether they read its documents.
var attended = map[operation.Kind]bool{
	operation.GetIndex: false, operation.GetSettings: false,
	operation.GetDocument: true, operation.ListDocuments: true, operation.FetchDocuments: true, operation.IndexStats: true,
	operation.ListFields: true, operation.SearchGet: true, operation.SearchPost: true, operation.FacetSearch: true,
	operation.SimilarGet: true, operation.SimilarPost: true,
}

// attend makes sure that a read of an index shows what was written in its session: it goes to copies that have the writes,
// when those have applied them (F6). The read is planned by the call's view after that.
func (s *Service) attend(ctx context.Context, c *call, uid string, documents bool) *apierr.Error {
	if c.session == nil || c.session.lost {
		return nil
	}
	if a := c.aliasOf(uid); isMulti(a) {
		for _, target := range a.UIDs() {
			if e := s.attend(ctx, c, target, documents); e != nil {
				return e
			}
		}
		c.resolve() // what it stands for is now held by fewer nodes
		return nil
	}
	ix, ok := c.view.Find(uid)
	if !ok {
		return nil
	}
	settings, writes := s.unfinished(ctx, c, ix)
	if len(settings) == 0 && len(writes) == 0 {
		return nil
	}
	s.Metrics.sessionPins.Inc()
	start := time.Now()
	leave, seated := s.seat()
	defer leave()
	if !seated {
		c.session.until = start
	}
	late, e := s.settingsDone(ctx, c, ix, settings)
	if e != nil {
		return e
	}
	if documents && len(writes) > 0 {
		if ix, ok = c.view.Find(uid); !ok {
			return nil
		}
		b := s.bind(c, ix, writes)
		shard := anyShard
		if c.op.Kind == operation.GetDocument {
			shard = shardmap.ShardOf([]byte(c.op.ID), ix.Shards)
		}
		late = !b.choose(ctx, ix, shard) || late
		c.session.bounds = append(c.session.bounds, b)
		c.view = b.view
	}
	s.Metrics.sessionWait.Observe(time.Since(start).Seconds())
	if !late {
		return nil
	}
	s.Metrics.sessionTimeouts.Inc()
	if s.tuned().SessionPinning.OnTimeout == tuning.TimeoutError {
		return apierr.New(apierr.MiroirTimeout, "What was written in this session was not applied in time.")
	}
	c.session.stale.Store(true)
	return nil
}

// bind makes the bound of an index that the session has written to.
func (s *Service) bind(c *call, ix *routing.Index, writes []task.Record) *bound {
	return &bound{
		s: s, until: c.session.until, physical: ix.Physical, group: c.session.found.Indexes[ix.Physical].Group, writes: writes, whole: c.view,
		ready: map[string]bool{}, unfit: map[string]bool{},
	}
}

// seat takes one of the places for reads that wait.
func (s *Service) seat() (leave func(), seated bool) {
	if s.waiting.Add(1) > int64(s.Limits.Waiting) {
		return func() { s.waiting.Add(-1) }, false
	}
	return func() { s.waiting.Add(-1) }, true
}

// unfinished lists what the session wrote to an index and is not known to have ended, changes of its settings apart.
func (s *Service) unfinished(ctx context.Context, c *call, ix *routing.Index) (settings []uint32, writes []task.Record) {
	entry, ok := c.session.found.Indexes[ix.Physical]
	if !ok {
		return nil, nil
	}
	uids := slices.Clone(entry.Tasks)
	s.Tasks.Each(true, func(r *task.Record) bool {
		if r.UID <= entry.Before && r.Physical == ix.Physical && !r.Done() {
			uids = append(uids, r.UID)
		}
		return r.UID <= entry.Before
	})
	slices.Sort(uids)
	for _, uid := range slices.Compact(uids) { // the first task of all is both listed and before
		r, known := s.Tasks.Get(uid)
		if !known {
			var err error
			if r, err = s.Store.Task(ctx, uid); err != nil {
				continue // it was forgotten, or the store does not answer: there is nothing to wait for
			}
		}
		switch {
		case r.Done():
		case r.Type == task.SettingsUpdate:
			settings = append(settings, uid)
		default:
			writes = append(writes, r)
		}
	}
	return settings, writes
}

// settingsDone waits until changes of settings have ended and this gateway knows what is committed. late says that this was
// not in time.
func (s *Service) settingsDone(ctx context.Context, c *call, ix *routing.Index, uids []uint32) (late bool, e *apierr.Error) {
	if len(uids) == 0 || !s.tuned().SessionPinning.Waits() {
		return false, nil
	}
	ctx, cancel := context.WithDeadline(ctx, c.session.until)
	defer cancel()
	for _, uid := range uids {
		if _, err := s.Tasks.Wait(ctx, uid, func(r task.Record) bool { return r.Done() }); err != nil {
			return true, nil
		}
	}
	revision, err := s.Store.SettingsRevision(ctx, ix.Physical)
	if err != nil || s.Views.Reach(ctx, revision) != nil {
		return true, nil
	}
	return false, s.renew(c, s.Views.View())
}

// anyShard is where a read of a whole index looks.
const anyShard = -1

// choose finds copies of all shards, or of one, that have the writes, and waits for them. It is false when some of what was
// written may not be shown.
func (b *bound) choose(ctx context.Context, ix *routing.Index, shard int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.judge(ix)
	for {
		read := plan.CoverIndex(b.whole, ix, shardmap.HashID([]byte(ix.Physical)), b.avoid)
		missing := read.Missing
		if shard >= 0 {
			read.Legs = slices.DeleteFunc(read.Legs, func(l plan.Leg) bool { return !slices.Contains(l.Shards, shard) })
			missing = slices.DeleteFunc(missing, func(s int) bool { return s != shard })
		}
		switch {
		case len(missing) > 0 && b.group != nil:
			b.group = nil // it is lost: any other that has the writes will do
			continue
		case len(missing) > 0:
			b.view = b.whole
			return false
		}
		if b.await(ctx, read.Legs) {
			nodes := map[string]bool{}
			for _, l := range read.Legs {
				nodes[l.Node] = true
			}
			b.view = b.whole.Only(ix, nodes)
			return !b.late
		}
	}
}

// avoid says which nodes must not be asked.
func (b *bound) avoid(node string) bool {
	return b.unfit[node] || b.group != nil && b.whole.Nodes[node].ReplicaGroup != *b.group
}

// judge finds the nodes that lack a write: it missed them, or they came to their copies otherwise.
func (b *bound) judge(ix *routing.Index) {
	for _, r := range b.writes {
		touched := map[int]bool{}
		target := map[string]task.Target{}
		for _, t := range r.Targets {
			target[t.Node] = t
			shards, err := shardmap.ParseRanges(t.Shards, ix.Shards)
			if err != nil {
				continue
			}
			for _, s := range shards {
				touched[s] = true
			}
		}
		for _, node := range ix.NodesHolding() {
			t, is := target[node]
			if is && t.Missed || !is && slices.ContainsFunc(ix.HeldBy(node), func(s int) bool { return touched[s] }) {
				b.unfit[node] = true
			}
		}
	}
}

// await waits until the nodes of legs have applied the writes. It is false when one of them can not be used after all. The
// lock is held.
func (b *bound) await(ctx context.Context, legs []plan.Leg) bool {
	if b.plans || !b.s.tuned().SessionPinning.Waits() {
		return true
	}
	states := make([]standing, len(legs))
	var all sync.WaitGroup
	for i, l := range legs {
		if b.ready[l.Node] {
			continue
		}
		all.Go(func() { states[i] = b.ask(ctx, l) })
	}
	all.Wait()
	usable := true
	for i, l := range legs {
		switch states[i] {
		case lacking:
			b.unfit[l.Node], usable = true, false
		case tardy:
			b.late, b.ready[l.Node] = true, true // asking again would not help
		default:
			b.ready[l.Node] = true
		}
	}
	return usable
}

// standing is how far a node is.
type standing int

const (
	applied standing = iota
	tardy
	lacking // it does not know a write, or does not answer
)

func (b *bound) ask(ctx context.Context, l plan.Leg) standing {
	var ids []string
	for _, r := range b.writes {
		if slices.ContainsFunc(r.Targets, func(t task.Target) bool { return t.Node == l.Node }) {
			ids = append(ids, r.DispatchID())
		}
	}
	if len(ids) == 0 {
		return applied
	}
	left := time.Until(b.until)
	ctx, cancel := context.WithTimeout(ctx, max(left, 0)+b.s.Limits.ReadLeg)
	defer cancel()
	found, err := b.s.Waits.AwaitDispatches(ctx, l.Address, ids, max(left, 0))
	if err != nil {
		return lacking
	}
	out := applied
	for _, d := range found {
		switch {
		case d.State == nodeapi.StateUnknown:
			return lacking
		case !task.Final(d.State):
			out = tardy
		}
	}
	return out
}

// standIns finds other nodes for a leg of the read. For one that is only late those that have applied the writes will do; one
// that failed is worth waiting for others.
func (b *bound) standIns(ctx context.Context, c *call) scatter.Replan {
	return func(of plan.Leg, why scatter.Why, avoid plan.Avoid) []plan.Leg {
		if why == scatter.Late {
			legs, err := plan.Replan(b.view, b.view.Physical[b.physical], of, avoid)
			if err != nil {
				return nil
			}
			return legs
		}
		legs, late := b.spare(ctx, of, avoid)
		if late {
			c.session.stale.Store(true)
		}
		return legs
	}
}

// spare finds other nodes for a leg that failed, and waits for them. late says that they have not applied all writes.
func (b *bound) spare(ctx context.Context, failed plan.Leg, avoid plan.Avoid) (legs []plan.Leg, late bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unfit[failed.Node] = true
	for {
		legs, err := plan.Replan(b.whole, b.whole.Physical[b.physical], failed, func(node string) bool { return b.unfit[node] || avoid(node) })
		if err != nil || b.await(ctx, legs) {
			return legs, b.late
		}
	}
}
