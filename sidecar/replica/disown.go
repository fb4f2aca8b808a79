package replica

import (
	"context"
	"time"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// Disown names the writes that are neither in the journal nor in the engine, and refuses them from now on.
func (r *Replica) Disown(ctx context.Context, q nodeapi.DisownQuery) (out nodeapi.Disowned, err error) {
	if err := r.accounted(ctx); err != nil {
		return out, err
	}
	if time.Since(r.started) < doubtTime {
		return out, nil // the engine may yet get what the process before has sent
	}
	writes := make([]journal.Written, len(q.Writes))
	oldest := time.Now()
	for i, w := range q.Writes {
		writes[i] = journal.Written{Write: w.Dispatch, Stamp: w.Stamp}
		if at := w.Stamp.Time(); at.Before(oldest) {
			oldest = at
		}
	}
	barred, err := r.Journal.Bar(q.Index, writes)
	if err != nil || len(barred) == 0 {
		return out, err
	}
	// The engine has the last word: a journal that was lost knows less.
	out.Writes, err = r.Dispatches.Missing(ctx, barred, oldest)
	return out, err
}
