package trial

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/miroir-search/miroir/chaos/shim"
	"github.com/miroir-search/miroir/dev/launch"
	"github.com/miroir-search/miroir/e2e/provider"
)

// nodes is how many nodes a cluster has.
const nodes = 3

// Cluster is the cluster that trials run on, one after the other.
type Cluster struct {
	*provider.Local
	links  map[string]*shim.Link
	trials int
}

// StartCluster starts three nodes with two copies of everything. With stayDown what is killed is down until it is
// revived; else it is started again at once.
func StartCluster(ctx context.Context, root string, stayDown bool) (*Cluster, error) {
	dir, err := os.MkdirTemp("", "miroir-chaos-")
	c := &Cluster{links: map[string]*shim.Link{}}
	if err != nil {
		return c, fmt.Errorf("start cluster: %w", err)
	}
	flags := []string{"--failpoints"}
	for _, way := range slices.Concat(c.ways()...) {
		link, err := shim.Listen(func() (string, error) { return portOf(dir, way) })
		if err != nil {
			return c, err
		}
		c.links[way] = link
		flags = append(flags, "--via", way+"="+link.Address())
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

// ways lists the links by kind: to etcd from each of its clients, to the sidecars, to the engines, to xDS.
func (c *Cluster) ways() [][]string {
	etcd, sidecars, engines := []string{"etcd-client/gateway-0", "etcd-client/coordinator-0"}, []string{}, []string{}
	for i := range nodes {
		etcd = append(etcd, fmt.Sprint("etcd-client/sidecar-", i))
		sidecars = append(sidecars, fmt.Sprint("sidecar-", i))
		engines = append(engines, fmt.Sprint("engine-", i))
	}
	return [][]string{etcd, sidecars, engines, {"coordinator-xds"}}
}

// Disturb implements fault.Target.
func (c *Cluster) Disturb(link string, mode shim.Mode) error {
	l, ok := c.links[link]
	if !ok {
		return fmt.Errorf("there is no link %s", link)
	}
	l.Set(mode)
	return nil
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
func (c *Cluster) logNames() (names []string) {
	for _, kind := range c.kinds() {
		names = append(names, kind...)
	}
	return names
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
