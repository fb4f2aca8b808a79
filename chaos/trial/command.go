package trial

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/miroir-search/miroir/chaos/check"
	"github.com/miroir-search/miroir/chaos/history"
	"github.com/miroir-search/miroir/chaos/tally"
	"github.com/miroir-search/miroir/internal/lifecycle"
)

// command is what its flags say.
type command struct {
	root   string
	from   uint64
	seeds  int
	reuse  int
	judge  string
	keep   string
	keepOn bool
	all    bool
	points bool
	only   string
	file   string // of the summary
	began  time.Time
	tally  tally.Tally
}

// Command tries seeds one after the other, and fails when one of them shows a violation.
func Command(ctx context.Context, args []string, stdio lifecycle.Stdio) error {
	var c command
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stdio.Err)
	flags.StringVar(&c.root, "root", ".", "folder of the project, with bin/")
	flags.Uint64Var(&c.from, "seed", 1, "the first seed")
	flags.IntVar(&c.seeds, "seeds", 1, "how many seeds to try")
	flags.IntVar(&c.reuse, "reuse", 10, "how many seeds to try on one cluster")
	flags.StringVar(&c.keep, "keep", defaultKeep(), "folder for what is kept of runs that went wrong")
	flags.StringVar(&c.judge, "judge", "", "judge a history that was kept instead of running anything")
	flags.BoolVar(&c.keepOn, "continue", false, "try the other seeds as well when one has failed")
	flags.BoolVar(&c.all, "keep-all", false, "keep runs that went well, too")
	flags.BoolVar(&c.points, "points", false, "instead of seeds: end processes before and after every durable step")
	flags.StringVar(&c.only, "only", "", "with --points: only those with this in their names")
	flags.StringVar(&c.file, "summary", "", "file for the summary, in Markdown, of all seeds that were tried; it is printed in any case")
	if err := lifecycle.ParseFlags(flags, args); err != nil {
		return err
	}
	if c.judge != "" {
		run, err := history.Read(c.judge)
		if err != nil {
			return err
		}
		return tell(stdio, check.Run(run))
	}
	if c.points {
		return c.tryPoints(ctx, stdio)
	}
	c.began = time.Now()
	return errors.Join(c.try(ctx, stdio), c.sum(stdio))
}

// sum tells what came of all seeds that were tried.
func (c *command) sum(stdio lifecycle.Stdio) error {
	if c.tally.Seeds == 0 {
		return nil
	}
	text := c.tally.Markdown(time.Since(c.began))
	_, _ = fmt.Fprint(stdio.Out, "\n", text)
	if c.file == "" {
		return nil
	}
	if err := os.WriteFile(c.file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("summary: %w", err)
	}
	return nil
}

func (c *command) tryPoints(ctx context.Context, stdio lifecycle.Stdio) error {
	cluster, err := c.start(ctx)
	if err != nil {
		return err
	}
	result, err := cluster.RunPoints(ctx, c.only, func(text string) { _, _ = fmt.Fprintln(stdio.Out, text) })
	if err == nil {
		line(stdio, result)
		if len(result.Violations) > 0 || c.all {
			err = cluster.preserve(c.keep, result, "make chaos CHAOS=--points")
		}
	}
	return errors.Join(err, cluster.Stop())
}

func tell(stdio lifecycle.Stdio, found []check.Violation) error {
	for _, v := range found {
		_, _ = fmt.Fprintln(stdio.Out, "  ", v)
	}
	if len(found) > 0 {
		return fmt.Errorf("%d violations", len(found))
	}
	return nil
}

func (c *command) try(ctx context.Context, stdio lifecycle.Stdio) error {
	var failed []error
	for first := 0; first < c.seeds; first += c.reuse {
		if err := c.tryOn(ctx, stdio, first, min(first+c.reuse, c.seeds), &failed); err != nil {
			return errors.Join(append(failed, err)...)
		}
		if len(failed) > 0 && !c.keepOn {
			break
		}
	}
	return errors.Join(failed...)
}

// start starts a cluster, again if it does not come up: on a busy machine somebody else may take a port that was free.
func (c *command) start(ctx context.Context) (cluster *Cluster, err error) {
	for range 3 {
		if cluster, err = StartCluster(ctx, c.root, true); err == nil || ctx.Err() != nil {
			return cluster, err
		}
		err = errors.Join(err, cluster.Stop())
	}
	return nil, err
}

// tryOn tries some seeds on one cluster. A cluster on which one went wrong is not used further.
func (c *command) tryOn(ctx context.Context, stdio lifecycle.Stdio, from, to int, failed *[]error) (err error) {
	for from < to && ctx.Err() == nil && (len(*failed) == 0 || c.keepOn) {
		cluster, err := c.start(ctx)
		if err != nil {
			return err
		}
		if cluster.disks == nil {
			c.tally.Untried = "full disks: file systems can not be mounted here"
		}
		first := from
		for good := true; good && from < to && ctx.Err() == nil; from++ {
			seed := c.from + uint64(from) //nolint:gosec // a count
			var result *Result
			if result, err = cluster.Run(ctx, seed); err != nil {
				err = fmt.Errorf("seed %d: %w", seed, err)
				break
			}
			good = len(result.Violations) == 0
			line(stdio, result)
			c.tally.Add(result.Run, good)
			if !good || c.all {
				again := fmt.Sprintf("make chaos SEED=%d SEEDS=%d", c.from+uint64(first), from-first+1) //nolint:gosec // a count
				if err := cluster.preserve(c.keep, result, again); !good {
					*failed = append(*failed, err)
				}
			}
		}
		if err = errors.Join(err, cluster.Stop()); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func line(stdio lifecycle.Stdio, r *Result) {
	count := map[history.Outcome]int{}
	for _, o := range r.Run.Ops {
		count[o.Outcome]++
	}
	verdict := "ok"
	if len(r.Violations) > 0 {
		verdict = "FAILED"
	}
	_, _ = fmt.Fprintf(stdio.Out, "seed %d: %s, %s of work and %s to rest, %d acknowledged, %d refused, %d without an answer; %d faults\n", r.Run.Seed, verdict,
		time.Duration(r.Run.Worked).Round(100*time.Millisecond), time.Duration(r.Run.Rested).Round(100*time.Millisecond), count[history.Acknowledged], count[history.Refused], count[history.Unknown], len(r.Run.Faults))
}
