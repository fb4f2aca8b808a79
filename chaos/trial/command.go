package trial

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/miroir-search/miroir/chaos/check"
	"github.com/miroir-search/miroir/chaos/history"
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
	wide   int    // clusters at once
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
	flags.IntVar(&c.wide, "parallel", 1, "how many clusters to try seeds on at once; most of a seed's time is waiting")
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
	return c.trySeeds(ctx, stdio)
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
