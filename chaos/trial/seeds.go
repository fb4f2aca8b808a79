package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/miroir-search/miroir/chaos/tally"
	"github.com/miroir-search/miroir/internal/lifecycle"
)

// seedRun is the trial of many seeds, on some clusters at once.
type seedRun struct {
	*command
	stdio lifecycle.Stdio

	mu     sync.Mutex
	next   int // of the seeds that nobody has taken
	tally  tally.Tally
	failed []error
}

// trySeeds tries the seeds, and tells what came of all that were tried.
func (c *command) trySeeds(ctx context.Context, stdio lifecycle.Stdio) error {
	began := time.Now()
	r := &seedRun{command: c, stdio: stdio}
	var all sync.WaitGroup
	for range max(1, c.wide) {
		all.Go(func() {
			for from, to := r.take(ctx); from < to; from, to = r.take(ctx) {
				r.tryOn(ctx, from, to)
			}
		})
	}
	all.Wait()
	return errors.Join(append(r.failed, ctx.Err(), r.sum(time.Since(began)))...)
}

// take hands out the next seeds for one cluster; none when it is over.
func (r *seedRun) take(ctx context.Context) (from, to int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over(ctx) {
		return 0, 0
	}
	from, to = r.next, min(r.next+r.reuse, r.seeds)
	r.next = to
	return from, to
}

// over is for holders of the lock.
func (r *seedRun) over(ctx context.Context) bool {
	return ctx.Err() != nil || len(r.failed) > 0 && !r.keepOn
}

// tryOn tries some seeds on one cluster. A cluster on which one went wrong is not used further.
func (r *seedRun) tryOn(ctx context.Context, from, to int) {
	for first, good := from, false; from < to; first = from {
		cluster, err := r.start(ctx)
		if err != nil {
			r.fail(err)
			return
		}
		for good = true; good && from < to; from++ {
			result, err := cluster.Run(ctx, r.seed(from))
			if err != nil {
				break // told to stop
			}
			good = len(result.Violations) == 0
			r.judged(cluster, result, first, from)
		}
		if err := cluster.Stop(); err != nil {
			r.fail(err)
		}
		r.mu.Lock()
		over := r.over(ctx)
		r.mu.Unlock()
		if over {
			return
		}
	}
}

func (r *seedRun) seed(n int) uint64 { return r.from + uint64(n) } //nolint:gosec // a count

func (r *seedRun) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, err)
}

// judged books a result, and keeps what is needed to look into one that is bad.
func (r *seedRun) judged(cluster *Cluster, result *Result, first, last int) {
	good := len(result.Violations) == 0
	r.mu.Lock()
	defer r.mu.Unlock()
	line(r.stdio, result)
	r.tally.Add(result.Run, good)
	if cluster.disks == nil {
		r.tally.Untried = "full disks: file systems can not be mounted here"
	}
	if good && !r.all {
		return
	}
	again := fmt.Sprintf("make chaos SEED=%d SEEDS=%d", r.seed(first), last-first+1)
	if err := cluster.preserve(r.keep, result, again); !good {
		r.failed = append(r.failed, err)
	}
}

// sum tells what came of all seeds that were tried.
func (r *seedRun) sum(took time.Duration) error {
	if r.tally.Seeds == 0 {
		return nil
	}
	text := r.tally.Markdown(took)
	_, _ = fmt.Fprint(r.stdio.Out, "\n", text)
	if r.file == "" {
		return nil
	}
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("summary: %w", err)
	}
	return nil
}
