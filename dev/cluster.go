package dev

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/dev/launch"
	"github.com/miroir-search/miroir/dev/supervise"
	"github.com/miroir-search/miroir/internal/failpoint"
	"github.com/miroir-search/miroir/internal/parts"
	"github.com/miroir-search/miroir/xds/bootstrap"
)

// clusterName is the only cluster of a data folder.
const clusterName = "default"

// keys are the secrets of one cluster. They travel in environments, never in arguments.
type keys struct {
	master string // clients
	node   string // gateway and coordinator to sidecars
	engine string // sidecars to their engines
	admin  string // operators to the coordinator
}

// cluster is everything that is known before the first process starts.
type cluster struct {
	options options
	folder  *folder
	self    string // the miroir binary
	engine  parts.Engine
	envoy   string
	ports   ports
	keys    keys
	base    []string // environment that every process gets
}

func (c *cluster) node(i int) launch.Node {
	return launch.Node{
		ID: "node-" + strconv.Itoa(i), Group: i % c.options.groups,
		Sidecar: c.ports.url(sidecarName(i)), Engine: c.ports.url(engineName(i)),
	}
}

func (c *cluster) nodes() []launch.Node {
	all := make([]launch.Node, c.options.nodes)
	for i := range all {
		all[i] = c.node(i)
	}
	return all
}

// metricsPort ends the purpose of a port for metrics; what stands before it is the process.
const metricsPort = "-metrics"

func sidecarName(i int) string { return "sidecar-" + strconv.Itoa(i) }
func engineName(i int) string  { return "engine-" + strconv.Itoa(i) }

// purposes lists what needs a port.
func purposes(o options) []string {
	all := []string{"etcd-client", "etcd-peer", "coordinator-admin", "coordinator-xds", "coordinator-0" + metricsPort, "gateway-0" + metricsPort, "envoy-admin"}
	for i := range o.nodes {
		all = append(all, engineName(i), sidecarName(i), sidecarName(i)+metricsPort)
	}
	return all
}

// reach is where processes find another one: at its port, or at what was put before it. by names the one that looks for it,
// where not all of them share one way.
func (c *cluster) reach(purpose, by string) string {
	for _, way := range []string{purpose + "/" + by, purpose} {
		if address, ok := c.options.via[way]; ok {
			return address
		}
	}
	return c.ports.address(purpose)
}

func (c *cluster) etcdFor(name string) string { return "http://" + c.reach("etcd-client", name) }

// metrics says where each of our processes has its metrics.
func (c *cluster) metrics() map[string]string {
	all := map[string]string{}
	for purpose := range c.ports {
		if name, ok := strings.CutSuffix(purpose, metricsPort); ok {
			all[name] = c.ports.url(purpose)
		}
	}
	return all
}

// stages lists the processes in the order of their start; those of one stage start together.
func (c *cluster) stages() [][]supervise.Process {
	state := []supervise.Process{c.etcdProcess()}
	back := []supervise.Process{c.coordinatorProcess()}
	front := []supervise.Process{c.gatewayProcess()}
	for i := range c.options.nodes {
		back = append(back, c.engineProcess(i))
		front = append(front, c.sidecarProcess(i))
	}
	return [][]supervise.Process{state, back, front, {c.envoyProcess()}}
}

// stopOrder lists the names of processes from the outside in.
func (c *cluster) stopOrder() [][]string {
	var sidecars, engines []string
	for i := range c.options.nodes {
		sidecars = append(sidecars, sidecarName(i))
		engines = append(engines, engineName(i))
	}
	return [][]string{{"envoy"}, {"gateway-0"}, sidecars, engines, {"coordinator-0"}, {"etcd"}}
}

func (c *cluster) etcdProcess() supervise.Process {
	return c.own("etcd", nil, "etcd", "--data-dir", c.folder.at("etcd"),
		"--listen-client", c.ports.url("etcd-client"), "--listen-peer", c.ports.url("etcd-peer"))
}

func (c *cluster) coordinatorProcess() supervise.Process {
	return c.member("coordinator-0",
		[]string{"MIROIR_MASTER_KEY=" + c.keys.master, "MIROIR_NODE_MASTER_KEY=" + c.keys.node, "MIROIR_ADMIN_API_KEY=" + c.keys.admin},
		append([]string{"coordinator", "--id", "coordinator-0", "--etcd", c.etcdFor("coordinator-0"), "--cluster", clusterName,
			"--admin-listen", c.ports.address("coordinator-admin"), "--xds-listen", c.ports.address("coordinator-xds"),
			"--metrics-listen", c.ports.address("coordinator-0" + metricsPort),
			"--ingress-listen", c.options.listen, "--extproc-socket", c.socket(),
			"--groups", strconv.Itoa(c.options.groups), "--replicas", strconv.Itoa(c.options.replicas),
			"--shards", strconv.Itoa(c.options.shards), "--dump-dir", c.folder.at("dumps"), "--max-body-bytes", strconv.FormatInt(c.options.maxBody, 10)}, c.options.further...)...)
}

func (c *cluster) gatewayProcess() supervise.Process {
	args := []string{
		"gateway", "--id", "gateway-0", "--etcd", c.etcdFor("gateway-0"), "--cluster", clusterName,
		"--socket", c.socket(), "--metrics-listen", c.ports.address("gateway-0" + metricsPort),
		"--max-body-bytes", strconv.FormatInt(c.options.maxBody, 10),
	}
	if c.options.spool != "" {
		args = append(args, "--spool-dir", c.options.spool)
	}
	return c.member("gateway-0",
		[]string{"MIROIR_MASTER_KEY=" + c.keys.master, "MIROIR_NODE_MASTER_KEY=" + c.keys.node, "MIROIR_ADMIN_API_KEY=" + c.keys.admin}, args...)
}

func (c *cluster) sidecarProcess(i int) supervise.Process {
	n := c.node(i)
	return c.member(sidecarName(i),
		[]string{"MIROIR_NODE_MASTER_KEY=" + c.keys.node, "MEILI_MASTER_KEY=" + c.keys.engine},
		"sidecar", "--id", n.ID, "--group", strconv.Itoa(n.Group),
		"--listen", c.ports.address(sidecarName(i)), "--advertise", "http://"+c.reach(sidecarName(i), ""),
		"--engine-url", "http://"+c.reach(engineName(i), ""),
		"--etcd", c.etcdFor(sidecarName(i)), "--cluster", clusterName, "--journal-dir", c.folder.at(n.ID, "journal"),
		"--metrics-listen", c.ports.address(sidecarName(i)+metricsPort))
}

func (c *cluster) engineProcess(i int) supervise.Process {
	data := c.folder.at("node-" + strconv.Itoa(i))
	share := engineShare(c.options.nodes)
	return supervise.Process{
		Name: engineName(i), Path: c.engine.Path,
		Args: []string{
			"--http-addr", c.ports.address(engineName(i)), "--db-path", filepath.Join(data, "db"), "--env", "production",
			"--no-analytics", "--dump-dir", filepath.Join(data, "dumps"), "--snapshot-dir", filepath.Join(data, "snapshots"),
		},
		Env: c.environment(append(experimentalEnvironment(),
			"MEILI_MASTER_KEY="+c.keys.engine, "MEILI_LOG_LEVEL=WARN",
			"MEILI_HTTP_PAYLOAD_SIZE_LIMIT="+strconv.FormatInt(stamped*c.options.maxBody, 10),
			"MEILI_MAX_INDEXING_THREADS="+strconv.Itoa(share.threads),
			"MEILI_MAX_INDEXING_MEMORY="+strconv.FormatUint(share.memory, 10))...),
	}
}

func (c *cluster) envoyProcess() supervise.Process {
	return supervise.Process{
		Name: "envoy", Path: c.envoy,
		// Without hot restart Envoys share no memory and need no id of their own on the machine.
		Args: []string{"-c", c.bootstrapPath(), "--disable-hot-restart", "--concurrency", "2", "--log-level", "warning"},
		Env:  c.environment(),
	}
}

func (c *cluster) own(name string, secrets []string, args ...string) supervise.Process {
	return supervise.Process{Name: name, Path: c.self, Args: args, Env: c.environment(secrets...)}
}

// member is a process of ours with a port for metrics, and profiles on it where they are wanted.
func (c *cluster) member(name string, secrets []string, args ...string) supervise.Process {
	if c.options.pprof {
		args = append(args, "--pprof")
	}
	if c.options.points {
		secrets = append(secrets, failpoint.Variable+"="+c.folder.at("failpoints", name))
	}
	return c.own(name, secrets, args...)
}

func (c *cluster) environment(more ...string) []string {
	return append(slices.Clone(c.base), more...)
}

// baseEnvironment is ours without what is meant for the processes: they get that from us.
func baseEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "MIROIR_") || strings.HasPrefix(variable, "MEILI_")
	})
}

// experimentalEnvironment lists what may be said to engines from outside: which experimental features they have, and whom they
// may talk to.
func experimentalEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool { return !strings.HasPrefix(variable, "MEILI_EXPERIMENTAL_") })
}

// maxSocketPath is what a Unix socket's address holds, on the smallest of systems.
const maxSocketPath = 100

// socket is where Envoy meets the gateway.
func (c *cluster) socket() string {
	path := c.folder.at("run", "extproc.sock")
	if len(path) <= maxSocketPath {
		return path
	}
	// Ports are this cluster's alone while it runs, so the name is too.
	return filepath.Join(os.TempDir(), fmt.Sprintf("miroir-%d.sock", c.ports["gateway-0"+metricsPort]))
}

func (c *cluster) bootstrapPath() string { return c.folder.at("run", "envoy.yaml") }

// writeBootstrap writes what Envoy starts with: where the coordinator is, nothing else.
func (c *cluster) writeBootstrap() error {
	content, err := bootstrap.Render(bootstrap.Options{
		NodeID: "envoy-0", Cluster: clusterName,
		XDSAddresses: []string{c.reach("coordinator-xds", "")}, AdminAddress: c.ports.address("envoy-admin"),
	})
	if err != nil {
		return fmt.Errorf("envoy bootstrap: %w", err)
	}
	if err := replaceFile(c.bootstrapPath(), content); err != nil {
		return fmt.Errorf("envoy bootstrap: %w", err)
	}
	return nil
}

// stamped is how many times larger than a client's body the body may be that a sidecar sends its engine: the stamps of a document
// are some 100 bytes, and the smallest document with its line break has nine.
const stamped = 16

// share is what one engine may use of the machine for indexing.
type share struct {
	threads int
	memory  uint64
}

// The bounds of an engine's memory for indexing: below, it crawls; above, it gains nothing on one machine.
const (
	leastMemory = 256 << 20
	mostMemory  = 2 << 30
)

// engineShare divides the processors, and a quarter of the memory, among the engines.
func engineShare(engines int) share {
	memory := totalMemory() / 4 / uint64(engines)
	return share{
		threads: max(1, runtime.NumCPU()/engines),
		memory:  min(max(memory, leastMemory), mostMemory),
	}
}

// totalMemory is the memory of the machine, or a cautious guess where it can't be read.
func totalMemory() uint64 {
	const guess = 4 << 30
	raw, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return guess
	}
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			if kib, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return guess
}
