package trial

import (
	"context"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miroir-search/miroir/chaos/check"
	"github.com/miroir-search/miroir/chaos/history"
	"github.com/miroir-search/miroir/chaos/workload"
	"github.com/miroir-search/miroir/e2e/inside"
)

// Every process of the cluster is killed, one after the other, while clients write and read by the official SDK with its retries. No
// acknowledged write is lost, and no call of the SDK fails (TE-7, IN-3, IN-4).
func TestRollingKill(t *testing.T) {
	cluster, err := StartCluster(t.Context(), "../..", false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	client, unfollow, err := cluster.record(ctx, "rolling", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unfollow()
	client.UseSDK()

	playing, stop := context.WithCancel(ctx)
	var working sync.WaitGroup
	for _, ops := range workload.Plan(1, workload.Shape{Writers: 4, Readers: 2, Requests: 100_000}, "") {
		working.Go(func() { client.Play(playing, ops) })
	}
	for _, p := range slices.Concat(cluster.kinds()...) {
		if err := cluster.replace(ctx, client, p); err != nil {
			t.Errorf("%s: %v", p, err)
			break
		}
	}
	stop()
	working.Wait()
	run := &history.Run{Faults: []string{"rolling kill"}}
	cluster.settle(ctx, client, run)
	unfollow()
	run.Ops = client.Log.Ops()
	result := &Result{Run: run, Violations: check.Run(run)}
	reads := 0
	for _, o := range run.Ops {
		if o.Reads() {
			reads++
		}
		if o.Last && o.Outcome != history.Acknowledged {
			result.Violations = append(result.Violations, check.Violation{Rule: "failed", Text: string(o.Kind) + " " + string(o.Outcome) + " " + o.Code + " " + o.Message})
		}
	}
	t.Logf("%d requests, %d of them reads", len(run.Ops), reads)
	if len(result.Violations) > 0 {
		t.Fatal(cluster.preserve(defaultKeep(), result, "go test ./chaos/trial -run TestRollingKill"))
	}
}

// replace kills a process and returns when the cluster is as good as before.
func (c *Cluster) replace(ctx context.Context, client *workload.Client, process string) error {
	old, err := c.Pid(process)
	if err == nil {
		err = c.Signal(process, syscall.SIGKILL)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	var in *inside.Inside
	since := 0
	for {
		switch now, err := c.Pid(process); {
		case err != nil || now == old:
		case in == nil:
			if in, err = inside.Look(ctx, c); err != nil {
				in = nil
			}
			since = client.Log.Count()
		case client.Log.Count() > since+40 && in.Clean() == nil:
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
