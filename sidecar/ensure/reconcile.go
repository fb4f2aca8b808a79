package ensure

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/miroir-search/miroir/internal/routing"
)

// physicalName is the form that only Miroir gives an index: the logical uid, two hyphens, a number in base 36.
var physicalName = regexp.MustCompile(`^[A-Za-z0-9_-]+--[0-9a-z]+$`)

// retryPause is how soon a pass that failed, or left something to verify, is repeated.
const retryPause = time.Second

// passPause is how long after one pass a change of the view begins the next one: while writes miss a node, each of them changes the view.
const passPause = 100 * time.Millisecond

// Run brings the engine in step after every change of the view, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	changed, cancel := k.Views.Subscribe()
	defer cancel()
	hurried := 0
	for {
		pause := k.Period
		switch {
		case k.pass(ctx):
			hurried = 0
		case k.hurried(&hurried):
			pause = hurryPause
		default:
			pause = retryPause
		}
		news, rested := changed, time.After(passPause)
		due := time.After(pause)
		for waits := true; waits; {
			select {
			case <-ctx.Done():
				return nil
			case <-news:
				if news = nil; pause > passPause {
					due = rested
				}
			case <-k.wake:
				hurried, waits = 0, false
			case <-due:
				waits = false
			}
		}
	}
}

// A change of settings that was sent is mostly carried out soon, and what the engine answers with is not known before that
// was seen; so it is looked for often at first.
const (
	hurryPause = 25 * time.Millisecond
	maxHurries = 80
)

// hurried says whether the next look shall be soon, because a change is on its way.
func (k *Keeper) hurried(n *int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	*n++
	if *n > maxHurries {
		return false
	}
	for _, s := range k.states {
		s.mu.RLock()
		open := s.told.changes != s.changes
		s.mu.RUnlock()
		if open {
			return true
		}
	}
	return false
}

// pass goes through all indexes once; done is false when something is left to do soon.
func (k *Keeper) pass(ctx context.Context) (done bool) {
	defer k.recovered()
	view := k.Views.View()
	done = true
	if err := k.foreign(ctx); err != nil {
		k.failed(ctx, err, "changes of settings not looked at")
		done = false
	}
	for _, uid := range view.UIDs {
		ix := view.Indexes[uid]
		h := k.Book.In(view, ix)
		if len(h.Held) == 0 {
			continue
		}
		s := k.state(ix.Physical)
		if breaks := k.Engine.Breaks(); !s.known(breaks) || !s.current(ix.SettingsVersion) && !k.waits(s, ix, breaks) {
			if err := k.establish(ctx, s, ix); err != nil {
				k.failed(ctx, err, "index not in step yet")
				done = false
				continue
			}
		}
		if ready, err := k.finish(ctx, s); err != nil || !ready {
			if err != nil {
				k.failed(ctx, err, "settings not in step yet")
			}
			done = false
			continue
		}
		if told, err := k.report(ctx, s, ix); err != nil {
			k.failed(ctx, err, "settings not reported")
		} else {
			done = done && told
		}
		if err := k.Book.Verify(ctx, k.Engine, ix, h); err != nil {
			k.failed(ctx, err, "holding not verified")
		}
		done = done && k.Book.Exact(ix.Physical, h)
	}
	left, err := k.sweep(ctx, view)
	if err != nil {
		k.failed(ctx, err, "orphans not swept")
	}
	return done && !left && err == nil
}

// waits says whether the engine keeps the settings that it has although other ones are committed: this node answers for those that
// ask by the version before, and is told when its turn comes.
func (k *Keeper) waits(s *state, ix *routing.Index, breaks uint64) bool {
	return slices.Contains(ix.Resting, k.Node) && s.served(breaks)
}

// complaintPause is how often the log says that the same thing still fails.
const complaintPause = 30 * time.Second

// failed counts a step that failed and will be repeated, and says so in the log: at once, and then now and then.
func (k *Keeper) failed(ctx context.Context, err error, msg string) {
	if ctx.Err() != nil {
		return
	}
	k.Metrics.Failures.Inc()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failing = true
	if now := time.Now(); now.Sub(k.told[msg]) >= complaintPause {
		k.told[msg] = now
		k.Log.Warn().Err(err).Msg(msg)
	}
}

// recovered makes the log say at once when something fails again, after a pass without a failure.
func (k *Keeper) recovered() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.failing {
		clear(k.told)
	}
	k.failing = false
}

// sweep deletes indexes that left the catalog; left is true when one shall be looked at again soon.
func (k *Keeper) sweep(ctx context.Context, view *routing.View) (left bool, err error) {
	if _, ok := k.Views.Healthy(); !ok {
		k.mu.Lock()
		clear(k.lost) // time without a view is no proof
		k.mu.Unlock()
		return false, nil
	}
	list, err := k.Engine.Indexes(ctx)
	if err != nil {
		return false, err
	}
	present := map[string]bool{}
	for _, ix := range list {
		present[ix.UID] = true
		remove, later := k.orphan(ix.UID, view, time.Now())
		left = left || later
		if !remove {
			continue
		}
		if err := k.remove(ctx, ix.UID); err != nil {
			return left, err
		}
	}
	k.tidy(present)
	newest := k.Views.View()
	return left, k.Prune(func(physical string) bool { return present[physical] || newest.Physical[physical] != nil })
}

// handOver is how long the deletion that took an index out of the catalog has to come to the engine itself: its task
// counts the documents that go, and finds none when the sweep was first.
const handOver = 2 * time.Second

// orphan decides whether an index of the engine may be deleted; later is true when it may be soon.
func (k *Keeper) orphan(uid string, view *routing.View, now time.Time) (remove, later bool) {
	if _, ok := view.Physical[uid]; ok || !physicalName.MatchString(uid) {
		return false, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	since, ok := k.lost[uid]
	if !ok {
		k.lost[uid] = now
		return false, k.seen[uid]
	}
	if k.seen[uid] {
		remove = now.Sub(since) >= handOver
		return remove, !remove
	}
	node, registered := view.Nodes[k.Node]
	return k.Known && registered && node.State == routing.NodeActive && now.Sub(since) >= k.Patience, false
}

// remove queues the deletion unless one is queued already, and looks at the newest view once more.
func (k *Keeper) remove(ctx context.Context, physical string) error {
	_, queued, err := k.Engine.LatestTask(ctx, physical, "indexDeletion", []string{"enqueued", "processing"}, false)
	if err != nil || queued {
		return err
	}
	if _, back := k.Views.View().Physical[physical]; back {
		return nil
	}
	if _, err := k.Engine.DeleteIndex(ctx, physical); err != nil {
		return err
	}
	k.Book.Forget(physical)
	k.Metrics.Deleted.Inc()
	k.Log.Info().Msg("index that left the catalog deleted from the engine")
	return nil
}

// tidy forgets what no longer exists anywhere, and remembers what the view holds. It goes by the newest view: a leg may
// have begun an index that an older one did not have.
func (k *Keeper) tidy(present map[string]bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	view := k.Views.View()
	for physical := range view.Physical {
		k.seen[physical] = true
		delete(k.lost, physical)
	}
	for physical := range k.seen {
		if _, ok := view.Physical[physical]; !ok && !present[physical] {
			delete(k.seen, physical)
			delete(k.states, physical)
		}
	}
	for physical := range k.lost {
		if !present[physical] {
			delete(k.lost, physical)
		}
	}
}
