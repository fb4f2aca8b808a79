package trial

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miroir-search/miroir/chaos/check"
	"github.com/miroir-search/miroir/chaos/history"
	"github.com/miroir-search/miroir/chaos/workload"
	"github.com/miroir-search/miroir/e2e/inside"
	"github.com/miroir-search/miroir/internal/failpoint"
)

// nudgeEvery is how often a nudge is repeated, in looks: so rarely that what it started can come to its end.
const nudgeEvery = 100

// reachTime is how long a point may take to be reached once what leads to it goes on.
const reachTime = time.Minute

// point is a step at which a process is to end, before and after it.
type point struct {
	process     string
	group, step string
	// nudge makes the process come by, where the workload alone does not. It is repeated until it did.
	nudge func(ctx context.Context, c *Cluster, client *workload.Client, round int) error
}

// points lists the durable steps of a cluster's life.
func points() []point {
	const gateway, coordinator, sidecar = "gateway-0", "coordinator-0", "sidecar-1"
	list := []point{
		{process: gateway, group: "state", step: "allocate task uids"},
		{process: gateway, group: "state", step: "create task"},
		{process: gateway, group: "state", step: "create index"},
		{process: gateway, group: "state", step: "delete index"},
		{process: gateway, group: "state", step: "swap indexes"},
		{process: gateway, group: "state", step: "close barrier"},
		{process: gateway, group: "state", step: "open barrier"},
		{process: gateway, group: "state", step: "mark dirty", nudge: miss},
		{process: gateway, group: "state", step: "update task", nudge: miss},
		{process: coordinator, group: "state", step: "finish task"},
		{process: coordinator, group: "state", step: "clear dirty", nudge: miss},
	}
	for _, phase := range []string{"assess", "copy", "clear", "succeeded"} {
		list = append(list, point{process: coordinator, group: "workflow", step: "repair." + phase, nudge: miss})
	}
	for _, phase := range []string{"stage", "propose", "verify", "commit", "conclude", "succeeded"} {
		list = append(list, point{process: coordinator, group: "workflow", step: "settings." + phase, nudge: settle})
	}
	for _, step := range []string{"prepare", "register"} {
		list = append(list, point{process: sidecar, group: "journal", step: step})
	}
	for _, step := range []string{"POST documents", "PUT documents", "POST delete-batch", "POST delete", "DELETE documents", "POST indexes", "DELETE index"} {
		list = append(list, point{process: sidecar, group: "engine", step: step})
	}
	return append(list, point{process: sidecar, group: "engine", step: "PATCH settings", nudge: settle})
}

// miss lets a node miss writes, so that it must be repaired.
func miss(_ context.Context, c *Cluster, _ *workload.Client, _ int) error {
	if err := c.Signal("sidecar-2", syscall.SIGKILL); err != nil && c.Signal("sidecar-2", 0) == nil {
		return err
	}
	return nil
}

// settle changes settings that the checks do not depend on.
func settle(_ context.Context, _ *Cluster, client *workload.Client, round int) error {
	body := map[string]any{"sortableAttributes": []string{[]string{history.First, history.Next, history.Last}[round%3]}}
	return client.Tell(http.MethodPatch, "/indexes/"+client.Index+"/settings", body)
}

// atOnce is how many steps are judged as one run: few, for every request without an answer makes the judgement harder.
const atOnce = 4

// RunPoints ends processes right before and right after every durable step while clients write and read, and judges some
// steps at a time as one run; only those with a text in their names. Points that nobody came by are violations, for they
// prove nothing. It returns the first run that went wrong, or the last one.
func (c *Cluster) RunPoints(ctx context.Context, only string, told func(string)) (result *Result, err error) {
	chosen := slices.DeleteFunc(points(), func(p point) bool { return !strings.Contains(failpoint.Name(p.group, p.step, true), only) })
	for some := range slices.Chunk(chosen, atOnce) {
		if result, err = c.runPoints(ctx, some, told); err != nil || len(result.Violations) > 0 {
			return result, err
		}
	}
	return result, err
}

func (c *Cluster) runPoints(ctx context.Context, some []point, told func(string)) (*Result, error) {
	c.trials++
	client, unfollow, err := c.record(ctx, fmt.Sprint("points-", c.trials), retries)
	if err != nil {
		return nil, err
	}
	defer unfollow()
	playing, stop := context.WithCancel(ctx)
	defer stop()
	var working sync.WaitGroup
	shape := workload.Shape{Writers: 3, Readers: 1, Indexers: 2, Requests: 100_000}
	for _, ops := range workload.Plan(uint64(c.trials), shape, client.Index+"-") { //nolint:gosec // a count
		working.Go(func() { client.Play(playing, ops) })
	}
	result := &Result{Run: &history.Run{}}
	began := time.Now()
	for round, p := range some {
		for _, after := range []bool{false, true} {
			name := failpoint.Name(p.group, p.step, after)
			result.Run.Faults = append(result.Run.Faults, p.process+" "+name)
			err := c.reach(ctx, client, p, name, round)
			if err != nil {
				result.Violations = append(result.Violations, check.Violation{Rule: "point", Text: fmt.Sprintf("%s of %s: %v", name, p.process, err)})
			}
			told(fmt.Sprintf("%s %s, %s %v", p.process, name, time.Since(began).Round(time.Second), err))
		}
	}
	stop()
	working.Wait()
	worked := time.Since(began)
	result.Run.Worked = int64(worked)
	c.settle(ctx, client, result.Run)
	unfollow()
	result.Run.Ops = client.Log.Ops()
	result.Violations = append(result.Violations, check.Run(result.Run)...)
	rested := time.Since(began) - worked
	result.Run.Rested = int64(rested)
	told(fmt.Sprintf("%d requests judged, %d violations, %s to rest", len(result.Run.Ops), len(result.Violations), rested.Round(time.Second)))
	return result, ctx.Err()
}

// reach arms a point, waits until the process has ended there, and until the cluster is whole again.
func (c *Cluster) reach(ctx context.Context, client *workload.Client, p point, name string, round int) error {
	folder := c.Data(filepath.Join("failpoints", p.process))
	if err := failpoint.Arm(folder, name); err != nil {
		return err
	}
	reaching, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for n := 0; failpoint.Armed(folder, name); n++ {
		if p.nudge != nil && n%nudgeEvery == 0 {
			// What it asks for may fail just because the process ends.
			if err := p.nudge(reaching, c, client, round+n/nudgeEvery); err != nil && c.Signal(p.process, 0) == nil && failpoint.Armed(folder, name) && n > 200 {
				return err
			}
		}
		if len(c.down()) > 0 && p.nudge == nil || n%10 == 9 {
			if err := c.Revive(); err != nil {
				return err
			}
		}
		select {
		case <-again.C:
		case <-reaching.Done():
			return errors.Join(errors.New("nobody came by"), failpoint.Disarm(folder, name))
		}
	}
	return c.whole(ctx, client)
}

// whole waits until all processes run, no copy is dirty and clients get on.
func (c *Cluster) whole(ctx context.Context, client *workload.Client) error {
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	since := client.Log.Count()
	var in *inside.Inside
	for {
		err := c.Revive()
		switch {
		case err != nil:
		case len(c.down()) > 0:
			err = fmt.Errorf("%v do not run", c.down())
		case in == nil:
			if in, err = inside.Look(ctx, c); err != nil {
				in = nil
			} else {
				err = in.Clean()
			}
		default:
			err = in.Clean()
		}
		if err == nil && client.Log.Count() > since+10 {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(errors.New("the cluster does not become whole again"), err)
		}
	}
}
