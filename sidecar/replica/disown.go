package replica

import (
	"context"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// Disown names the writes that are neither in the journal nor in the engine, and refuses them from now on.
func (r *Replica) Disown(ctx context.Context, q nodeapi.DisownQuery) (out nodeapi.Disowned, err error) {
	select {
	case <-r.ready:
	case <-ctx.Done():
		return out, context.Cause(ctx)
	}
	writes := make([]journal.Written, len(q.Writes))
	for i, w := range q.Writes {
		writes[i] = journal.Written{Write: w.Dispatch, Stamp: w.Stamp}
	}
	barred, err := r.Journal.Bar(q.Index, writes)
	if err != nil || len(barred) == 0 {
		return out, err
	}
	// A journal that was lost knows less than the engine.
	found, err := r.Dispatches.Lookup(ctx, barred)
	if err != nil {
		return out, err
	}
	for _, d := range found {
		if d.State == nodeapi.StateUnknown {
			out.Writes = append(out.Writes, d.ID)
		}
	}
	return out, nil
}
