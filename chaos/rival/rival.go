package rival

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/miroir-search/miroir/chaos/history"
	"github.com/miroir-search/miroir/internal/state"
)

// Bounds of a rival.
const (
	ttl   = 2                      // seconds of its lease, less than many faults last
	each  = 150 * time.Millisecond // between two writes
	term  = 12                     // writes after which it gives up
	stop  = time.Second            // for the last resignation
	pause = 200 * time.Millisecond // before it tries again
)

// kind is that of the records that the leader writes.
const kind = "chaos"

// Rival is one candidate.
type Rival struct {
	Store  *state.Client
	Scope  string
	Holder string
	Now    func() int64 // nanoseconds since the run began
	Book   *Book
}

// Book has what all rivals were told. The zero value is empty.
type Book struct {
	mu     sync.Mutex
	claims []history.Claim
}

// Claims lists what was told.
func (b *Book) Claims() []history.Claim {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.claims
}

func (b *Book) add(c history.Claim) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.claims = append(b.claims, c)
}

// Run competes until ctx ends.
func (r *Rival) Run(ctx context.Context) {
	for ctx.Err() == nil {
		began := r.Now()
		l, err := r.Store.Campaign(ctx, r.Scope, r.Holder, ttl)
		if err == nil {
			r.claim(history.Led, l, began)
			r.reign(ctx, l)
		}
		sleep(ctx, pause)
	}
}

// reign writes without asking whether the leadership still holds: the store has to know.
func (r *Rival) reign(ctx context.Context, l *state.Leadership) {
	for range term {
		began := r.Now()
		switch err := r.write(ctx, l); {
		case err == nil:
			r.claim(history.Wrote, l, began)
		case errors.Is(err, state.ErrLostLeadership):
			r.claim(history.Dethroned, l, began)
			_ = r.resign(ctx, l) // there is nothing left to give up
			return
		}
		sleep(ctx, each)
	}
	began := r.Now()
	if r.resign(ctx, l) == nil {
		r.claim(history.Resigned, l, began)
	}
}

func (r *Rival) resign(ctx context.Context, l *state.Leadership) error {
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stop)
	defer cancel()
	return l.Resign(end)
}

// write writes the record of the scope, whatever stands in it.
func (r *Rival) write(ctx context.Context, l *state.Leadership) error {
	_, revision, err := r.Store.Workflow(ctx, kind, r.Scope)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return fmt.Errorf("read: %w", err)
	}
	_, err = l.PutWorkflow(ctx, kind, r.Scope, map[string]any{"v": 1, "holder": r.Holder, "token": l.Token()}, revision)
	return err
}

func (r *Rival) claim(what string, l *state.Leadership, began int64) {
	r.Book.add(history.Claim{Kind: what, Scope: r.Scope, Holder: r.Holder, Token: l.Token(), Start: began, End: r.Now()})
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
