package state

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/failpoint"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/task"
)

// TaskWatch caches all tasks, open and finished. It is safe for concurrent use.
type TaskWatch struct {
	mu      sync.RWMutex
	byUID   map[uint32]*task.Record
	uids    []uint32          // ascending
	open    map[uint32]int64  // revision of the record of each open task
	stamp   hlc.Stamp         // the latest of all tasks
	version map[string]uint64 // by physical index: how often a task of it changed
	seen    int64             // newest revision of what the cache holds or held
	ended   endings
	changed signal
	client  *Client
	views   *ViewWatch // may be nil
	follow  follower
}

// WatchTasks lists all tasks and follows them until ctx ends. The end of a task is not shown before a view shows what the task did;
// views may be nil.
func (c *Client) WatchTasks(ctx context.Context, log zerolog.Logger, views *ViewWatch) (*TaskWatch, error) {
	w := &TaskWatch{byUID: map[uint32]*task.Record{}, open: map[uint32]int64{}, version: map[string]uint64{}, client: c, views: views}
	feed := &taskFeed{watch: w, log: log, shown: func(int64) error { return nil }}
	w.follow = follower{client: c, prefixes: []string{familyOpen, familyDone}, log: log, to: feed}
	if views != nil {
		feed.shown = func(revision int64) error { return views.Reach(ctx, revision) }
	}
	revision, err := w.follow.list(ctx)
	if err != nil {
		return nil, err
	}
	go w.follow.run(ctx, revision)
	return w, nil
}

// Subscribe returns a channel that receives after every change.
func (w *TaskWatch) Subscribe() (changed <-chan struct{}, cancel func()) {
	return w.changed.subscribe()
}

// Reach returns when the cache shows all changes up to a revision, which must be that of a key below the cluster's root.
func (w *TaskWatch) Reach(ctx context.Context, revision int64) error {
	return w.follow.reach(ctx, revision)
}

// Healthy says whether the watch is connected, and if not, since when the cache may be old.
func (w *TaskWatch) Healthy() (since time.Time, ok bool) { return w.follow.healthy() }

// Get returns a task; ok is false when the cache does not know it.
func (w *TaskWatch) Get(uid uint32) (r task.Record, ok bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if p, known := w.byUID[uid]; known {
		return *p, true
	}
	return task.Record{}, false
}

// InView says whether a view shows what the record of an open task was written with: its index that was made, or deleted.
func (w *TaskWatch) InView(uid uint32) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	revision, open := w.open[uid]
	return open && (w.views == nil || w.views.follow.seen.Load() >= revision)
}

// Open lists the tasks that are not final, oldest first.
func (w *TaskWatch) Open() []task.Record {
	w.mu.RLock()
	defer w.mu.RUnlock()
	uids := make([]uint32, 0, len(w.open))
	for uid := range w.open {
		uids = append(uids, uid)
	}
	slices.Sort(uids)
	list := make([]task.Record, len(uids))
	for i, uid := range uids {
		list[i] = *w.byUID[uid]
	}
	return list
}

// Stamp is the latest stamp of all tasks that were seen, those ahead of the clock by more than hlc.MaxSkew left out.
func (w *TaskWatch) Stamp() hlc.Stamp {
	w.mu.RLock()
	stamp := w.stamp
	w.mu.RUnlock()
	if now := failpoint.Now(); stamp.Check(now) != nil {
		return w.restamp(now) // the clock was wrong when it was seen
	}
	return stamp
}

// restamp finds the latest stamp anew.
func (w *TaskWatch) restamp(now time.Time) hlc.Stamp {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stamp = 0
	for _, r := range w.byUID {
		w.heed(r.Stamp, now)
	}
	return w.stamp
}

func (w *TaskWatch) heed(s hlc.Stamp, now time.Time) {
	if s > w.stamp && s.Check(now) == nil {
		w.stamp = s
	}
}

// Version is a number that grows with every change of a task of a physical index: while it stays the same nothing was
// written to the index, as far as is known here.
func (w *TaskWatch) Version(physical string) uint64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.version[physical]
}

// Len is the number of tasks, open and finished.
func (w *TaskWatch) Len() int {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return len(w.uids)
}

// Each calls visit for every task, newest first (oldest first with ascending), until it returns false. visit must not
// keep the pointer nor block.
func (w *TaskWatch) Each(ascending bool, visit func(*task.Record) bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for i := range w.uids {
		at := len(w.uids) - 1 - i
		if ascending {
			at = i
		}
		if !visit(w.byUID[w.uids[at]]) {
			return
		}
	}
}

// Wait returns the task as soon as the cache knows it and cond holds.
func (w *TaskWatch) Wait(ctx context.Context, uid uint32, cond func(task.Record) bool) (task.Record, error) {
	changed, cancel := w.changed.subscribe()
	defer cancel()
	for {
		if r, ok := w.Get(uid); ok && cond(r) {
			return r, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return task.Record{}, context.Cause(ctx)
		}
	}
}

// Sync waits until the cache knows every task that was recorded, by whatever process, before it was called.
func (w *TaskWatch) Sync(ctx context.Context) error {
	newest, err := w.client.newestRevision(ctx, familyTasks)
	if err != nil {
		return err
	}
	changed, cancel := w.changed.subscribe()
	defer cancel()
	for {
		w.mu.RLock()
		seen := w.seen
		w.mu.RUnlock()
		if seen >= newest {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// saw notes the revision of a record that was taken over, or ignored.
func (w *TaskWatch) saw(revision int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = max(w.seen, revision)
}

func (w *TaskWatch) put(r *task.Record, revision int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old, known := w.byUID[r.UID]; known {
		if old.Done() && !r.Done() {
			return // a list may show the open record of a task that a newer event finished
		}
	} else if at, found := slices.BinarySearch(w.uids, r.UID); !found {
		w.uids = slices.Insert(w.uids, at, r.UID)
	}
	w.byUID[r.UID] = r
	if r.Physical != "" {
		w.version[r.Physical]++
	}
	w.heed(r.Stamp, failpoint.Now())
	if r.Done() {
		delete(w.open, r.UID)
	} else {
		w.open[r.UID] = revision
	}
}

// remove forgets a task whose key was deleted, unless it is known by its other key.
func (w *TaskWatch) remove(uid uint32, wasDone bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r, known := w.byUID[uid]; !known || r.Done() != wasDone {
		return
	}
	delete(w.byUID, uid)
	delete(w.open, uid)
	if at, found := slices.BinarySearch(w.uids, uid); found {
		w.uids = slices.Delete(w.uids, at, at+1)
	}
}

// taskFeed turns events into records. Between reset and flush of a list the old cache stays visible.
type taskFeed struct {
	watch   *TaskWatch
	shown   func(revision int64) error // waits until the view shows all changes up to a revision
	log     zerolog.Logger
	listing map[uint32]bool
	endings []ending // of tasks that ended since the last flush, and of some that did before
	closed  []uint32 // of tasks that are open no longer: they stay as they are until their ends are shown, or the flush
}

func (f *taskFeed) reset() { f.listing, f.endings, f.closed = map[uint32]bool{}, nil, nil }

func (f *taskFeed) apply(e event) {
	uid, done, ok := taskKey(e.key)
	if !ok {
		return
	}
	defer f.watch.saw(e.revision)
	if done && e.value != nil {
		f.watch.changed.wake() // what came before it does not wait with it
		if f.shown(e.created) != nil {
			return // the watch ends
		}
		f.endings = append(f.endings, ending{e.created, uid})
	}
	if e.value == nil && !done {
		f.closed = append(f.closed, uid) // by its end, which may come after this and wait, or by nothing but this
		return
	}
	if e.value == nil {
		f.watch.remove(uid, true)
		return
	}
	r := &task.Record{}
	if err := json.Unmarshal(e.value, r); err != nil || r.V != task.Version {
		f.log.Error().Err(err).Msg("task record ignored")
		return
	}
	f.watch.put(r, e.revision)
	if f.listing != nil {
		f.listing[uid] = true
	}
}

func (f *taskFeed) flush() {
	if f.listing != nil {
		var gone []uint32
		f.watch.Each(true, func(r *task.Record) bool {
			if !f.listing[r.UID] {
				gone = append(gone, r.UID)
			}
			return true
		})
		for _, uid := range gone {
			r, _ := f.watch.Get(uid)
			f.watch.remove(uid, r.Done())
		}
		f.listing = nil
	}
	for _, uid := range f.closed {
		f.watch.remove(uid, false)
	}
	f.watch.end(f.endings)
	f.endings, f.closed = nil, nil
	f.watch.changed.wake()
}

func taskKey(key string) (uid uint32, done, ok bool) {
	name, isDone := strings.CutPrefix(key, familyDone)
	if !isDone {
		name = strings.TrimPrefix(key, familyOpen)
	}
	n, err := strconv.ParseUint(name, 10, 32)
	return uint32(n), isDone, err == nil
}
