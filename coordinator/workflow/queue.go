package workflow

import "context"

// Queue runs workflows of one kind one after the other under one record, so that one at a time is a property of the store.
type Queue[P any] struct {
	Runner  *Runner[P]
	Records Records
	ID      string // of the record
	Scope   string
	Changed <-chan struct{} // receives when there may be something new to do
	// Next is what to do next; last is the progress of the workflow that ended last, nil for none.
	Next func(last *P) (next P, found bool)
	// Idle is called once, when what somebody else left behind has been finished; it may be nil.
	Idle func()
}

// Serve works until ctx ends or the leadership is lost.
func (q *Queue[P]) Serve(ctx context.Context) error {
	for idle := q.Idle; ; {
		rec, p, revision, err := Load[P](ctx, q.Records, q.Runner.Kind.Name, q.ID)
		if err != nil {
			return err
		}
		if revision > 0 && rec.State == Running {
			if err := q.Runner.Drive(ctx, rec, revision); err != nil {
				return err
			}
			continue
		}
		if idle != nil {
			idle()
			idle = nil
		}
		var last *P
		if revision > 0 {
			last = &p
		}
		if next, found := q.Next(last); found {
			rec, revision, err := q.Runner.Start(ctx, q.ID, q.Scope, next, revision)
			if err == nil {
				err = q.Runner.Drive(ctx, rec, revision)
			}
			if err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-q.Changed:
		}
	}
}
