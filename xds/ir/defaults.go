package ir

import "time"

// DefaultErrorDocs is where links of error codes point when nothing else is configured.
const DefaultErrorDocs = "https://docs.meilisearch.com/errors"

// Default is a configuration without nodes and coordinators whose every setting has its default. The head limits are
// those at which Meilisearch 1.50 answers 431.
func Default() Config {
	return Config{
		Ingress: Ingress{Address: "0.0.0.0", Port: 7700, ErrorDocs: DefaultErrorDocs},
		HealthCheck: HealthCheck{
			Interval: 2 * time.Second, Timeout: time.Second, UnhealthyThreshold: 3, HealthyThreshold: 1,
		},
		CORS:        CORS{MaxAge: 24 * time.Hour},
		Compression: Compression{Enabled: true, MinBytes: minCompressed},
		Timeouts: Timeouts{
			Connect:        time.Second,
			RequestHeaders: 10 * time.Second,
			StreamIdle:     15 * time.Minute,
			ConnectionIdle: time.Hour,
			UpstreamIdle:   30 * time.Second,
			HeaderDecision: 10 * time.Second,
		},
		Limits: Limits{
			MaxBodyBytes:      100 << 20,
			HeaderKiB:         128,
			HeaderCount:       96,
			BufferBytes:       1 << 20,
			ConcurrentStreams: 100,
			ClusterRequests:   4096,
			GatewayRequests:   16384,
		},
	}
}
