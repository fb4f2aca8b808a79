package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// errDone is the cancel cause of a group whose members all ended by themselves.
var errDone = errors.New("every member has ended")

// Group runs named members side by side under one context. The first member that fails ends all others, and its error
// is what Wait returns.
type Group struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	first error
}

// NewGroup returns a group whose members end when ctx ends.
func NewGroup(ctx context.Context) *Group {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Group{ctx: ctx, cancel: cancel}
}

// Context is the context that members run under. Its cause is the first failure, or what Stop was given.
func (g *Group) Context() context.Context { return g.ctx }

// Go starts one member. A member that returns nil has done its work; the others go on. An error that only says that
// the group's context is over is not a failure.
func (g *Group) Go(name string, run func(ctx context.Context) error) {
	g.wg.Go(func() {
		err := run(g.ctx)
		if err == nil || (g.ctx.Err() != nil && isOver(err, g.ctx)) {
			return
		}
		g.fail(fmt.Errorf("%s: %w", name, err))
	})
}

// Stop asks all members to end; cause is what their context reports. Wait does not return it.
func (g *Group) Stop(cause error) { g.cancel(cause) }

// Wait waits for every member and returns the first failure, if any.
func (g *Group) Wait() error {
	g.wg.Wait()
	g.cancel(errDone)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.first
}

func (g *Group) fail(err error) {
	g.mu.Lock()
	if g.first == nil {
		g.first = err
	}
	g.mu.Unlock()
	g.cancel(err)
}

// isOver tells whether err is only the echo of a context that has ended.
func isOver(err error, ctx context.Context) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))
}
