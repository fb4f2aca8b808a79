package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/miroir-search/miroir/internal/state"
)

// Records reads workflow records; *state.Client does.
type Records interface {
	Workflow(ctx context.Context, kind, id string) (value []byte, revision int64, err error)
	Workflows(ctx context.Context, kind string) (map[string][]byte, error)
}

// Load reads a record and its progress; revision 0 when there is none.
func Load[P any](ctx context.Context, records Records, kind, id string) (rec Record, progress P, revision int64, err error) {
	value, revision, err := records.Workflow(ctx, kind, id)
	if errors.Is(err, state.ErrNotFound) {
		return rec, progress, 0, nil
	}
	if err != nil {
		return rec, progress, 0, err
	}
	if rec, err = Decode(value); err != nil {
		return rec, progress, 0, err
	}
	if err := json.Unmarshal(rec.Progress, &progress); err != nil {
		return rec, progress, 0, fmt.Errorf("workflow %s: progress: %w", kind, err)
	}
	return rec, progress, revision, nil
}

// Enter is the verdict that goes on with a phase.
func Enter(phase string) (Verdict, error) { return Verdict{Next: phase}, nil }
