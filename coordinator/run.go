package coordinator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/bounds"
	"github.com/miroir-search/miroir/coordinator/election"
	"github.com/miroir-search/miroir/coordinator/finisher"
	"github.com/miroir-search/miroir/coordinator/formation"
	"github.com/miroir-search/miroir/coordinator/publish"
	"github.com/miroir-search/miroir/coordinator/tasklist"
	"github.com/miroir-search/miroir/coordinator/view"
	"github.com/miroir-search/miroir/coordinator/webhooks"
	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/coordinator/workflow/antientropy"
	"github.com/miroir-search/miroir/coordinator/workflow/dumps"
	"github.com/miroir-search/miroir/coordinator/workflow/imports"
	"github.com/miroir-search/miroir/coordinator/workflow/repair"
	"github.com/miroir-search/miroir/coordinator/workflow/settings"
	"github.com/miroir-search/miroir/coordinator/workflow/upkeep"
	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/telemetry"
	"github.com/miroir-search/miroir/internal/tuning"
	"github.com/miroir-search/miroir/xds/server"
)

// retryLongest is the longest pause while etcd does not answer.
const retryLongest = 2 * time.Second

// Run is the coordinator process. It ends when ctx does, or with the first error of one of its parts. It waits for etcd,
// however long that takes.
func Run(ctx context.Context, args []string, stdio lifecycle.Stdio) error {
	c, err := readConfig(args, stdio)
	if err != nil {
		return err
	}
	log, err := telemetry.NewLogger(stdio.Out, c.log)
	if err != nil {
		return lifecycle.UsageError("%v", err)
	}
	doors, err := listen(c)
	if err != nil {
		return err
	}
	defer doors.close()
	store, err := openStore(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	if err := formation.Found(ctx, store, c.shape, time.Now().UTC(), log); err != nil {
		return fmt.Errorf("found cluster: %w", err)
	}
	return serve(ctx, c, log, doors, store)
}

// doors are the listeners of a coordinator.
type doors struct{ admin, xds, metrics net.Listener }

// listen opens all listeners first, so that a busy address is told before anything else happens.
func listen(c config) (doors, error) {
	var d doors
	var errs []error
	for _, one := range []struct {
		name, address string
		to            *net.Listener
	}{{"admin", c.admin, &d.admin}, {"xds", c.xds, &d.xds}, {"metrics", c.metrics, &d.metrics}} {
		l, err := net.Listen("tcp", one.address)
		if err != nil {
			errs = append(errs, fmt.Errorf("listen for %s: %w", one.name, err))
			continue
		}
		*one.to = l
	}
	if len(errs) > 0 {
		d.close()
		return d, errors.Join(errs...)
	}
	return d, nil
}

func (d doors) close() {
	for _, l := range []net.Listener{d.admin, d.xds, d.metrics} {
		if l != nil {
			_ = l.Close() // the servers close them too
		}
	}
}

// openStore connects to etcd.
func openStore(ctx context.Context, c config, log zerolog.Logger) (*state.Client, error) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, retryLongest) {
		store, err := state.Open(ctx, state.Options{Endpoints: c.etcd, Prefix: c.prefix, Cluster: c.cluster})
		if err == nil || !errors.Is(err, state.ErrUnavailable) {
			return store, err
		}
		log.Warn().Err(err).Msg("store not reachable yet")
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// serve starts everything and waits for its end.
func serve(ctx context.Context, c config, log zerolog.Logger, d doors, store *state.Client) error {
	group := lifecycle.NewGroup(ctx)
	p, err := assemble(group.Context(), c, log, store)
	if err != nil {
		group.Stop(err)
		return errors.Join(err, group.Wait())
	}
	defer p.nodes.Close()
	group.Go("xds", func(ctx context.Context) error { return p.envoys.Serve(ctx, d.xds) })
	group.Go("publish", p.publisher().Run)
	group.Go("store", store.Guard)
	group.Go("sightings", p.observe)
	group.Go("member", p.member)
	port := telemetry.Port{Metrics: p.registry, Ready: p.ready, Profiles: c.pprof}
	group.Go("metrics", func(ctx context.Context) error { return port.Serve(ctx, d.metrics) })
	group.Go("admin", func(ctx context.Context) error { return p.admin(ctx, d.admin) })
	if p.importer != nil {
		group.Go("imports", p.importer.Run)
	}
	for scope, lead := range p.scopes() {
		candidate := &election.Candidate{Store: store, Scope: scope, Holder: c.id, Log: log, Metrics: p.elections}
		group.Go(scope, func(ctx context.Context) error { return candidate.Run(ctx, lead) })
	}
	log.Info().Str("id", c.id).Msg("coordinator serves")
	return group.Wait()
}

// scopes lists what only one coordinator does at a time.
func (p *parts) scopes() map[string]func(context.Context, *state.Leadership) error {
	admitter := &formation.Admitter{Views: p.views, Store: p.store, Log: p.log}
	finish := &finisher.Finisher{
		Nodes: p.nodes, Store: p.store, Tasks: p.tasks, Views: p.views, Now: now, Log: p.log, Metrics: finisher.NewMetrics(p.registry),
		Limits: finisher.Limits{Arrival: p.config.arrival},
	}
	list := &tasklist.List{
		Nodes: p.nodes, Store: p.store, Tasks: p.tasks, Views: p.views, Now: now, Log: p.log, Metrics: tasklist.NewMetrics(p.registry),
	}
	change := &settings.Broadcast{
		Records: p.store, Store: p.store, Nodes: p.nodes, Seal: p.config.seal, Views: p.views, Tasks: p.tasks, Holder: p.config.id, Now: now, Log: p.log,
		Metrics: settings.NewMetrics(p.registry), Workflows: p.workflows, Policy: func() tuning.SettingsBroadcast { return p.tuned.Live().SettingsBroadcast },
	}
	renew := &settings.Renewal{
		Store: p.store, Seal: p.config.seal, Views: p.views, Tasks: p.tasks, Log: p.log, Metrics: change.Metrics,
	}
	create := &dumps.Creator{
		Folder: dumps.Folder(p.config.dumpDir), Records: p.store, Store: p.store, Nodes: p.nodes, Seal: p.config.seal, Views: p.views, Tasks: p.tasks,
		Holder: p.config.id, Now: now, Log: p.log, Metrics: dumps.NewMetrics(p.registry), Workflows: p.workflows,
	}
	mend := &repair.Repair{
		Records: p.store, Store: p.store, Nodes: p.nodes, Views: p.views, Holder: p.config.id, Now: now, Log: p.log,
		Metrics: repair.NewMetrics(p.registry), Workflows: p.workflows,
	}
	keep := &upkeep.Upkeep{
		Records: p.store, Store: p.store, Nodes: p.nodes, View: p.views.View, Tasks: p.tasks, Holder: p.config.id, Now: now, Log: p.log,
		Workflows: p.workflows,
	}
	hooks := p.poster()
	all := map[string]func(context.Context, *state.Leadership) error{
		webhooks.Scope:    func(ctx context.Context, l *state.Leadership) error { return hooks.Lead(ctx, l) },
		bounds.Scope:      p.bounds,
		antientropy.Scope: func(ctx context.Context, l *state.Leadership) error { return p.passes.Lead(ctx, l) },
		repair.Scope:      func(ctx context.Context, l *state.Leadership) error { return mend.Lead(ctx, l) },
		formation.Scope:   func(ctx context.Context, _ *state.Leadership) error { return admitter.Lead(ctx) },
		finisher.Scope:    func(ctx context.Context, _ *state.Leadership) error { return finish.Lead(ctx) },
		tasklist.Scope:    func(ctx context.Context, _ *state.Leadership) error { return list.Lead(ctx) },
		upkeep.Scope:      func(ctx context.Context, l *state.Leadership) error { return keep.Lead(ctx, l) },
		settings.Scope: func(ctx context.Context, l *state.Leadership) error {
			if err := renew.Run(ctx); err != nil {
				return err
			}
			return change.Lead(ctx, l)
		},
	}
	if p.config.dumpDir != "" {
		all[dumps.Scope] = func(ctx context.Context, l *state.Leadership) error { return create.Lead(ctx, l) }
	}
	return all
}

// bounds keeps short-lived records from growing beyond their bounds.
func (p *parts) bounds(ctx context.Context, _ *state.Leadership) error {
	limits := func() bounds.Limits {
		live := p.tuned.Live()
		return bounds.Limits{Idempotency: live.Idempotency.MaxCachedKeys, Sessions: live.SessionPinning.MaxSessions}
	}
	k := &bounds.Keeper{Store: p.store, Limits: limits, Log: p.log, Metrics: p.sizes}
	return k.Lead(ctx)
}

// newImporter makes what imports dumps. Every coordinator with a folder has one; a job is led by one that has its file.
func (p *parts) newImporter() *imports.Importer {
	lead := func(ctx context.Context, scope string, work func(context.Context, workflow.Leader) error) error {
		candidate := &election.Candidate{Store: p.store, Scope: scope, Holder: p.config.id, Log: p.log, Metrics: p.elections}
		return candidate.Once(ctx, func(ctx context.Context, l *state.Leadership) error { return work(ctx, l) })
	}
	return imports.New(imports.Config{
		Spool: imports.Spool(filepath.Join(p.config.dumpDir, "imports")), Records: p.store, Store: p.store,
		Hosts:   fields(p.config.dumpHosts),
		Ingress: imports.NewIngress(p.config.ingressURL, p.config.masterKey), Views: p.views, Tasks: p.tasks, Lead: lead,
		Holder: p.config.id, Now: now, Log: p.log, Metrics: imports.NewMetrics(p.registry), Workflows: p.workflows,
	})
}

func now() time.Time { return time.Now().UTC() }

func (p *parts) publisher() *publish.Publisher {
	return &publish.Publisher{
		Views: p.views, Envoys: p.envoys, Log: p.log,
		Fixed: publish.Fixed{Ingress: p.config.ingress, Sockets: p.config.sockets, MaxBody: p.config.maxBody, Admin: p.config.advertise},
	}
}

// snapshot is the cluster as this coordinator sees it now.
func (p *parts) snapshot() view.Snapshot {
	return view.Snapshot{Routing: p.views.View(), Open: p.tasks.Open()}
}

// observe remembers which nodes were seen.
func (p *parts) observe(ctx context.Context) error {
	changed, cancel := p.views.Subscribe()
	defer cancel()
	for {
		p.sightings.Observe(p.views.View())
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// ready says whether this coordinator can do its work (OB-1): the store's watch is in touch, and Envoys have something
// to get.
func (p *parts) ready() error {
	if _, ok := p.views.Healthy(); !ok {
		return errors.New("state unavailable")
	}
	if p.envoys.Revision() == 0 {
		return errors.New("nothing published yet")
	}
	return nil
}

// assemble opens the watches and makes the long-lived parts.
func assemble(ctx context.Context, c config, log zerolog.Logger, store *state.Client) (*parts, error) {
	registry := telemetry.NewRegistry("coordinator")
	envoys, err := server.New(log, registry, c.own)
	if err != nil {
		return nil, err
	}
	views, err := store.WatchView(ctx, log)
	if err != nil {
		return nil, err
	}
	tasks, err := store.WatchTasks(ctx, log, views)
	if err != nil {
		return nil, err
	}
	hooks, err := store.WatchWebhooks(ctx, log)
	if err != nil {
		return nil, err
	}
	tuned, err := store.WatchTuning(ctx, log)
	if err != nil {
		return nil, err
	}
	p := &parts{
		tuned: tuned, hooks: hooks, config: c, log: log, store: store, views: views, tasks: tasks, envoys: envoys, registry: registry,
		nodes: client.New(client.Options{NodeKey: c.nodeKey}), sightings: view.NewSightings(now),
		elections: election.NewMetrics(registry), workflows: workflow.NewMetrics(registry), started: now(),
	}
	p.passes = &antientropy.AntiEntropy{
		Config: c.entropy, Store: p.store, Nodes: p.nodes, Views: p.views, Holder: c.id, Now: now, Log: log,
		Metrics: antientropy.NewMetrics(registry), Workflows: p.workflows,
	}
	p.sizes = bounds.NewMetrics(registry)
	if c.dumpDir != "" {
		p.importer = p.newImporter()
	}
	reached := func() bool { _, ok := p.views.Healthy(); return ok }
	registry.MustRegister(&census{snapshot: p.snapshot, tasks: tasks, reached: reached, now: now})
	return p, nil
}
