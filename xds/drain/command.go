package drain

import (
	"context"
	"flag"
	"net/url"
	"time"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// Defaults of the command: five seconds for load balancers to notice, and what a pod has left of its half minute.
const (
	defaultSettle = 5 * time.Second
	defaultLimit  = 20 * time.Second
)

// Run is the command `miroir drain`.
func Run(ctx context.Context, args []string, stdio lifecycle.Stdio) error {
	var o Options
	f := flag.NewFlagSet("miroir drain", flag.ContinueOnError)
	f.SetOutput(stdio.Err)
	f.StringVar(&o.Admin, "admin", "http://127.0.0.1:9901", "base URL of Envoy's admin interface")
	f.DurationVar(&o.Settle, "settle", defaultSettle, "how long clients and load balancers have to go elsewhere before new connections are refused")
	f.DurationVar(&o.Limit, "limit", defaultLimit, "how long requests may be in flight after that")
	if err := lifecycle.ParseFlags(f, args); err != nil {
		return err
	}
	if u, err := url.Parse(o.Admin); err != nil || u.Scheme != "http" || u.Host == "" {
		return lifecycle.UsageError("--admin must be an http URL")
	}
	if o.Settle < 0 || o.Limit < 0 {
		return lifecycle.UsageError("--settle and --limit must not be negative")
	}
	return Drain(ctx, o)
}
