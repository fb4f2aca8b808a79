package coordinator

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/adminapi"
	"github.com/miroir-search/miroir/coordinator/aliases"
	"github.com/miroir-search/miroir/coordinator/bounds"
	"github.com/miroir-search/miroir/coordinator/election"
	"github.com/miroir-search/miroir/coordinator/view"
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
	"github.com/miroir-search/miroir/xds/server"
)

const (
	// memberTTL is the time to live of the coordinator's own lease.
	memberTTL = 10 * time.Second
	// adminDrain is how long admin requests in flight may take at the end.
	adminDrain = 5 * time.Second
	adminIdle  = 2 * time.Minute
)

// parts are what a running coordinator is made of.
type parts struct {
	config    config
	log       zerolog.Logger
	store     *state.Client
	views     *state.ViewWatch
	tasks     *state.TaskWatch
	tuned     *state.TuningWatch
	hooks     *state.WebhookWatch
	nodes     *client.Client
	envoys    *server.Server
	registry  *prometheus.Registry
	sightings *view.Sightings
	elections *election.Metrics
	sizes     *bounds.Metrics
	workflows *workflow.Metrics
	importer  *imports.Importer // nil without a folder for dumps
	passes    *antientropy.AntiEntropy
	started   time.Time
}

// member keeps the coordinator's presence key, under one session after another.
func (p *parts) member(ctx context.Context) error {
	for ctx.Err() == nil {
		session, err := p.store.NewSession(ctx, memberTTL)
		if err == nil {
			err = p.greet(ctx, session)
		}
		if err != nil && ctx.Err() == nil {
			p.log.Warn().Err(err).Msg("presence not written yet")
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryLongest):
		}
	}
	return nil
}

// greet writes the presence key and lives as long as its session.
func (p *parts) greet(ctx context.Context, session *state.Session) error {
	err := session.Put(ctx, state.FamilyCoordinators+p.config.id, state.CoordinatorRecord{
		V: 1, Address: p.config.admin, Version: telemetry.ReadBuild().Version, StartedAt: p.started, Dumps: p.config.dumpDir != "",
	})
	if err == nil {
		select {
		case <-ctx.Done():
		case <-session.Done():
			return errors.New("lease lost")
		}
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryLongest)
	defer cancel()
	if e := session.Close(end); e != nil && !errors.Is(e, state.ErrUnavailable) {
		err = errors.Join(err, e)
	}
	return err
}

// admin serves the admin API.
func (p *parts) admin(ctx context.Context, l net.Listener) error {
	config := adminapi.Config{
		Key: p.config.adminKey, Snapshot: p.snapshot, Sightings: p.sightings, Tasks: p.store, Nodes: p.nodes,
		Workflows: p.store, Kinds: []string{settings.KindName, dumps.KindName, imports.KindName, repair.KindName, upkeep.KindName, antientropy.KindName}, Healthy: p.ready,
		Gatherer: p.registry, Log: p.log, Metrics: adminapi.NewMetrics(p.registry), Now: now,
		Aliases: &aliases.Changer{Store: p.store, Rules: aliases.DefaultRules, Now: now, Metrics: aliases.NewMetrics(p.registry)}, AliasList: p.store,
		Activity: p.store, TaskList: p.tasks, Enqueuer: p.store, Tuning: p.store, Dumps: dumps.Folder(p.config.dumpDir),
		Effective: func() any { return p.config.effective() }, Settings: p.store, Seal: p.config.seal, Passes: p.passes,
	}
	if p.importer != nil {
		config.Imports = p.importer
	}
	api := adminapi.New(config)
	return lifecycle.ServeHTTP(ctx, l, &http.Server{Handler: api, IdleTimeout: adminIdle, MaxHeaderBytes: 64 << 10}, adminDrain)
}
