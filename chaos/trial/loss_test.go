package trial

import (
	"context"
	"sync"
	"syscall"
	"testing"

	"github.com/miroir-search/miroir/chaos/check"
	"github.com/miroir-search/miroir/chaos/history"
	"github.com/miroir-search/miroir/chaos/workload"
)

// IN-4: without any coordinator searches and document writes go on. IN-5: without etcd reads go on, and every write is
// refused with miroir_state_unavailable. What was acknowledged meanwhile is there afterwards.
func TestLosses(t *testing.T) {
	cluster, err := StartCluster(t.Context(), "../..", true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range []struct {
		process string
		right   func(history.Op) bool
	}{
		{"coordinator-0", func(o history.Op) bool { return o.Outcome == history.Acknowledged }},
		{"etcd", func(o history.Op) bool {
			if o.Reads() {
				return o.Outcome == history.Acknowledged
			}
			return o.Outcome == history.Refused && o.Code == "miroir_state_unavailable"
		}},
	} {
		result, err := cluster.without(t.Context(), c.process)
		if err != nil {
			t.Fatalf("without %s: %v", c.process, err)
		}
		for _, o := range result.Run.Ops {
			if !c.right(o) {
				result.Violations = append(result.Violations, check.Violation{Rule: "loss", Text: string(o.Kind) + " " + string(o.Outcome) + " " + o.Code + " " + o.Message})
			}
		}
		if len(result.Violations) > 0 {
			t.Fatal(cluster.preserve(defaultKeep(), result, "go test ./chaos/trial -run TestLosses"))
		}
		t.Logf("without %s: %d requests", c.process, len(result.Run.Ops))
	}
}

// without lets clients work while a process is dead, and brings it back.
func (c *Cluster) without(ctx context.Context, process string) (*Result, error) {
	client, unfollow, err := c.record(ctx, "without-"+process, 0)
	if err != nil {
		return nil, err
	}
	defer unfollow()
	if err := c.Signal(process, syscall.SIGKILL); err != nil {
		return nil, err
	}
	clients := workload.Plan(1, workload.Shape{Writers: 2, Readers: 1, Requests: 8}, "")
	var working sync.WaitGroup
	for _, ops := range clients {
		working.Go(func() { client.Play(ctx, ops) })
	}
	working.Wait()
	run := &history.Run{Faults: []string{"no " + process}}
	c.settle(ctx, client, run)
	run.Ops = client.Log.Ops()
	return &Result{Run: run, Violations: check.Run(run)}, nil
}
