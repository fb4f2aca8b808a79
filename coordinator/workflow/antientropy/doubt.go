package antientropy

import (
	"context"
	"slices"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
)

const (
	doubtPause = 15 * time.Second // between two looks whether copies are in doubt
	doubtAgain = time.Minute      // after a pass that could not look at all of them
)

// resolve has all copies compared by their versions when nobody knows which are complete, because the state store forgot some dirty markers.
// That is done whatever the schedule says, and again until no copy was left out.
func (l *lead) resolve(ctx context.Context, records []workflow.Record) error {
	since, err := l.Store.Doubt(ctx)
	if err != nil || since.IsZero() {
		return err
	}
	in := Input{Repair: !l.Config.Report}
	at := slices.IndexFunc(records, func(r workflow.Record) bool { return r.ID == in.ID() })
	if at >= 0 && records[at].State == workflow.Running {
		return nil
	}
	if at >= 0 && records[at].CreatedAt.After(since) {
		last, err := statusOf(records[at])
		switch {
		case err != nil:
			return err
		case last.State == workflow.Succeeded && last.Incomplete == 0:
			l.Log.Info().Int("repaired", last.Repaired).Msg("all copies were compared since the state store was set back")
			return l.Store.Dispel(ctx, since)
		case l.Now().Sub(last.UpdatedAt) < doubtAgain:
			return nil
		}
	}
	l.Log.Warn().Time("since", since).Msg("the state store was set back: all copies are compared")
	_, err = l.Request(ctx, in)
	return err
}
