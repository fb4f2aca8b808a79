package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miroir-search/miroir/e2e/inside"
)

// outage is processes that are killed at once.
type outage struct {
	name      string
	processes []string
}

// outages lists what is killed; nothing at first, to see that clients notice nothing then.
func outages() []outage {
	return []outage{
		{"nothing", nil},
		{"an engine", []string{"engine-1"}},
		{"a sidecar", []string{"sidecar-1"}},
		{"a sidecar and its engine", []string{"sidecar-1", "engine-1"}},
		{"the coordinator", []string{"coordinator-0"}},
		{"the gateway", []string{"gateway-0"}},
		{"Envoy", []string{"envoy"}},
		{"etcd", []string{"etcd"}},
	}
}

// Heads of the tables of outages.
const (
	headDown = `| killed | searches that failed | the last one after | degraded searches | the last one after | writes that failed | the last one after | degraded writes | the last one after |
|---|---|---|---|---|---|---|---|---|`
	headBack = `| started again | searches that failed | the last one after | writes that failed | the last one after | last degraded search after | last degraded write after | copies complete after |
|---|---|---|---|---|---|---|---|`
)

// kills kills one after the other under load, leaves them down for a while, and prints what clients met.
func (s *scene) kills(ctx context.Context, down time.Duration, only string) error {
	working, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { s.load.run(working); close(done) }()
	defer func() { stop(); <-done }()
	fmt.Printf("%d clients search and %d write, without a second try. What is killed is down for %s.\n\n%s\n", searchers, writers, down, headDown)
	var after []string
	for _, o := range outages() {
		if !strings.Contains(o.name, only) {
			continue
		}
		t, err := s.kill(ctx, o, down)
		if err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		fmt.Println(t.whileDown(o.name))
		after = append(after, t.whenBack(o.name))
	}
	fmt.Printf("\n%s\n%s\n", headBack, strings.Join(after, "\n"))
	return ctx.Err()
}

// times of an outage.
type times struct {
	killed, back, whole, end time.Time
	answers                  []answer
}

func (t times) whileDown(name string) string {
	span := t.back.Sub(t.killed)
	reads, writes := take(t.answers, false, t.killed, t.back), take(t.answers, true, t.killed, t.back)
	return fmt.Sprintf("| %s | %s | %s | %d | %s | %s | %s | %d | %s |", name, reads.failures(), until(reads.failed, reads.lastFailed, span),
		reads.degraded, until(reads.degraded, reads.lastDegrade, span), writes.failures(), until(writes.failed, writes.lastFailed, span),
		writes.degraded, until(writes.degraded, writes.lastDegrade, span))
}

func (t times) whenBack(name string) string {
	const never = time.Hour // nothing goes on until the end of this span
	reads, writes := take(t.answers, false, t.back, t.end), take(t.answers, true, t.back, t.end)
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %.1f s |", name, reads.failures(), until(reads.failed, reads.lastFailed, never),
		writes.failures(), until(writes.failed, writes.lastFailed, never), until(reads.degraded, reads.lastDegrade, never),
		until(writes.degraded, writes.lastDegrade, never), t.whole.Sub(t.back).Seconds())
}

// kill kills, waits, and starts again.
func (s *scene) kill(ctx context.Context, o outage, down time.Duration) (t times, err error) {
	t.killed = time.Now()
	for _, p := range o.processes {
		err = errors.Join(err, s.Kill(p))
	}
	if err != nil {
		return t, err
	}
	pause(ctx, down)
	t.back = time.Now()
	if err := s.until(ctx, func() error {
		if err := s.running(o); err != nil {
			return errors.Join(err, s.Revive())
		}
		return nil
	}); err != nil {
		return t, err
	}
	// Looked at from now on: an older watch may not have heard of everything yet.
	looking, stop := context.WithCancel(ctx)
	defer stop()
	var in *inside.Inside
	if err := s.until(ctx, func() (err error) {
		if in == nil {
			in, err = inside.Look(looking, s)
		}
		return errors.Join(err, clean(in))
	}); err != nil {
		return t, err
	}
	t.whole = time.Now()
	if err := s.until(ctx, func() error { return s.content(t.back) }); err != nil {
		return t, err
	}
	t.end, t.answers = time.Now(), s.load.told()
	return t, nil
}

// running says which process does not run.
func (s *scene) running(o outage) error {
	for _, p := range o.processes {
		if err := s.Signal(p, 0); err != nil {
			return err
		}
	}
	return nil
}

// clean says whether all nodes are up and all copies complete.
func clean(in *inside.Inside) error {
	if in == nil {
		return errors.New("nobody has looked yet")
	}
	return in.Clean()
}

// calm is how long nothing must have failed for clients to be content.
const calm = 2 * time.Second

// content says whether clients' requests succeed.
func (s *scene) content(since time.Time) error {
	now := time.Now()
	from := now.Add(-calm)
	if from.Before(since) {
		return errors.New("it is too early to tell")
	}
	answers := s.load.told()
	reads, writes := take(answers, false, from, now), take(answers, true, from, now)
	if reads.failed+writes.failed > 0 || reads.all == 0 || writes.all == 0 {
		return errors.New("requests fail")
	}
	return nil
}
