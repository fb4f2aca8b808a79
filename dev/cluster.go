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
	var back, front, edge []supervise.Process
	for i := range c.options.coordinators {
		back = append(back, c.coordinatorProcess(i))
	}
	for i := range c.options.gateways {
		front = append(front, c.gatewayProcess(i))
	}
	for i := range c.options.nodes {
		back = append(back, c.engineProcess(i))
		front = append(front, c.sidecarProcess(i))
	}
	for i := range c.options.envoys {
		edge = append(edge, c.envoyProcess(i))
	}
	return [][]supervise.Process{state, back, front, edge}
}

// stopOrder lists the names of processes from the outside in.
func (c *cluster) stopOrder() [][]string {
	o := c.options
	return [][]string{
		each(o.envoys, envoyName), each(o.gateways, gatewayName), each(o.nodes, sidecarName), each(o.nodes, engineName),
		each(o.coordinators, coordinatorName), {"etcd"},
	}
}

func (c *cluster) etcdProcess() supervise.Process {
	return c.own("etcd", nil, "etcd", "--data-dir", c.folder.at("etcd"),
		"--listen-client", c.ports.url("etcd-client"), "--listen-peer", c.ports.url("etcd-peer"))
}

func (c *cluster) coordinatorProcess(i int) supervise.Process {
	o, name := c.options, coordinatorName(i)
	args := []string{
		"coordinator", "--id", name, "--etcd", c.etcdFor(name), "--cluster", clusterName,
		"--admin-listen", c.ports.address(coordinatorAdmin(i)), "--xds-listen", c.ports.address(coordinatorXDS(i)),
		"--admin-advertise", strings.Join(each(o.coordinators, func(i int) string { return c.ports.address(coordinatorAdmin(i)) }), ","),
		"--metrics-listen", c.ports.address(name + metricsPort),
		"--ingress-listen", c.listen(0), "--extproc-socket", strings.Join(each(o.gateways, c.socket), ","),
		"--groups", strconv.Itoa(o.groups), "--replicas", strconv.Itoa(o.replicas), "--shards", strconv.Itoa(o.shards),
		"--dump-dir", c.folder.at("dumps"), "--max-body-bytes", strconv.FormatInt(o.maxBody, 10),
	}
	for e := 1; e < o.envoys; e++ {
		args = append(args, "--ingress-of", envoyID(e)+"="+c.listen(e))
	}
	return c.member(name, append(webhookEnvironment(), c.clientSecrets()...), append(args, o.further...)...)
}

func (c *cluster) gatewayProcess(i int) supervise.Process {
	name := gatewayName(i)
	args := []string{
		"gateway", "--id", name, "--etcd", c.etcdFor(name), "--cluster", clusterName,
		"--socket", c.socket(i), "--metrics-listen", c.ports.address(name + metricsPort),
		"--max-body-bytes", strconv.FormatInt(c.options.maxBody, 10), "--drain-time", gatewayDrain.String(),
	}
	if c.options.spool != "" {
		args = append(args, "--spool-dir", c.options.spool)
	}
	return c.member(name, c.clientSecrets(), append(args, c.options.gatewayFlags...)...)
}

func (c *cluster) clientSecrets() []string {
	return []string{"MIROIR_MASTER_KEY=" + c.keys.master, "MIROIR_NODE_MASTER_KEY=" + c.keys.node, "MIROIR_ADMIN_API_KEY=" + c.keys.admin}
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

func (c *cluster) envoyProcess(i int) supervise.Process {
	return supervise.Process{
		Name: envoyName(i), Path: c.envoy,
		// Without hot restart Envoys share no memory and need no id of their own on the machine.
		Args: []string{"-c", c.bootstrapPath(i), "--disable-hot-restart", "--concurrency", "2", "--log-level", "warning"},
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

// webhookEnvironment lists what may be said to coordinators from outside: what Meilisearch would do with webhooks.
func webhookEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		_, name, _ := strings.Cut(variable, "_")
		return !strings.HasPrefix(name, "TASK_WEBHOOK_") && !strings.HasPrefix(name, "EXPERIMENTAL_ALLOWED_IP_NETWORKS=")
	})
}

// writeBootstraps writes what each Envoy starts with: where the coordinators are, nothing else.
func (c *cluster) writeBootstraps() error {
	for i := range c.options.envoys {
		content, err := bootstrap.Render(bootstrap.Options{
			NodeID: envoyID(i), Cluster: clusterName, AdminAddress: c.ports.address(envoyAdmin(i)),
			XDSAddresses: each(c.options.coordinators, func(i int) string { return c.reach(coordinatorXDS(i), "") }),
		})
		if err != nil {
			return fmt.Errorf("envoy bootstrap: %w", err)
		}
		if err := replaceFile(c.bootstrapPath(i), content); err != nil {
			return fmt.Errorf("envoy bootstrap: %w", err)
		}
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
