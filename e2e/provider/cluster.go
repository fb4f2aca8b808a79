package provider

// Options shape a cluster.
type Options struct {
	Nodes    int
	Groups   int
	Replicas int
	Shards   int
	StayDown bool // a killed process stays down until Revive
	// Dir is the folder of all data; empty for a new one. Flags are further ones of `miroir dev`.
	Dir   string
	Flags []string
}

// Node is one node of a running cluster, by the names under which its processes can be killed.
type Node struct {
	ID      string `json:"id"`
	Group   int    `json:"group"`
	Sidecar string `json:"sidecar"`
	Engine  string `json:"engine"`
}

// Envoy is one Envoy of a running cluster.
type Envoy struct {
	Process string `json:"process"`
	Ingress string `json:"ingress"` // where clients send requests
	Admin   string `json:"admin"`   // Envoy's own admin interface
}

// Coordinator is one coordinator of a running cluster.
type Coordinator struct {
	ID    string `json:"id"`
	Admin string `json:"admin"`
}

// Cluster is a running cluster.
type Cluster interface {
	// URL is where clients send requests.
	URL() string
	// MasterKey is the key of those clients.
	MasterKey() string
	// Admin is where operators send requests, and AdminKey the key of those.
	Admin() string
	AdminKey() (string, error)
	// Nodes lists the nodes.
	Nodes() []Node
	// Kill ends one process at once, as a crash does. The name is that of its pid file.
	Kill(process string) error
	// Restart stops the whole cluster in order and starts it again on the same data.
	Restart() error
	// Stop ends the cluster and removes its data.
	Stop() error
}

// Inspected is a cluster whose inside a suite can look at and break.
type Inspected interface {
	Cluster
	// Revive starts processes that stayed down.
	Revive() error
	// EngineKey is the key of the engines, which stand at the URLs of the nodes.
	EngineKey() (string, error)
	// Etcd is the client URL of the store, for the cluster "default".
	Etcd() string
	// Data is the folder of all data of a node.
	Data(node string) string
	// Log is what a process has logged.
	Log(process string) string
}
