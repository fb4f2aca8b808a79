package trial

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/miroir-search/miroir/chaos/check"
	"github.com/miroir-search/miroir/chaos/fault"
	"github.com/miroir-search/miroir/chaos/history"
	"github.com/miroir-search/miroir/chaos/workload"
)

// longest bounds the time of the clients at work, on a busy machine; the rest bounds itself.
const longest = 5 * time.Minute

// retries of a patient SDK: after 0.1 s, 0.2 s … 6.4 s.
const retries = 7

// Result is what came of a trial.
type Result struct {
	Run        *history.Run
	Violations []check.Violation
	// Worked is how long clients were at work, and Rested how long the cluster took to come to rest.
	Worked, Rested time.Duration
}

// shape of the workload. It is small, so that many seeds can be tried.
func shape() workload.Shape {
	return workload.Shape{Writers: 3, Readers: 1, Indexers: 2, Requests: 40}
}

// Run tries one seed. An error says that it could not be tried, which is no judgement.
func (c *Cluster) Run(ctx context.Context, seed uint64) (*Result, error) {
	c.trials++
	index := fmt.Sprintf("chaos-%d-%d", seed, c.trials)
	clients := workload.Plan(seed, shape(), index+"-")
	total := 0
	for _, ops := range clients {
		total += len(ops)
	}
	faults := fault.Plan(seed, c.kinds(), c.ways(), total)
	run := &history.Run{Seed: seed}
	for _, f := range faults {
		run.Faults = append(run.Faults, f.String())
	}
	client, unfollow, err := c.record(ctx, index, 0)
	if err != nil {
		return nil, err
	}
	defer unfollow()
	began := time.Now()
	working, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	if err := c.play(working, client, clients, faults); err != nil {
		return nil, err
	}
	worked := time.Since(began)
	if c.settle(ctx, client, run); working.Err() != nil {
		run.Unsettled = fmt.Sprintf("clients did not get through in %s; %s", longest, run.Unsettled)
	}
	unfollow()
	run.Ops = client.Log.Ops()
	r := &Result{Run: run, Violations: check.Run(run), Worked: worked, Rested: time.Since(began) - worked}
	if len(r.Violations) == 0 {
		err = c.tidy(ctx, client, index)
	}
	return r, err
}

// play lets the clients work while faults happen, and returns when both are through.
func (c *Cluster) play(ctx context.Context, client *workload.Client, clients [][]history.Op, faults []fault.Fault) error {
	var working sync.WaitGroup
	playing, stop := context.WithCancel(ctx)
	defer stop()
	injector := fault.Injector{Target: c, Clock: client.Log}
	injected := make(chan error, 1)
	go func() { injected <- injector.Run(playing, faults) }()
	for _, ops := range clients {
		working.Go(func() { client.Play(ctx, ops) })
	}
	working.Wait()
	stop() // faults that have not ended have nothing left to disturb
	err := <-injected
	c.wake()
	return err
}

// prepare makes the index of a trial.
func (c *Cluster) prepare(ctx context.Context, index string) (*workload.Client, error) {
	client := &workload.Client{URL: c.URL(), Key: c.MasterKey(), Index: index, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	err := client.Carry(ctx, http.MethodPost, "/indexes", map[string]any{"uid": index, "primaryKey": "id"})
	if err == nil {
		err = client.Carry(ctx, http.MethodPatch, "/indexes/"+index+"/settings", map[string]any{"filterableAttributes": []string{history.Group}})
	}
	return client, err
}

// record makes what prepare makes, and writes down what is asked, and how all tasks end. Whoever asked for it calls unfollow.
func (c *Cluster) record(ctx context.Context, index string, retries int) (client *workload.Client, unfollow func(), err error) {
	if client, err = c.prepare(ctx, index); err != nil {
		return nil, nil, err
	}
	client.Log, client.Retries = workload.NewRecorder(), retries
	following, unfollow := context.WithCancel(ctx)
	go client.FollowTasks(following)
	return client, unfollow, nil
}

// tidy removes what a trial made, so that the next one finds a small cluster.
func (c *Cluster) tidy(ctx context.Context, client *workload.Client, index string) error {
	return client.Carry(ctx, http.MethodDelete, "/indexes/"+index, nil)
}
