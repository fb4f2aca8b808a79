package sidecar

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/failpoint"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/telemetry"
	"github.com/miroir-search/miroir/sidecar/dispatch"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/ensure"
	"github.com/miroir-search/miroir/sidecar/features"
	"github.com/miroir-search/miroir/sidecar/fence"
	"github.com/miroir-search/miroir/sidecar/holding"
	"github.com/miroir-search/miroir/sidecar/journal"
	"github.com/miroir-search/miroir/sidecar/probe"
	"github.com/miroir-search/miroir/sidecar/proxy"
	"github.com/miroir-search/miroir/sidecar/replica"
	"github.com/miroir-search/miroir/sidecar/transfer"
)

const (
	drain        = 10 * time.Second // how long legs in flight may take at the end
	retryLongest = 2 * time.Second
)

// Run is the sidecar's process. It returns when ctx ends, or when something it can not work without is gone.
func Run(ctx context.Context, args []string, stdio lifecycle.Stdio) error {
	c, err := readConfig(args, stdio)
	if err != nil {
		return err
	}
	log, err := telemetry.NewLogger(stdio.Out, c.log)
	if err != nil {
		return lifecycle.UsageError("%v", err)
	}
	door, err := net.Listen("tcp", c.listen)
	if err != nil {
		return fmt.Errorf("listen for legs: %w", err)
	}
	defer func() { _ = door.Close() }()
	metrics, err := net.Listen("tcp", c.metricsListen)
	if err != nil {
		return fmt.Errorf("listen for metrics: %w", err)
	}
	defer func() { _ = metrics.Close() }()
	e, err := engine.New(c.engineURL, c.engineKey)
	if err != nil {
		return lifecycle.UsageError("%v", err)
	}
	store, err := openStore(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	started := time.Now().UTC()
	node, err := register(ctx, store, routing.NodeRecord{ID: c.id, Address: c.advertise, ReplicaGroup: c.group}, log)
	if err != nil {
		return err
	}
	registry := telemetry.NewRegistry("sidecar")
	clock := hlc.New(failpoint.Now)
	book, err := journal.Open(c.journal, clock, journal.Options{
		MaxBytes: c.journalBytes, NoSync: !c.journalSync, Now: failpoint.Now, Log: log, Metrics: journal.NewMetrics(registry),
	})
	if err != nil {
		return err
	}
	return errors.Join(serve(ctx, assembly{
		config: c, log: log, door: door, metrics: metrics, engine: e, store: store, node: node, started: started, registry: registry,
		clock: clock, journal: book,
	}), book.Close())
}

// assembly is what Run has at hand when the sidecar can begin to serve.
type assembly struct {
	config        config
	log           zerolog.Logger
	door, metrics net.Listener
	engine        *engine.Client
	store         *state.Client
	node          routing.NodeRecord
	started       time.Time
	registry      *prometheus.Registry
	clock         *hlc.Clock
	journal       *journal.Journal
}

// serve starts everything and waits for its end.
func serve(ctx context.Context, p assembly) error {
	group := lifecycle.NewGroup(ctx)
	watch, err := p.store.WatchView(group.Context(), p.log)
	tuned, wrong := p.store.WatchTuning(group.Context(), p.log)
	if err = errors.Join(err, wrong); err != nil {
		group.Stop(err)
		return errors.Join(err, group.Wait())
	}
	barrier := fence.New(time.Now, p.config.staleReads)
	barrier.Observe(watch.View())
	watcher := probe.New(p.engine, func() probe.Config { return p.config.probe(tuned.Live().Health) }, p.log, probe.NewMetrics(p.registry))
	table := dispatch.New(p.engine, p.log, dispatch.NewMetrics(p.registry), dispatch.Capacity)
	book := holding.NewBook(p.config.id)
	losses := &losses{store: p.store, views: watch, node: p.node.ID, log: p.log, told: make(chan loss, maxLosses)}
	copies := replica.New(replica.Config{
		Journal: p.journal, Clock: p.clock, Engine: p.engine, Dispatches: table, Views: watch, Lost: losses.tell, Log: p.log,
		Metrics: replica.NewMetrics(p.registry),
	})
	table.Heed(copies)
	table.Vet(func(ctx context.Context, newest uint32) error { return passed(ctx, p.store, newest, p.log) })
	keeper := ensure.New(ensure.Config{
		Node: p.config.id, Engine: p.engine, Views: watch, Store: p.store, Lose: copies.Lose, Prune: copies.Prune, Latest: p.journal.Latest, Book: book, Seal: p.config.seal, Log: p.log,
		Metrics: ensure.NewMetrics(p.registry), Known: p.node.Since.Before(p.started),
	})
	peers := client.New(client.Options{NodeKey: p.config.nodeKey})
	defer peers.Close()
	end := transfer.Node{Engine: p.engine, Journal: p.journal, Replica: copies, Views: watch, Book: book, Scans: transfer.Slots()}
	door := proxy.New(proxy.Config{
		Node: p.config.id, Group: p.config.group, Key: p.config.nodeKey, Engine: p.engine, Views: watch, Keeper: keeper, Book: book,
		Fence: barrier, Dispatches: table, Replica: copies, Source: &transfer.Source{Node: end},
		Target: &transfer.Target{Node: end, Keeper: keeper, Peers: peers, Metrics: transfer.NewMetrics(p.registry)}, Probe: watcher, Log: p.log, Metrics: proxy.NewMetrics(p.registry), Registry: p.registry,
		Started: p.started,
	})
	m := &membership{
		store: p.store, log: p.log, node: p.node, started: p.started, probe: watcher, fence: barrier, views: watch,
		table: table, acked: newAck(watch.View().Epoch),
	}
	group.Go("store", p.store.Guard)
	group.Go("membership", m.run)
	group.Go("view", m.follow)
	group.Go("probe", watcher.Run)
	group.Go("dispatches", table.Recover)
	group.Go("indexes", keeper.Run)
	group.Go("features", (&features.Keeper{
		Engine: p.engine, Views: watch, Now: time.Now, Log: p.log, Metrics: features.NewMetrics(p.registry),
	}).Run)
	group.Go("journal", p.journal.Run)
	group.Go("order", copies.Run)
	group.Go("losses", losses.run)
	port := telemetry.Port{Metrics: p.registry, Ready: m.ready, Profiles: p.config.pprof}
	group.Go("metrics", func(ctx context.Context) error { return port.Serve(ctx, p.metrics) })
	group.Go("door", func(ctx context.Context) error {
		return lifecycle.ServeHTTP(ctx, p.door, &http.Server{
			Handler: door, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute, ErrorLog: nil,
		}, drain)
	})
	p.log.Info().Str("listen", p.door.Addr().String()).Int("group", p.config.group).Msg("sidecar serves")
	return group.Wait()
}

// openStore connects to etcd, however long that takes.
func openStore(ctx context.Context, c config, log zerolog.Logger) (store *state.Client, err error) {
	err = retry(ctx, log, "store not reachable yet", func() error {
		store, err = state.Open(ctx, state.Options{Endpoints: c.etcd, Prefix: c.prefix, Cluster: c.cluster})
		return err
	})
	return store, err
}

// register makes the node known. An id that may not be used is final.
func register(ctx context.Context, store *state.Client, want routing.NodeRecord, log zerolog.Logger) (node routing.NodeRecord, err error) {
	err = retry(ctx, log, "node not registered yet", func() error {
		node, err = store.RegisterNode(ctx, want)
		return err
	})
	return node, err
}

// passed makes sure that the newest task that the engine knows is behind those that gateways will make.
func passed(ctx context.Context, store *state.Client, newest uint32, log zerolog.Logger) error {
	forward, err := store.PassTask(ctx, newest)
	if err == nil && forward {
		log.Error().Uint32("task", newest).Msg("the state store was set back: the engine knows tasks that it does not, and all copies must be compared")
	}
	return err
}

// retry repeats what failed because the store did not answer, with growing pauses.
func retry(ctx context.Context, log zerolog.Logger, msg string, try func() error) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, retryLongest) {
		err := try()
		if err == nil || !errors.Is(err, state.ErrUnavailable) {
			return err
		}
		log.Warn().Err(err).Msg(msg)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}
