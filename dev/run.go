package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/dev/supervise"
	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/telemetry"
	"github.com/miroir-search/miroir/xds/drain"
)

// stopGrace is what the processes of one stage get to end in order.
const stopGrace = 10 * time.Second

// envoyDrain is what requests in flight get when everything stops.
const envoyDrain = 5 * time.Second

// gatewayDrain is what a gateway gives the requests in flight, so that it has ended by itself within stopGrace.
const gatewayDrain = 8 * time.Second

// Run is the command `miroir dev`: a cluster until ctx ends.
func Run(ctx context.Context, args []string, stdio lifecycle.Stdio) error {
	o, err := parseOptions(args, stdio.Err)
	if err != nil {
		return err
	}
	log, err := telemetry.NewLogger(stdio.Err, o.log)
	if err != nil {
		return lifecycle.UsageError("%v", err)
	}
	c, err := prepare(o)
	if err != nil {
		return err
	}
	defer c.folder.close()
	supervisor, err := supervise.New(supervise.Options{
		RunDir: c.folder.at("run"), LogDir: c.folder.at("log"), Restart: !o.noRestart, Log: log,
	})
	if err != nil {
		return err
	}
	defer supervisor.Close()
	if err := supervisor.Clear(ctx); err != nil {
		return err
	}
	// Only now are the ports of an earlier run surely free again.
	if c.ports, err = c.folder.choosePorts(purposes(o)); err != nil {
		return err
	}
	if err := c.writeBootstraps(); err != nil {
		return err
	}
	defer c.shutDown(ctx, supervisor, log)
	if err := c.start(ctx, supervisor); err != nil {
		if by := (lifecycle.SignalError{}); errors.As(context.Cause(ctx), &by) {
			return nil // asked to stop while it started
		}
		return fmt.Errorf("start: %w", err)
	}
	if err := c.announce(stdio.Out); err != nil {
		return err
	}
	reviveOnSignal(ctx, supervisor)
	return nil
}

// start starts all processes and waits until the cluster serves.
func (c *cluster) start(ctx context.Context, s *supervise.Supervisor) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.options.patience, fmt.Errorf("not ready after %s", c.options.patience))
	defer cancel()
	for i, stage := range c.stages() {
		for _, p := range stage {
			if err := s.Start(p); err != nil {
				return err
			}
		}
		// Without etcd nothing else starts, and a sidecar looks for its engine only every few seconds.
		switch i {
		case 0:
			err = c.until(ctx, s, "etcd", c.etcdServes)
		case 1:
			err = c.until(ctx, s, "engines", c.enginesServe)
		}
		if err != nil {
			return err
		}
	}
	return c.ready(ctx, s)
}

// reviveOnSignal waits for the end; meanwhile each SIGUSR1 starts processes again that are down.
func reviveOnSignal(ctx context.Context, s *supervise.Supervisor) {
	wishes := make(chan os.Signal, 1)
	signal.Notify(wishes, syscall.SIGUSR1)
	defer signal.Stop(wishes)
	for {
		select {
		case <-ctx.Done():
			return
		case <-wishes:
			s.Revive()
		}
	}
}

// shutDown ends all processes from the outside in.
func (c *cluster) shutDown(ctx context.Context, s *supervise.Supervisor, log zerolog.Logger) {
	log.Info().Msg("stopping")
	ctx = context.WithoutCancel(ctx)
	c.drainEnvoys(ctx, log)
	for _, names := range c.stopOrder() {
		s.Stop(ctx, stopGrace, names...)
	}
}

// drainEnvoys lets the requests in flight end. One that never came up has none.
func (c *cluster) drainEnvoys(ctx context.Context, log zerolog.Logger) {
	var all sync.WaitGroup
	for _, e := range c.envoys() {
		all.Go(func() {
			if err := drain.Drain(ctx, drain.Options{Admin: e.Admin, Limit: envoyDrain}); err != nil {
				log.Info().Err(err).Str("process", e.Process).Msg("envoy not drained")
			}
		})
	}
	all.Wait()
}
