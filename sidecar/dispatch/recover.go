package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/miroir-search/miroir/sidecar/engine"
)

const (
	listPage     = 1000
	clockSlack   = 5 * time.Minute // how far the engine's enqueue times may lie before the sidecar's
	retryLongest = 2 * time.Second
)

// Recover reads the engine's task list, newest first, and opens the table. It tries until it succeeds or ctx ends.
func (t *Table) Recover(ctx context.Context) error {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, retryLongest) {
		n, newest, err := t.readAll(ctx)
		if err == nil && t.vet != nil && newest > 0 {
			err = t.vet(ctx, newest)
		}
		if err == nil {
			t.log.Info().Int("dispatches", n).Msg("dispatches recovered from the engine's tasks")
			close(t.ready)
			return nil
		}
		t.log.Debug().Err(err).Msg("engine tasks not readable yet")
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// Vet lets writes in only after somebody has looked at the newest uid of a task of the cluster that the engine knows. It is called before
// anything else.
func (t *Table) Vet(vet func(ctx context.Context, newest uint32) error) { t.vet = vet }

// Ready says whether the table takes writes.
func (t *Table) Ready() bool {
	select {
	case <-t.ready:
		return true
	default:
		return false
	}
}

func (t *Table) readAll(ctx context.Context) (n int, newest uint32, err error) {
	err = t.walk(ctx, func(task engine.Task) (more bool) {
		if task.CustomMetadata == nil {
			return true
		}
		n++
		if uid, err := strconv.ParseUint(*task.CustomMetadata, 10, 32); err == nil {
			newest = max(newest, uint32(uid)) //nolint:gosec // 32 bits
		}
		return t.putOld(*task.CustomMetadata, task.UID)
	})
	return n, newest, err
}

// search looks among the tasks enqueued since a time for a dispatch.
func (t *Table) search(ctx context.Context, id string, since time.Time) (uid uint32, found bool, err error) {
	err = t.walk(ctx, func(task engine.Task) (more bool) {
		if task.CustomMetadata != nil {
			if t.Put(*task.CustomMetadata, task.UID); *task.CustomMetadata == id {
				uid, found = task.UID, true
			}
		}
		return !found && task.EnqueuedAt.After(since.Add(-clockSlack))
	})
	return uid, found, err
}

// Doubt says that a write may have been sent, at a time, of which nobody knows what became of it.
func (t *Table) Doubt(id string, since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.uncertain) < maxUncertain {
		t.uncertain[id] = since
	}
}

// Missing looks for dispatches among all tasks of the engine since a time, whatever the table knows of them, and returns those of
// which there is none.
func (t *Table) Missing(ctx context.Context, ids []string, since time.Time) ([]string, error) {
	here := map[string]bool{}
	err := t.walk(ctx, func(task engine.Task) (more bool) {
		if task.CustomMetadata != nil {
			t.Put(*task.CustomMetadata, task.UID)
			here[*task.CustomMetadata] = true
		}
		return task.EnqueuedAt.After(since.Add(-clockSlack))
	})
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return here[id] }), err
}

// walk visits the engine's tasks, newest first, as long as visit wants more.
func (t *Table) walk(ctx context.Context, visit func(engine.Task) (more bool)) error {
	q := url.Values{"limit": {strconv.Itoa(listPage)}}
	for {
		page, err := t.engine.Tasks(ctx, q)
		if err != nil {
			return fmt.Errorf("list engine tasks: %w", err)
		}
		for _, raw := range page.Results {
			var task engine.Task
			if err := json.Unmarshal(raw, &task); err != nil {
				return fmt.Errorf("engine task: %w", err)
			}
			if !visit(task) {
				return nil
			}
		}
		if page.Next == nil {
			return nil
		}
		q.Set("from", strconv.FormatUint(uint64(*page.Next), 10))
	}
}
