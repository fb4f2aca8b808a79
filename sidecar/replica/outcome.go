package replica

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// hearAtOnce is how many tasks one request to the engine asks for, so that its address stays short.
const hearAtOnce = 500

// Hear finds out how the tasks of an index ended that the engine is done with. Legs that it failed to carry out, or that
// somebody canceled, are taken back: a deletion that never happened must not be told to other replicas. A task that the
// engine does not list any more counts as carried out.
func (r *Replica) Hear(ctx context.Context, index string) error {
	waiting := r.Journal.Awaited(index)
	if len(waiting) == 0 {
		return nil
	}
	// Tasks of one index end in the order of their numbers.
	oldest, open, err := r.Engine.LatestTask(ctx, index, "", []string{"enqueued", "processing"}, true)
	if err != nil {
		return fmt.Errorf("hear how tasks ended: %w", err)
	}
	if open {
		waiting = slices.DeleteFunc(waiting, func(e journal.Entered) bool { return e.Task >= oldest.UID })
	}
	for some := range slices.Chunk(waiting, hearAtOnce) {
		if err := r.hear(ctx, some); err != nil {
			return fmt.Errorf("hear how tasks ended: %w", err)
		}
	}
	return nil
}

// hear asks about tasks that have ended.
func (r *Replica) hear(ctx context.Context, some []journal.Entered) error {
	uids := make([]string, len(some))
	for i, e := range some {
		uids[i] = strconv.FormatUint(uint64(e.Task), 10)
	}
	page, err := r.Engine.Tasks(ctx, url.Values{
		"uids": {strings.Join(uids, ",")}, "statuses": {"failed,canceled"}, "limit": {strconv.Itoa(len(uids))},
	})
	if err != nil {
		return err
	}
	ended := map[uint32]string{} // task that was not carried out → dispatch id
	for _, raw := range page.Results {
		var t engine.Task
		if err := json.Unmarshal(raw, &t); err != nil {
			return err
		}
		if t.CustomMetadata != nil {
			ended[t.UID] = *t.CustomMetadata
		}
	}
	var done []journal.Entered
	var failed []failure
	defer func() { r.undo(failed) }()
	for _, e := range some {
		// An engine that began anew gives numbers a second time.
		if write, not := ended[e.Task]; !not || write != e.Write {
			done = append(done, e)
			continue
		}
		vain, err := r.takeBack(ctx, e)
		if err != nil {
			return err
		}
		failed = append(failed, failure{e, vain})
	}
	places := make([]hlc.Stamp, len(done))
	r.mu.Lock()
	for i, e := range done {
		places[i] = e.Place
		delete(r.retried, e.Write)
	}
	r.mu.Unlock()
	return r.Journal.Succeed(places)
}

// failure is a leg that was taken back.
type failure struct {
	journal.Entered
	vain bool // what it sent again will not be sent once more
}

// takeBack takes a leg back that failed. What was sent again with it is sent once more, but not a third time: there is something among it
// that always fails. Nor can it be where it is not at hand any more.
func (r *Replica) takeBack(ctx context.Context, e journal.Entered) (vain bool, err error) {
	r.mu.Lock()
	_, twice := r.retried[e.Write]
	r.mu.Unlock()
	vain = twice || e.Via == journal.Settled && r.Journal.Floor(e.Index) >= e.Low.Stamp
	if vain {
		if err := r.giveUp(ctx, checkup{index: e.Index, place: e.Place}, "what was sent again failed"); err != nil {
			return vain, err
		}
	}
	r.Metrics.takenBack.Inc()
	return vain, r.Journal.Fail(e.Place)
}

// undo has the documents of legs that were taken back looked at: what they had made void, or hidden, or were to put in order,
// is not in order now. Ends wait for that.
func (r *Replica) undo(legs []failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range legs {
		if !e.vain {
			r.add(checkup{index: e.Index, place: e.Place, retry: e.Via != journal.Direct})
		}
		delete(r.retried, e.Write)
		o := r.checks[e.Index]
		if o.last == e.Write {
			o.last = ""
			r.checks[e.Index] = o
		}
		for _, end := range r.ends {
			if end.index == e.Index && end.until > 0 {
				end.until, end.after = o.asked, ""
			}
		}
	}
}

// hearAll does it for all indexes.
func (r *Replica) hearAll(ctx context.Context) {
	for _, index := range r.Journal.Indexes() {
		if err := r.Hear(ctx, index); err != nil && ctx.Err() == nil {
			r.Log.Debug().Err(err).Msg("ends of tasks not heard yet")
		}
	}
}
