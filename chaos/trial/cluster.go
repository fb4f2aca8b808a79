package trial

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/miroir-search/miroir/e2e/provider"
)

// Cluster is the cluster that trials run on, one after the other.
type Cluster struct {
	*provider.Local
	trials int
}

// StartCluster starts three nodes with two copies of everything. With stayDown what is killed is down until it is
// revived; else it is started again at once.
func StartCluster(ctx context.Context, root string, stayDown bool) (*Cluster, error) {
	local, err := provider.StartLocal(ctx, root, provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 8, StayDown: stayDown})
	if err != nil {
		return nil, err
	}
	return &Cluster{Local: local}, nil
}

// kinds lists the processes by kind.
func (c *Cluster) kinds() [][]string {
	var sidecars, engines []string
	for i := range c.Nodes() {
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
