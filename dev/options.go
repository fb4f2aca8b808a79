package dev

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/telemetry"
)

// minMasterKey is what Meilisearch asks of a master key in production.
const minMasterKey = 16

// most is how many of the same one machine may run.
const most = 8

// options are the flags of `miroir dev`.
type options struct {
	dataDir                        string
	listen                         string
	nodes                          int
	groups                         int
	replicas                       int
	shards                         int
	envoys, gateways, coordinators int

	masterKey    string
	engine       string
	envoy        string
	noRestart    bool
	pprof        bool
	points       bool
	via          map[string]string
	maxBody      int64
	spool        string
	output       string
	patience     time.Duration
	further      []string // flags of the coordinators
	gatewayFlags []string
	log          telemetry.LogOptions
}

func parseOptions(args []string, out io.Writer) (options, error) {
	o := options{log: telemetry.LogOptions{Component: "dev"}}
	flags := flag.NewFlagSet("miroir dev", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.dataDir, "data-dir", "miroir-data", "folder of everything that the cluster writes")
	flags.StringVar(&o.listen, "listen", "127.0.0.1:7700", "address of the ingress, host:port; port 0 chooses one")
	flags.IntVar(&o.nodes, "nodes", 3, "number of nodes (an engine and its sidecar each)")
	flags.IntVar(&o.envoys, "envoys", 1, "number of Envoys; the first serves clients at --listen, the others beside it at ports that the announcement tells")
	flags.IntVar(&o.gateways, "gateways", 1, "number of gateways, among which every Envoy chooses")
	flags.IntVar(&o.coordinators, "coordinators", 1, "number of coordinators")
	flags.IntVar(&o.groups, "groups", 1, "number of replica groups; node i belongs to group i mod groups")
	flags.IntVar(&o.replicas, "replicas", 2, "copies of every shard inside a group")
	flags.IntVar(&o.shards, "shards", 16, "shards of a new index")
	flags.StringVar(&o.masterKey, "master-key", "",
		"key of clients, 16 bytes or more; MIROIR_MASTER_KEY does the same and is not seen in process lists (default: one is made and kept in the data folder)")
	flags.StringVar(&o.engine, "engine", "", "engine to run (default: MEILISEARCH_BIN, meilisearch on PATH, miroir-engine beside this binary)")
	flags.StringVar(&o.envoy, "envoy", "", "Envoy to run (default: ENVOY_BIN, envoy on PATH, envoy beside this binary)")
	flags.BoolVar(&o.noRestart, "no-restart", false, "leave processes that end down; SIGUSR1 starts them again")
	flags.Int64Var(&o.maxBody, "max-body-bytes", 100<<20, "largest request body")
	flags.StringVar(&o.spool, "spool-dir", "", "where the gateway keeps payloads beyond 8 MiB while they stream in (default: in the data folder)")
	flags.Func("via", "PURPOSE=host:port or PURPOSE/PROCESS=host:port, any number: processes reach a port there, for tests that disturb connections", o.addVia)
	flags.BoolVar(&o.points, "failpoints", false, "let files in failpoints/PROCESS end our processes at the points of those names, for tests")
	telemetry.RegisterProfiles(flags, &o.pprof)
	flags.StringVar(&o.output, "output", "text", "how to say that the cluster is ready: text, or json (one line)")
	flags.DurationVar(&o.patience, "start-timeout", 2*time.Minute, "how long the start may take")
	flags.Func("coordinator-flag", "a further flag of the coordinators, for instance --anti-entropy=false; may be repeated", func(text string) error {
		o.further = append(o.further, text)
		return nil
	})
	flags.Func("gateway-flag", "a further flag of the gateways; may be repeated", func(text string) error {
		o.gatewayFlags = append(o.gatewayFlags, text)
		return nil
	})
	o.log.RegisterFlags(flags)
	if err := flags.Set("log-format", "console"); err != nil {
		return o, fmt.Errorf("flags: %w", err)
	}
	if err := lifecycle.ParseFlags(flags, args); err != nil {
		return o, err
	}
	if o.masterKey == "" {
		o.masterKey = os.Getenv("MIROIR_MASTER_KEY")
	}
	return o, o.validate()
}

// addVia takes one --via. Purposes are the names in run/ports.json.
func (o *options) addVia(text string) error {
	purpose, address, ok := strings.Cut(text, "=")
	if _, _, err := net.SplitHostPort(address); !ok || err != nil {
		return errors.New("it is not PURPOSE=host:port")
	}
	if o.via == nil {
		o.via = map[string]string{}
	}
	o.via[purpose] = address
	return nil
}

// validate reports everything that is wrong, at once.
func (o options) validate() error {
	var wrong []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	host, port, err := net.SplitHostPort(o.listen)
	number, errPort := strconv.ParseUint(port, 10, 16)
	check(err == nil && errPort == nil && host != "" && number <= 65535, "--listen %q is not host:port", o.listen)
	check(o.dataDir != "", "--data-dir is empty")
	check(o.nodes >= 1 && o.nodes <= 64, "--nodes %d is not within 1 to 64", o.nodes)
	check(o.envoys >= 1 && o.envoys <= most, "--envoys %d is not within 1 to %d", o.envoys, most)
	check(o.gateways >= 1 && o.gateways <= most, "--gateways %d is not within 1 to %d", o.gateways, most)
	check(o.coordinators >= 1 && o.coordinators <= most, "--coordinators %d is not within 1 to %d", o.coordinators, most)
	check(o.groups >= 1 && o.groups <= 16, "--groups %d is not within 1 to 16", o.groups)
	check(o.replicas >= 1 && o.replicas <= 5, "--replicas %d is not within 1 to 5", o.replicas)
	check(o.shards >= 1 && o.shards <= 4096, "--shards %d is not within 1 to 4096", o.shards)
	if o.groups >= 1 {
		check(o.nodes/o.groups >= o.replicas, "%d nodes in %d groups can't hold %d replicas in each group", o.nodes, o.groups, o.replicas)
	}
	check(o.maxBody > 0, "--max-body-bytes %d is not positive", o.maxBody)
	check(o.masterKey == "" || len(o.masterKey) >= minMasterKey, "the master key is shorter than %d bytes", minMasterKey)
	check(o.output == "text" || o.output == "json", "--output %q is not text or json", o.output)
	check(o.patience > 0, "--start-timeout %s is not positive", o.patience)
	if len(wrong) > 0 {
		return lifecycle.UsageError("%v", errors.Join(wrong...))
	}
	return nil
}
