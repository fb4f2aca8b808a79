package coordinator

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/miroir-search/miroir/coordinator/formation"
	"github.com/miroir-search/miroir/coordinator/webhooks"
	"github.com/miroir-search/miroir/coordinator/workflow/antientropy"
	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/telemetry"
	"github.com/miroir-search/miroir/xds/ir"
)

// Names of the environment variables that carry secrets. Without a key of its own the admin API takes the master key.
const (
	envNodeKey   = "MIROIR_NODE_MASTER_KEY"
	envAdminKey  = "MIROIR_ADMIN_API_KEY"
	envMasterKey = "MIROIR_MASTER_KEY"
)

// Names of the environment variables of webhooks. Where one is not set, Meilisearch's own counts, with MEILI_ in front.
const (
	envHookURL      = "TASK_WEBHOOK_URL"
	envHookAuth     = "TASK_WEBHOOK_AUTHORIZATION_HEADER"
	envHookNetworks = "EXPERIMENTAL_ALLOWED_IP_NETWORKS"
)

// config is how a coordinator was called.
type config struct {
	id, cluster, prefix string
	etcd                []string
	admin, xds, metrics string // listen addresses
	advertise           []string
	ingress             netip.AddrPort
	own                 map[string]netip.AddrPort // ingress addresses of single Envoys
	sockets             []string
	shape               formation.Shape
	dumpDir, ingressURL string
	dumpHosts           string // comma-separated
	nodeKey, adminKey   string
	masterKey           string
	seal                *seal.Box
	entropy             antientropy.Config
	hook                *meili.Webhook // of the command line
	hookNetworks        webhooks.Networks
	hookKeep            time.Duration
	arrival             time.Duration // zero: the finisher's default
	maxBody             uint64
	pprof               bool
	log                 telemetry.LogOptions
}

var memberID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// readConfig reads flags and environment and reports everything that is wrong at once.
func readConfig(args []string, stdio lifecycle.Stdio) (config, error) {
	var c config
	var etcd, ingress, advertise, sockets string
	f := flag.NewFlagSet("miroir coordinator", flag.ContinueOnError)
	f.SetOutput(stdio.Err)
	f.StringVar(&c.id, "id", "coordinator-0", "name of this coordinator, unique in the cluster")
	f.StringVar(&etcd, "etcd", "", "comma-separated client URLs of etcd")
	f.StringVar(&c.prefix, "etcd-prefix", "", "prefix of all keys in etcd (default /miroir)")
	f.StringVar(&c.cluster, "cluster", "default", "name of the cluster in etcd")
	f.StringVar(&c.admin, "admin-listen", "127.0.0.1:7710", "address of the admin API, host:port")
	f.StringVar(&advertise, "admin-advertise", "",
		"comma-separated host:port under which Envoy reaches the admin API of all coordinators, the same on each (default: the listen address)")
	f.StringVar(&c.xds, "xds-listen", "127.0.0.1:18000", "address on which Envoys fetch their configuration, host:port")
	f.StringVar(&c.metrics, "metrics-listen", "127.0.0.1:9090", "address of metrics and health, host:port")
	f.StringVar(&ingress, "ingress-listen", "127.0.0.1:7700", "address on which Envoy serves clients, IP:port")
	f.Func("ingress-of", "ENVOY=IP:port, any number: where that Envoy serves clients instead, for several Envoys on one machine", c.addIngress)
	f.StringVar(&sockets, "extproc-socket", "", "comma-separated Unix sockets on which Envoy reaches the gateways beside it")
	f.Uint64Var(&c.maxBody, "max-body-bytes", ir.Default().Limits.MaxBodyBytes, "largest request body that Envoy lets through; the gateways' limit should be the same")
	f.IntVar(&c.shape.Groups, "groups", shardmap.DefaultReplicaGroups, "replica groups of a new cluster")
	f.IntVar(&c.shape.Replicas, "replicas", 1, "copies of every shard inside a group of a new cluster")
	f.IntVar(&c.shape.Shards, "shards", shardmap.DefaultShards, "shards of a new index in a new cluster")
	telemetry.RegisterProfiles(f, &c.pprof)
	f.StringVar(&c.dumpDir, "dump-dir", "", "folder for dumps, and for those under way into the cluster, made at first use; without one both are refused")
	f.StringVar(&c.dumpHosts, "dump-allowed-url-hosts", "", "comma-separated hosts, with or without a port, from which dumps to import are fetched")
	f.StringVar(&c.ingressURL, "ingress-url", "", "URL under which this coordinator reaches an Envoy, to import dumps (default: --ingress-listen)")
	f.DurationVar(&c.arrival, "write-arrival", 6*time.Minute,
		"how long after a write was accepted a node may still get it, when the gateway died that sent it: longer than a node reads a body")
	entropy := registerEntropy(f, &c.entropy)
	hooks := registerWebhooks(f, &c)
	c.log.RegisterFlags(f)
	if err := lifecycle.ParseFlags(f, args); err != nil {
		return c, err
	}
	c.etcd, c.sockets = fields(etcd), fields(sockets)
	if c.advertise = fields(advertise); len(c.advertise) == 0 {
		c.advertise = []string{c.admin}
	}
	c.nodeKey, c.adminKey = os.Getenv(envNodeKey), os.Getenv(envAdminKey)
	c.masterKey = os.Getenv(envMasterKey)
	if c.adminKey == "" {
		c.adminKey = c.masterKey
	}
	c.log.Component, c.log.PodID = "coordinator", c.id
	var sealing error
	if c.nodeKey != "" {
		c.seal, sealing = seal.FromEnvironment(os.Getenv, c.nodeKey)
	}
	return c, c.check(ingress, sealing, entropy(), hooks())
}

// registerEntropy adds the flags of anti-entropy. What it returns reads them, once they are parsed.
func registerEntropy(f *flag.FlagSet, c *antientropy.Config) (read func() error) {
	d := antientropy.Config{}.WithDefaults()
	on := f.Bool("anti-entropy", true, "compare the copies of all shards by a schedule")
	deep := f.String("anti-entropy-schedule", "every 6h", "when contents are compared too")
	f.DurationVar(&c.Light, "anti-entropy-light-interval", d.Light, "time between two comparisons of versions alone")
	f.IntVar(&c.Rate, "anti-entropy-docs-per-sec", d.Rate, "documents a second that a node reads for the comparison of one shard")
	f.DurationVar(&c.Settle, "anti-entropy-settle", d.Settle, "how long a write may be on its way before copies without it count as different")
	repair := f.Bool("anti-entropy-auto-repair", true, "repair what the schedule finds; without it differences are only told")
	return func() (err error) {
		c.Off, c.Report = !*on, !*repair
		if c.Deep, err = antientropy.ParseSchedule(*deep); err != nil {
			err = fmt.Errorf("--anti-entropy-schedule: %w", err)
		}
		if c.Light < time.Second || c.Rate < 1 || c.Settle < time.Millisecond {
			err = errors.Join(err, errors.New("--anti-entropy-light-interval must be at least a second, --anti-entropy-docs-per-sec 1, --anti-entropy-settle a millisecond"))
		}
		return err
	}
}

// addIngress takes one --ingress-of.
func (c *config) addIngress(text string) error {
	envoy, address, _ := strings.Cut(text, "=")
	at, err := netip.ParseAddrPort(address)
	if envoy == "" || err != nil {
		return errors.New("it is not ENVOY=IP:port")
	}
	if c.own == nil {
		c.own = map[string]netip.AddrPort{}
	}
	c.own[envoy] = at
	return nil
}

func fields(list string) []string {
	var out []string
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (c *config) check(ingress string, also ...error) error {
	wrong := also
	say := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	var err error
	c.ingress, err = netip.ParseAddrPort(ingress)
	say(err != nil, "--ingress-listen must be IP:port")
	if c.ingressURL == "" {
		c.ingressURL = reachable(c.ingress)
	}
	u, err := url.Parse(c.ingressURL)
	say(err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "", "--ingress-url must be an http or https URL")
	say(!memberID.MatchString(c.id), "--id must be 1 to 63 lower-case letters, digits and hyphens")
	say(c.maxBody == 0, "--max-body-bytes must be positive")
	say(c.arrival < time.Second, "--write-arrival must be at least a second")
	say(len(c.etcd) == 0, "--etcd is missing")
	for name, address := range map[string]string{"admin": c.admin, "xds": c.xds, "metrics": c.metrics} {
		say(!hostPort(address), "--%s-listen must be host:port", name)
	}
	for _, address := range c.advertise {
		say(!hostPort(address), "--admin-advertise must be host:port")
	}
	say(c.dumpDir != "" && !filepath.IsAbs(c.dumpDir), "--dump-dir must be an absolute path")
	say(len(c.sockets) == 0, "--extproc-socket is missing")
	for _, socket := range c.sockets {
		say(!filepath.IsAbs(socket), "--extproc-socket must be absolute paths")
	}
	s := c.shape
	say(s.Groups < 1 || s.Groups > shardmap.MaxGroups, "--groups must be 1 to %d", shardmap.MaxGroups)
	say(s.Replicas < 1 || s.Replicas > shardmap.MaxReplicas, "--replicas must be 1 to %d", shardmap.MaxReplicas)
	say(s.Shards < 1 || s.Shards > shardmap.MaxShards, "--shards must be 1 to %d", shardmap.MaxShards)
	say(s.Groups*s.Replicas*s.Shards > shardmap.MaxPlacementCopies, "--groups times --replicas times --shards must be at most %d",
		shardmap.MaxPlacementCopies)
	say(c.nodeKey == "", "%s is not set", envNodeKey)
	say(c.adminKey == "", "neither %s nor %s is set", envAdminKey, envMasterKey)
	if err := errors.Join(wrong...); err != nil {
		return lifecycle.UsageError("%v", err)
	}
	return nil
}

// reachable is the URL of an address on this machine. One that stands for all interfaces is none to connect to.
func reachable(listen netip.AddrPort) string {
	host := listen.Addr()
	if host.IsUnspecified() {
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return "http://" + netip.AddrPortFrom(host, listen.Port()).String()
}

func hostPort(s string) bool {
	_, port, err := net.SplitHostPort(s)
	return err == nil && port != ""
}
