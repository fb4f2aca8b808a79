package ir

import "time"

// Names that the gateway, the coordinator and Envoy agree on.
const (
	// AdminPrefix and UIPrefix are the paths that belong to the coordinators, themselves and everything below them.
	AdminPrefix = "/_miroir"
	UIPrefix    = "/ui"

	// HeaderTarget carries the name of the cluster a request goes to. Only the gateway sets it.
	HeaderTarget = "x-miroir-target"
	// HeaderClientAddress carries the client's address as Envoy determined it (trusted hops applied), without port.
	HeaderClientAddress = "x-miroir-client-address"

	// ClusterGateway and ClusterAdmin are the clusters beside those of the nodes.
	ClusterGateway = "gateway"
	ClusterAdmin   = "admin"

	// HealthPath is what Envoy asks a sidecar for.
	HealthPath = "/healthz"
)

// ClusterOfNode is the name of the cluster that holds one node's sidecar.
func ClusterOfNode(id string) string { return "node/" + id }

// ClusterOfPair is the name of the cluster that leads to the first of two nodes, and to the second where the first fails.
func ClusterOfPair(first, second string) string { return "nodes/" + first + "," + second }

// Config is everything one Envoy does. All Envoys of a cluster get the same one.
type Config struct {
	Ingress Ingress
	Gateway Gateway
	Admin   Admin
	Nodes   []Node
	// Paired are ids of nodes every ordered two of which get a cluster as a pair. One that is not among Nodes is left out of
	// its pairs, not the pairs with it: whoever names a pair knows the ids alone.
	Paired      []string
	HealthCheck HealthCheck
	CORS        CORS
	Compression Compression
	Timeouts    Timeouts
	Limits      Limits
}

// Ingress is the client side of Envoy.
type Ingress struct {
	Address string // an IP address
	Port    uint16
	// TrustedHops counts the proxies before Envoy whose X-Forwarded-For entries are believed.
	TrustedHops uint32
	// ErrorDocs is the page that links of Miroir's own error codes point to.
	ErrorDocs string
	AccessLog AccessLog
}

// AccessLog says where one line per request goes. Lines never contain a path, a query or a credential.
type AccessLog string

// The places of the access log.
const (
	AccessLogOff    AccessLog = ""
	AccessLogStdout AccessLog = "stdout"
)

// Gateway is the process that decides about each request, reached over a Unix socket on the same machine. There may be
// several: each request goes to one of those that answer.
type Gateway struct {
	SocketPaths []string
}

// Admin is where the coordinators serve the admin API and the UIs. No address at all is valid: Envoy answers 503 then.
type Admin struct {
	Addresses []string // host:port
}

// Node is one sidecar.
type Node struct {
	ID      string
	Address string // host:port
}

// HealthCheck is how Envoy watches each sidecar.
type HealthCheck struct {
	Interval           time.Duration
	Timeout            time.Duration
	UnhealthyThreshold uint32
	HealthyThreshold   uint32
}

// CORS is what a browser on another origin may do. Every origin, method and header is allowed, as on one Meilisearch.
type CORS struct {
	MaxAge time.Duration
}

// Compression is what clients that send Accept-Encoding get.
type Compression struct {
	Enabled  bool
	MinBytes uint32 // answers known to be shorter leave as they are; SDKs that ask for an encoding take no others
}

// Timeouts bound each waiting of Envoy. The time a request takes as a whole is bounded by the gateway, not here.
type Timeouts struct {
	Connect        time.Duration // to a sidecar, a coordinator or the gateway
	RequestHeaders time.Duration // from the first byte of a request to the end of its headers
	StreamIdle     time.Duration // no byte in either direction on one request
	ConnectionIdle time.Duration // no request on a client connection
	UpstreamIdle   time.Duration // no request on a connection to a sidecar
	HeaderDecision time.Duration // the gateway's answer to a request it sees the headers of only
}

// Limits bound what one client or one moment can take.
type Limits struct {
	MaxBodyBytes      uint64 // largest body towards the engines; admin and UI paths have no limit
	HeaderKiB         uint32 // request head
	HeaderCount       uint32 // request headers
	BufferBytes       uint32 // bytes buffered per connection and direction before back-pressure
	ConcurrentStreams uint32 // requests of one HTTP/2 client connection
	ClusterRequests   uint32 // requests in flight towards one sidecar, and to the coordinators
	GatewayRequests   uint32 // requests in flight towards the gateway
}
