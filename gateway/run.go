package gateway

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/gateway/admission"
	"github.com/miroir-search/miroir/gateway/auth"
	"github.com/miroir-search/miroir/gateway/barrier"
	"github.com/miroir-search/miroir/gateway/contact"
	"github.com/miroir-search/miroir/gateway/extproc"
	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/gateway/serve"
	"github.com/miroir-search/miroir/gateway/write"
	"github.com/miroir-search/miroir/internal/failpoint"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/telemetry"
)

// Names of the environment variables that carry secrets.
const (
	envMasterKey   = "MIROIR_MASTER_KEY"
	envPreviousKey = "MIROIR_MASTER_KEY_PREVIOUS" // accepted beside the master key while that is being changed
	envAdminKey    = "MIROIR_ADMIN_API_KEY"       // optional: administrators are told more by explain
	envNodeKey     = "MIROIR_NODE_MASTER_KEY"
)

// presenceTTL is the lease of the gateway's presence key.
const presenceTTL = 10 * time.Second

// defaultDrain is how long requests may take at the end (HE-12).
const defaultDrain = 30 * time.Second

type config struct {
	id, etcd, cluster, prefix, socket, metrics, spool string
	maxBody                                           int64
	stale                                             time.Duration
	drain                                             time.Duration
	pprof                                             bool
	admission                                         admission.Config
	log                                               telemetry.LogOptions
}

func parse(args []string) (config, error) {
	c := config{admission: admission.DefaultConfig()}
	f := flag.NewFlagSet("miroir gateway", flag.ContinueOnError)
	f.StringVar(&c.id, "id", "gateway-0", "name of this gateway, unique in the cluster")
	f.StringVar(&c.etcd, "etcd", "", "etcd endpoints, separated by commas")
	f.StringVar(&c.cluster, "cluster", "default", "name of the cluster")
	f.StringVar(&c.prefix, "etcd-prefix", "", "prefix of all keys in etcd (default /miroir)")
	f.StringVar(&c.socket, "socket", "", "Unix socket on which Envoy reaches this gateway")
	f.StringVar(&c.metrics, "metrics-listen", "", "address of metrics and health, host:port")
	f.Int64Var(&c.maxBody, "max-body-bytes", 100<<20, "largest request body")
	f.DurationVar(&c.drain, "drain-time", defaultDrain, "how long requests in flight may take when this gateway is asked to end; what is left is cut off")
	f.DurationVar(&c.stale, "stale-read-limit", contact.DefaultLimit, "how long reads go on while etcd does not answer")
	f.StringVar(&c.spool, "spool-dir", "", "folder for document payloads beyond 8 MiB while they stream in (default: that of the socket)")
	f.IntVar(&c.admission.MaxConcurrent, "max-concurrent-requests", c.admission.MaxConcurrent, "requests that are worked on at the same time")
	f.IntVar(&c.admission.Queue, "queue", c.admission.Queue, "requests that wait for others to end; what comes beyond is refused")
	telemetry.RegisterProfiles(f, &c.pprof)
	c.log.RegisterFlags(f)
	if err := lifecycle.ParseFlags(f, args); err != nil {
		return c, err
	}
	var missing []string
	for name, value := range map[string]string{"--etcd": c.etcd, "--socket": c.socket, "--metrics-listen": c.metrics} {
		if value == "" {
			missing = append(missing, name)
		}
	}
	if c.spool == "" {
		c.spool = filepath.Dir(c.socket)
	}
	if len(missing) > 0 {
		return c, lifecycle.UsageError("missing flags: %s", strings.Join(missing, ", "))
	}
	if c.drain < 0 || c.stale < time.Second {
		return c, lifecycle.UsageError("--drain-time must not be negative, --stale-read-limit at least a second")
	}
	if err := c.admission.Validate(); err != nil {
		return c, lifecycle.UsageError("%v", err)
	}
	return c, nil
}

// limits are those of requests.
func (c config) limits() serve.Limits {
	l := serve.DefaultLimits(c.spool)
	l.MaxBody = c.maxBody
	return l
}

// listen opens the socket and the port of metrics. What another process left in the spool folder goes before.
func (c config) listen() (socket *extproc.Listener, metrics net.Listener, err error) {
	if err := write.Sweep(c.spool); err != nil {
		return nil, nil, err
	}
	if socket, err = extproc.Listen(c.socket); err != nil {
		return nil, nil, err
	}
	if metrics, err = net.Listen("tcp", c.metrics); err != nil {
		_ = socket.Close()
		return nil, nil, err
	}
	return socket, metrics, nil
}

// secrets reads what authenticates this gateway to nodes, and what seals secrets in the store.
func secrets() (nodeKey string, box *seal.Box, err error) {
	if nodeKey = os.Getenv(envNodeKey); nodeKey == "" {
		return "", nil, fmt.Errorf("the environment variable %s is not set", envNodeKey)
	}
	box, err = seal.FromEnvironment(os.Getenv, nodeKey)
	return nodeKey, box, err
}

// Run is the gateway process. It ends when ctx does, after the requests in flight, or with the first error of one of its
// servers.
func Run(ctx context.Context, args []string, stdio lifecycle.Stdio) error {
	c, err := parse(args)
	if err != nil {
		return err
	}
	log, err := telemetry.NewLogger(stdio.Err, c.log)
	if err != nil {
		return err
	}
	nodeKey, box, err := secrets()
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	store, err := state.Open(ctx, state.Options{Endpoints: strings.Split(c.etcd, ","), Prefix: c.prefix, Cluster: c.cluster})
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	defer func() { _ = store.Close() }()
	// Everything that a request needs lives on after ctx, until the last one in flight has its answer.
	work, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	startOnly := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	defer startOnly()
	p := &process{config: c, log: log, store: store, reg: telemetry.NewRegistry("gateway")}
	nodes := client.New(client.Options{NodeKey: nodeKey})
	defer nodes.Close()
	waits := client.New(client.Options{NodeKey: nodeKey, MaxConns: serve.DefaultLimits("").Waiting, MaxIdle: 8})
	defer waits.Close()
	if err := p.watch(work); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	p.service.Nodes, p.service.Waits, p.service.NodeKey, p.service.Seal = nodes, waits, nodeKey, box
	if err := tune(work, p.service, p.reg); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	socket, metrics, err := c.listen()
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	startOnly()
	return p.serve(ctx, work, socket, metrics)
}

// process is a gateway that was put together.
type process struct {
	config   config
	log      zerolog.Logger
	store    *state.Client
	reg      *prometheus.Registry
	service  *serve.Service
	barriers *barrier.Barrier
	contact  *contact.Contact
	views    *state.ViewWatch
}

// watch opens what follows the store, and makes the service of it.
func (p *process) watch(ctx context.Context) (err error) {
	c, store, log, reg := p.config, p.store, p.log, p.reg
	if p.views, err = store.WatchView(ctx, log); err != nil {
		return err
	}
	tasks, err := store.WatchTasks(ctx, log, p.views)
	if err != nil {
		return err
	}
	checker := auth.NewChecker(auth.Options{
		MasterKey: os.Getenv(envMasterKey), PreviousKey: os.Getenv(envPreviousKey), AdminKey: os.Getenv(envAdminKey), Now: time.Now, Metrics: auth.NewMetrics(reg),
	})
	keys, err := store.WatchKeys(ctx, log, checker.Adopt)
	if err != nil {
		return err
	}
	hooks, err := store.WatchWebhooks(ctx, log)
	if err != nil {
		return err
	}
	p.barriers = barrier.New(c.id, store, p.views, hlc.New(failpoint.Now), log, barrier.NewMetrics(reg))
	p.contact = contact.New(store.Ping, c.stale, time.Now, reg)
	p.service = &serve.Service{
		Contact: p.contact,
		Views:   p.views, Tasks: tasks, Store: store, Keys: keys, Hooks: hooks, Auth: checker, Admit: admission.New(c.admission, reg),
		Table: operation.NewTable(), Scatter: scatter.NewMetrics(reg), Metrics: serve.NewMetrics(reg),
		Clock: p.barriers.Clock, Barrier: p.barriers, ID: c.id, Limits: c.limits(), Log: log,
		Started: time.Now().UTC(), Registry: reg,
	}
	return nil
}

// serve answers requests until ctx ends and those in flight have their answers. Until then this gateway is a member of the
// cluster in full: barriers count its writes, its presence says what it routes by.
func (p *process) serve(ctx, work context.Context, socket *extproc.Listener, metrics net.Listener) error {
	g := lifecycle.NewGroup(work)
	g.Go("store", p.store.Guard)
	g.Go("extproc", func(work context.Context) error {
		drain, stop := context.WithCancel(work)
		defer stop()
		defer context.AfterFunc(ctx, stop)()
		err := extproc.New(p.service, p.log).Serve(drain, socket, p.config.drain)
		if err == nil {
			g.Stop(context.Cause(ctx))
		}
		return err
	})
	g.Go("metrics", func(ctx context.Context) error {
		return telemetry.Port{Metrics: p.reg, Profiles: p.config.pprof}.Serve(ctx, metrics)
	})
	g.Go("barriers", p.barriers.Run)
	g.Go("contact", p.contact.Run)
	g.Go("presence", func(ctx context.Context) error { return present(ctx, p.store, p.views, p.service) })
	p.log.Info().Str("id", p.config.id).Msg("gateway started")
	return g.Wait()
}

// present keeps the presence key with the epoch that this gateway routes by. A lost session is opened again.
func present(ctx context.Context, store *state.Client, views *state.ViewWatch, s *serve.Service) error {
	changed, cancel := views.Subscribe()
	defer cancel()
	for ctx.Err() == nil {
		session, err := store.NewSession(ctx, presenceTTL)
		if err != nil {
			select {
			case <-time.After(time.Second):
				continue
			case <-ctx.Done():
				return nil
			}
		}
		keep(ctx, session, changed, func() state.GatewayRecord {
			return state.GatewayRecord{V: 1, ID: s.ID, StartedAt: s.Started, Epoch: views.View().Epoch}
		}, state.FamilyGateways+s.ID)
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_ = session.Close(stop)
		cancel()
	}
	return nil
}

func keep(ctx context.Context, session *state.Session, changed <-chan struct{}, record func() state.GatewayRecord, key string) {
	for {
		if session.Put(ctx, key, record()) != nil {
			return
		}
		select {
		case <-changed:
		case <-session.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}
