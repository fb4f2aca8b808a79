package coordinator

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/finisher"
	"github.com/miroir-search/miroir/coordinator/formation"
	"github.com/miroir-search/miroir/coordinator/publish"
	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/telemetry"
	"github.com/miroir-search/miroir/xds/server"
)

const envNodeKey = "MIROIR_NODE_MASTER_KEY"

type config struct {
	id, etcd, cluster, admin, xds, metrics, socket string
	ingress                                        string
	groups, replicas, shards                       int
	log                                            telemetry.LogOptions
}

func parse(args []string) (config, error) {
	var c config
	f := flag.NewFlagSet("miroir coordinator", flag.ContinueOnError)
	f.StringVar(&c.id, "id", "coordinator-0", "name of this coordinator, unique in the cluster")
	f.StringVar(&c.etcd, "etcd", "", "etcd endpoints, separated by commas")
	f.StringVar(&c.cluster, "cluster", "default", "name of the cluster")
	f.StringVar(&c.admin, "admin-listen", "", "address of the admin API, host:port")
	f.StringVar(&c.xds, "xds-listen", "", "address on which Envoys fetch their configuration, host:port")
	f.StringVar(&c.metrics, "metrics-listen", "", "address of metrics and health, host:port")
	f.StringVar(&c.ingress, "ingress-listen", "", "address on which Envoy serves clients, IP:port")
	f.StringVar(&c.socket, "extproc-socket", "", "Unix socket on which Envoy reaches its gateway")
	f.IntVar(&c.groups, "groups", 1, "replica groups of a new cluster")
	f.IntVar(&c.replicas, "replicas", 1, "copies of every shard inside a group of a new cluster")
	f.IntVar(&c.shards, "shards", 64, "shards of a new index in a new cluster")
	c.log.RegisterFlags(f)
	if err := lifecycle.ParseFlags(f, args); err != nil {
		return c, err
	}
	var missing []string
	for _, p := range []struct{ name, value string }{
		{"--etcd", c.etcd}, {"--admin-listen", c.admin}, {"--xds-listen", c.xds}, {"--metrics-listen", c.metrics},
		{"--ingress-listen", c.ingress}, {"--extproc-socket", c.socket},
	} {
		if p.value == "" {
			missing = append(missing, p.name)
		}
	}
	if len(missing) > 0 {
		return c, lifecycle.UsageError("missing flags: %s", strings.Join(missing, ", "))
	}
	return c, nil
}

// Run is the coordinator process. It ends when ctx does, or with the first error of one of its parts.
func Run(ctx context.Context, args []string, stdio lifecycle.Stdio) error {
	c, err := parse(args)
	if err != nil {
		return err
	}
	log, err := telemetry.NewLogger(stdio.Err, c.log)
	if err != nil {
		return err
	}
	ingress, err := netip.ParseAddrPort(c.ingress)
	if err != nil {
		return lifecycle.UsageError("--ingress-listen: want IP:port")
	}
	store, err := state.Open(ctx, state.Options{Endpoints: strings.Split(c.etcd, ","), Cluster: c.cluster})
	if err != nil {
		return fmt.Errorf("coordinator: %w", err)
	}
	defer func() { _ = store.Close() }()
	if err := ensureCluster(ctx, store, c); err != nil {
		return fmt.Errorf("coordinator: %w", err)
	}
	views, err := store.WatchView(ctx, log)
	if err != nil {
		return fmt.Errorf("coordinator: %w", err)
	}
	tasks, err := store.WatchTasks(ctx, log)
	if err != nil {
		return fmt.Errorf("coordinator: %w", err)
	}
	reg := telemetry.NewRegistry("coordinator")
	envoys, err := server.New(log, reg)
	if err != nil {
		return fmt.Errorf("coordinator: %w", err)
	}
	xds, err := net.Listen("tcp", c.xds)
	if err != nil {
		return fmt.Errorf("coordinator: %w", err)
	}
	metrics, err := net.Listen("tcp", c.metrics)
	if err != nil {
		return fmt.Errorf("coordinator: %w", err)
	}
	nodes := client.New(client.Options{NodeKey: os.Getenv(envNodeKey)})
	defer nodes.Close()
	work := &finisher.Finisher{Nodes: nodes, Store: store, Tasks: tasks, Views: views, Log: log}
	g := lifecycle.NewGroup(ctx)
	g.Go("xds", func(ctx context.Context) error { return envoys.Serve(ctx, xds) })
	g.Go("follow", func(ctx context.Context) error {
		return follow(ctx, log, store, views, envoys, publish.Fixed{Ingress: ingress, Socket: c.socket, Admin: c.admin})
	})
	g.Go("finisher", work.Run)
	g.Go("metrics", func(ctx context.Context) error {
		return telemetry.Serve(ctx, metrics, reg, func() error { return store.Ping(ctx) })
	})
	log.Info().Str("id", c.id).Msg("coordinator started")
	return g.Wait()
}

// ensureCluster writes down the shape of a new cluster; an existing one keeps its own (CF-10).
func ensureCluster(ctx context.Context, store *state.Client, c config) error {
	now := time.Now().UTC()
	groups := make([]routing.GroupRecord, c.groups)
	for i := range groups {
		groups[i] = routing.GroupRecord{V: routing.Version, ID: i, State: routing.GroupActive, RF: c.replicas, Since: now}
	}
	return store.EnsureCluster(ctx, routing.ClusterRecord{V: routing.Version, Shards: c.shards}, groups)
}

// follow acts on every change of the view: it publishes to the Envoys and admits nodes.
func follow(
	ctx context.Context, log zerolog.Logger, store *state.Client, views *state.ViewWatch, envoys *server.Server, fixed publish.Fixed,
) error {
	changed, cancel := views.Subscribe()
	defer cancel()
	for {
		v := views.View()
		cfg, err := publish.Config(v, fixed)
		if err != nil {
			log.Error().Err(err).Msg("some nodes cannot be routed to")
		}
		if err := envoys.Publish(cfg, max(1, v.Epoch)); err != nil {
			log.Error().Err(err).Msg("configuration not published, the last one stays")
		}
		for _, id := range formation.Admissible(v) {
			if err := store.AdmitNode(ctx, id); err != nil {
				log.Warn().Err(err).Str("node", id).Msg("node not admitted yet")
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}
