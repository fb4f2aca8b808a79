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
	"github.com/miroir-search/miroir/chaos/rival"
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
}

// shape of the workload. It is small, so that many seeds can be tried.
func shape() workload.Shape {
	return workload.Shape{Writers: 3, Readers: 1, Indexers: 2, Flippers: 2, Requests: 40}
}

// Run tries one seed. An error says that ctx ended, which is no judgement.
func (c *Cluster) Run(ctx context.Context, seed uint64) (*Result, error) {
	c.trials++
	index := fmt.Sprintf("chaos-%d-%d", seed, c.trials)
	clients := workload.Plan(seed, shape(), index+"-")
	total := 0
	for _, ops := range clients {
		total += len(ops)
	}
	faults := fault.Plan(seed, c.parts(), total)
	run := &history.Run{Seed: seed}
	for _, f := range faults {
		run.Faults = append(run.Faults, f.String())
	}
	client, unfollow, err := c.record(ctx, index, 0)
	var book *rival.Book
	var retire func()
	if err == nil {
		defer unfollow()
		err = c.alias(ctx, client)
	}
	if err == nil {
		book, retire, err = c.compete(ctx, index, client.Log.Now)
	}
	if err != nil {
		run.Unsettled = "before anything happened " + err.Error()
		return &Result{Run: run, Violations: check.Run(run)}, ctx.Err()
	}
	defer retire()
	began := time.Now()
	working, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	run.Events, err = c.play(working, client, clients, faults)
	worked := time.Since(began)
	retire()
	run.Claims = append(book.Claims(), c.terms(client.Log.At)...)
	if c.settle(ctx, client, run); working.Err() != nil {
		run.Unsettled = fmt.Sprintf("clients did not get through in %s; %s", longest, run.Unsettled)
	}
	if err != nil {
		run.Unsettled = fmt.Sprintf("%v; %s", err, run.Unsettled)
	}
	unfollow()
	run.Worked, run.Rested = int64(worked), int64(time.Since(began)-worked)
	if run.Unsettled == "" {
		// It removes what the trial made, so that the next one finds a small cluster; and nothing explains a refusal any more.
		if err := c.tidy(ctx, client); err != nil {
			run.Unsettled = "at rest " + err.Error()
		}
	}
	run.Ops, run.Exits = client.Log.Ops(), c.exits(client.Log.At, run.Events)
	return &Result{Run: run, Violations: check.Run(run)}, ctx.Err()
}

// play lets the clients work while faults happen, and returns when both are through.
func (c *Cluster) play(ctx context.Context, client *workload.Client, clients [][]history.Op, faults []fault.Fault) ([]history.Event, error) {
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
	return injector.Events(), err
}

// prepare makes the index of a trial.
func (c *Cluster) prepare(ctx context.Context, index string) (*workload.Client, error) {
	key, err := c.AdminKey()
	if err != nil {
		return nil, err
	}
	client := &workload.Client{
		URL: c.URL(), Key: c.MasterKey(), Index: index, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
		Admin: c.Admin(), AdminKey: key,
	}
	err = client.Carry(ctx, http.MethodPost, "/indexes", map[string]any{"uid": index, "primaryKey": "id"})
	if err == nil {
		err = client.Carry(ctx, http.MethodPatch, "/indexes/"+index+"/settings", map[string]any{"filterableAttributes": []string{history.Group}})
	}
	return client, err
}

// alias makes the alias of a trial, and what it can stand for when this is the first one.
func (c *Cluster) alias(ctx context.Context, client *workload.Client) error {
	for _, target := range workload.Targets() {
		if c.trials > 1 {
			break
		}
		if err := client.Carry(ctx, http.MethodPost, "/indexes", map[string]any{"uid": target, "primaryKey": target}); err != nil {
			return err
		}
	}
	return client.Direct(workload.Alias(client.Index+"-"), workload.Targets()[0])
}

// wakeTime is how long a node that was stopped may still refuse writes: until it has renewed its lease, on a busy machine.
const wakeTime = 20 * time.Second

// tidy removes what a trial made, so that the next one finds a small cluster. A node that was stopped until a moment ago is fenced, though
// nothing is left to repair: a change that changes nothing tells when all nodes take writes again.
func (c *Cluster) tidy(ctx context.Context, client *workload.Client) error {
	waking, cancel := context.WithTimeout(ctx, wakeTime)
	defer cancel()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		err := client.Carry(waking, http.MethodPatch, "/indexes/"+client.Index+"/settings", map[string]any{"filterableAttributes": []string{history.Group}})
		if err == nil {
			break
		}
		select {
		case <-again.C:
		case <-waking.Done():
			return err
		}
	}
	if err := client.Carry(ctx, http.MethodDelete, "/indexes/"+client.Index, nil); err != nil {
		return err
	}
	return client.Forget(workload.Alias(client.Index + "-"))
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
