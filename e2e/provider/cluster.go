package provider

// Options shape a cluster.
type Options struct {
	Nodes    int
	Groups   int
	Replicas int
	Shards   int
}

// Node is one node of a running cluster, by the names under which its processes can be killed.
type Node struct {
	ID      string `json:"id"`
	Group   int    `json:"group"`
	Sidecar string `json:"sidecar"`
	Engine  string `json:"engine"`
}

// Cluster is a running cluster.
type Cluster interface {
	// URL is where clients send requests.
	URL() string
	// MasterKey is the key of those clients.
	MasterKey() string
	// Nodes lists the nodes.
	Nodes() []Node
	// Kill ends one process at once, as a crash does. The name is that of its pid file.
	Kill(process string) error
	// Restart stops the whole cluster in order and starts it again on the same data.
	Restart() error
	// Stop ends the cluster and removes its data.
	Stop() error
}
