package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/miroir-search/miroir/chaos/fault"
	"github.com/miroir-search/miroir/chaos/shim"
	"github.com/miroir-search/miroir/dev/launch"
	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/failpoint"
)

// nodes is how many nodes a cluster has.
const nodes = 3

// arrival is how long after a write was accepted a node may still get it, where nobody can tell whether it will. No fault delays one for so
// long, and the workload's writes are small. By default it is minutes.
const arrival = 20 * time.Second

// Cluster is the cluster that trials run on, one after the other.
type Cluster struct {
	*provider.Local
	dir    string // of all data, known before the cluster runs
	links  map[string]*shim.Link
	disks  *disks // nil where none can be mounted
	trials int
	seen   witness
	read   int // bytes of the coordinator's log
}

// StartCluster starts three nodes with two copies of everything. With stayDown what is killed is down until it is
// revived; else it is started again at once.
func StartCluster(ctx context.Context, root string, stayDown bool) (*Cluster, error) {
	dir, err := os.MkdirTemp("", "miroir-chaos-")
	c := &Cluster{links: map[string]*shim.Link{}, seen: witness{killed: map[int]bool{}}}
	if err != nil {
		return c, fmt.Errorf("start cluster: %w", err)
	}
	c.dir = dir
	flags := []string{"--failpoints", "--log-format", "json", "--coordinator-flag", "--write-arrival=" + arrival.String()}
	for _, way := range slices.Concat(c.ways()...) {
		if _, _, narrow := strings.Cut(way, "/"); narrow && !strings.HasPrefix(way, etcdClient) {
			continue // one caller's share of a link
		}
		link, err := shim.Listen(func() (string, error) { return portOf(dir, way) }, c.caller)
		if err != nil {
			return c, err
		}
		c.links[way] = link
		flags = append(flags, "--via", way+"="+link.Address())
	}
	if c.disks, err = mountDisks(dir, places()); err != nil {
		_ = c.disks.close() // none is as good as not all
		c.disks = nil
	}
	c.Local, err = provider.StartLocal(ctx, root, provider.Options{
		Nodes: nodes, Groups: 1, Replicas: 2, Shards: 8, StayDown: stayDown, Dir: dir, Flags: flags,
	})
	return c, err
}

// portOf is where a way leads to, as the cluster chose it.
func portOf(dir, way string) (string, error) {
	purpose, _, _ := strings.Cut(way, "/")
	return launch.PortOf(dir, purpose)
}

// places lists where processes keep what must not be lost, in the data folder.
func places() map[string]string {
	all := map[string]string{"etcd": "etcd"}
	for i := range nodes {
		all[fmt.Sprint("sidecar-", i)] = fmt.Sprint("node-", i, "/journal")
		all[fmt.Sprint("engine-", i)] = fmt.Sprint("node-", i, "/db")
	}
	return all
}

// etcdClient begins the ways to etcd, of which each process has its own.
const etcdClient = "etcd-client/"

// ways lists the links by kind: to etcd from each of its clients, to the sidecars for all and for one caller only, to the
// engines, to xDS.
func (c *Cluster) ways() [][]string {
	etcd, sidecars, narrow, engines := []string{etcdClient + "gateway-0", etcdClient + "coordinator-0"}, []string{}, []string{}, []string{}
	for i := range nodes {
		sidecar := fmt.Sprint("sidecar-", i)
		etcd = append(etcd, etcdClient+sidecar)
		sidecars = append(sidecars, sidecar)
		narrow = append(narrow, sidecar+"/gateway-0", sidecar+"/coordinator-0", fmt.Sprint(sidecar, "/sidecar-", (i+1)%nodes))
		engines = append(engines, fmt.Sprint("engine-", i))
	}
	for i := range rivals {
		etcd = append(etcd, fmt.Sprint(etcdClient, "rival-", i))
	}
	return [][]string{etcd, sidecars, narrow, engines, {"coordinator-xds"}}
}

// parts lists what can be broken.
func (c *Cluster) parts() fault.Parts {
	p := fault.Parts{Processes: c.kinds(), Links: c.ways()}
	var sidecars, engines []string
	for i := range nodes {
		sidecars = append(sidecars, fmt.Sprint("sidecar-", i))
		engines = append(engines, fmt.Sprint("engine-", i))
	}
	p.Clocks = [][]string{{"gateway-0"}, sidecars}
	if c.disks != nil {
		p.Disks = [][]string{{"etcd"}, sidecars, engines}
	}
	return p
}

// Disturb implements fault.Target.
func (c *Cluster) Disturb(link string, mode shim.Mode) error {
	caller := ""
	l, ok := c.links[link]
	if !ok {
		var whole string
		whole, caller, _ = strings.Cut(link, "/")
		l, ok = c.links[whole]
	}
	if !ok {
		return fmt.Errorf("there is no link %s", link)
	}
	l.Set(mode, caller)
	return nil
}

// Fill implements fault.Target.
func (c *Cluster) Fill(process string, full bool) error { return c.disks.fill(process, full) }

// SetClock implements fault.Target.
func (c *Cluster) SetClock(process string, off time.Duration) error {
	return failpoint.SetClock(c.Data(filepath.Join("failpoints", process)), off)
}

// Stop ends the cluster, the links and all data.
func (c *Cluster) Stop() error {
	var err error
	if c.Local != nil {
		err = c.Local.Stop()
	}
	for _, l := range c.links {
		l.Close()
	}
	if c.disks != nil {
		err = errors.Join(err, c.disks.close())
	}
	return err
}

// kinds lists the processes by kind.
func (c *Cluster) kinds() [][]string {
	var sidecars, engines []string
	for i := range nodes {
		sidecars = append(sidecars, fmt.Sprint("sidecar-", i))
		engines = append(engines, fmt.Sprint("engine-", i))
	}
	return [][]string{{"etcd"}, {"coordinator-0"}, {"gateway-0"}, {"envoy"}, sidecars, engines}
}

// down lists processes that do not run.
func (c *Cluster) down() (names []string) {
	for _, kind := range c.kinds() {
		for _, p := range kind {
			if c.Signal(p, 0) != nil {
				names = append(names, p)
			}
		}
	}
	return names
}

// wake lets every process go on that was stopped.
func (c *Cluster) wake() {
	for _, kind := range c.kinds() {
		for _, p := range kind {
			_ = c.Signal(p, syscall.SIGCONT) // the killed ones are revived
		}
	}
}

// logNames lists the processes that have logs.
func (c *Cluster) logNames() []string {
	return append(slices.Concat(c.kinds()...), provider.Supervisor)
}

// keepLogs copies the logs of all processes into a folder.
func (c *Cluster) keepLogs(folder string) error {
	for _, p := range c.logNames() {
		if err := os.WriteFile(filepath.Join(folder, p+".log"), []byte(c.Log(p)), 0o600); err != nil {
			return fmt.Errorf("keep logs: %w", err)
		}
	}
	return nil
}
