package imports

import (
	"context"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/state"
)

// Cancel asks for the end of an import that is under way, whoever works on it, and returns what it is like now. It ends
// between two batches; documents that were sent already stay. One that has ended is left alone.
func (m *Importer) Cancel(ctx context.Context, id string) (Status, error) {
	if !jobID.MatchString(id) {
		return Status{}, notFound()
	}
	rec, p, revision, err := workflow.Load[Progress](ctx, m.Records, KindName, id)
	switch {
	case err != nil:
		return Status{}, err
	case revision == 0:
		return Status{}, apierr.New(apierr.MiroirConflict, "The import has not begun: its file is not whole yet, or there is none.")
	case rec.State == workflow.Running:
		if err := m.Store.AskCancelation(ctx, KindName, id, state.CancelationRecord{Run: p.Run, At: m.Now()}); err != nil {
			return Status{}, err
		}
	}
	return m.Status(ctx, id)
}

// canceled ends an import that somebody wants to end; err says that it is not known whether anybody does.
func canceled(p *Progress, err error) (workflow.Verdict, error) {
	if err != nil {
		return workflow.Verdict{}, err
	}
	return p.fail(apierr.New(apierr.MiroirConflict, "The import was canceled. What was written before stays."))
}
