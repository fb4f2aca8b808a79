package ir

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"time"
)

// ErrInvalid marks every error of Validate.
var ErrInvalid = errors.New("invalid envoy configuration")

// maxSocketPath is what the kernel takes in sun_path, less the closing zero.
const maxSocketPath = 107

// Envoy refuses a larger request head; a smaller buffer would make every body crawl.
const (
	maxHeaderKiB = 8192
	minBuffer    = 64 << 10
	// minCompressed is Envoy's own lower bound: shorter texts grow.
	minCompressed = 30
)

var nodeID = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?$`)

// Validate names everything that is wrong at once.
func (c Config) Validate() error {
	errs := []error{
		c.Ingress.validate(), c.Gateway.validate(), c.Admin.validate(), validateNodes(c.Nodes), validatePaired(c.Paired),
		c.HealthCheck.validate(), c.CORS.validate(), c.Compression.validate(), c.Timeouts.validate(), c.Limits.validate(),
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

func (i Ingress) validate() error {
	var errs []error
	if _, err := netip.ParseAddr(i.Address); err != nil {
		errs = append(errs, fmt.Errorf("ingress address %q is not an ip address", i.Address))
	}
	if i.Port == 0 {
		errs = append(errs, errors.New("ingress port is 0"))
	}
	if i.TrustedHops > 16 {
		errs = append(errs, errors.New("ingress trusts more than 16 hops"))
	}
	u, err := url.Parse(i.ErrorDocs)
	if err != nil || u.Scheme == "" || u.Host == "" || !plainText(i.ErrorDocs) {
		errs = append(errs, errors.New("page of the error codes is not an absolute url"))
	}
	if i.AccessLog != AccessLogOff && i.AccessLog != AccessLogStdout {
		errs = append(errs, fmt.Errorf("access log %q is unknown", i.AccessLog))
	}
	return errors.Join(errs...)
}

// plainText refuses what would need escaping in JSON or would be a directive in Envoy's format strings.
func plainText(s string) bool {
	for _, r := range s {
		if r <= ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return false
		}
	}
	return true
}

func (g Gateway) validate() error {
	var errs []error
	if len(g.SocketPaths) == 0 {
		errs = append(errs, errors.New("gateway has no socket"))
	}
	seen := map[string]bool{}
	for _, path := range g.SocketPaths {
		switch {
		case !filepath.IsAbs(path):
			errs = append(errs, fmt.Errorf("gateway socket %q is not an absolute path", path))
		case len(path) > maxSocketPath:
			errs = append(errs, fmt.Errorf("gateway socket path is longer than %d bytes", maxSocketPath))
		case seen[path]:
			errs = append(errs, fmt.Errorf("gateway socket %q is listed twice", path))
		}
		seen[path] = true
	}
	return errors.Join(errs...)
}

func (a Admin) validate() error {
	var errs []error
	seen := map[string]bool{}
	for _, address := range a.Addresses {
		if _, err := ParseEndpoint(address); err != nil {
			errs = append(errs, fmt.Errorf("coordinator: %w", err))
		}
		if seen[address] {
			errs = append(errs, fmt.Errorf("coordinator %s is listed twice", address))
		}
		seen[address] = true
	}
	return errors.Join(errs...)
}

func validateNodes(nodes []Node) error {
	var errs []error
	seen := map[string]bool{}
	for _, n := range nodes {
		if !nodeID.MatchString(n.ID) {
			errs = append(errs, fmt.Errorf("node id %q is malformed", n.ID))
		}
		if seen[n.ID] {
			errs = append(errs, fmt.Errorf("node %s is listed twice", n.ID))
		}
		seen[n.ID] = true
		if _, err := ParseEndpoint(n.Address); err != nil {
			errs = append(errs, fmt.Errorf("node %s: %w", n.ID, err))
		}
	}
	return errors.Join(errs...)
}

func validatePaired(ids []string) error {
	var errs []error
	seen := map[string]bool{}
	for _, id := range ids {
		if !nodeID.MatchString(id) {
			errs = append(errs, fmt.Errorf("paired node id %q is malformed", id))
		}
		if seen[id] {
			errs = append(errs, fmt.Errorf("node %s is paired twice", id))
		}
		seen[id] = true
	}
	return errors.Join(errs...)
}

func (h HealthCheck) validate() error {
	var errs []error
	if h.Interval < 100*time.Millisecond || h.Timeout < time.Millisecond {
		errs = append(errs, errors.New("health check interval or timeout is too short"))
	}
	if h.UnhealthyThreshold == 0 || h.HealthyThreshold == 0 {
		errs = append(errs, errors.New("health check threshold is 0"))
	}
	return errors.Join(errs...)
}

func (c CORS) validate() error {
	if c.MaxAge < 0 || c.MaxAge%time.Second != 0 {
		return errors.New("cors max age is not a count of seconds")
	}
	return nil
}

func (c Compression) validate() error {
	if c.Enabled && c.MinBytes < minCompressed {
		return fmt.Errorf("compression of answers below %d bytes", minCompressed)
	}
	return nil
}

func (t Timeouts) validate() error {
	var errs []error
	positive := func(name string, d time.Duration) {
		if d < time.Millisecond {
			errs = append(errs, fmt.Errorf("%s timeout is below a millisecond", name))
		}
	}
	positive("connect", t.Connect)
	positive("request headers", t.RequestHeaders)
	positive("stream idle", t.StreamIdle)
	positive("connection idle", t.ConnectionIdle)
	positive("upstream idle", t.UpstreamIdle)
	positive("header decision", t.HeaderDecision)
	return errors.Join(errs...)
}

func (l Limits) validate() error {
	var errs []error
	positive := func(name string, n uint64) {
		if n == 0 {
			errs = append(errs, fmt.Errorf("limit of %s is 0", name))
		}
	}
	positive("body bytes", l.MaxBodyBytes)
	positive("header kib", uint64(l.HeaderKiB))
	positive("header count", uint64(l.HeaderCount))
	positive("concurrent streams", uint64(l.ConcurrentStreams))
	positive("cluster requests", uint64(l.ClusterRequests))
	positive("gateway requests", uint64(l.GatewayRequests))
	if l.BufferBytes < minBuffer {
		errs = append(errs, fmt.Errorf("buffer is smaller than %d bytes", minBuffer))
	}
	if l.HeaderKiB > maxHeaderKiB {
		errs = append(errs, fmt.Errorf("header limit is above %d KiB", maxHeaderKiB))
	}
	return errors.Join(errs...)
}
