// Package lifecycle owns how a process of the project starts, runs and ends: its streams, its signals, the group of
// things that run side by side, and HTTP servers that drain before they stop.
//
// It knows no component. A component's Run builds on it:
//
//	group := lifecycle.NewGroup(ctx)
//	group.Go("metrics", func(ctx context.Context) error { return port.Serve(ctx, listener) })
//	group.Go("loop", loop)
//	return group.Wait()
//
// Whoever starts a goroutine through a Group never leaks it: Wait returns only after the last one ended.
package lifecycle
