package probe

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/sidecar/engine"
)

// Config of a probe; zero values take the defaults of NS-2.
type Config struct {
	Interval  time.Duration // between two probes, default 5 s
	Timeout   time.Duration // of one probe, default 2 s
	Unhealthy int           // misses in a row until the engine counts as down, default 3
	Recovered int           // good probes in a row until it counts as up again, default 2
}

func (c Config) withDefaults() Config {
	if c.Interval == 0 {
		c.Interval = 5 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 2 * time.Second
	}
	if c.Unhealthy == 0 {
		c.Unhealthy = 3
	}
	if c.Recovered == 0 {
		c.Recovered = 2
	}
	return c
}

// Report is what the probe knows. It is a value: a new one replaces it.
type Report struct {
	OK      bool
	Suspect bool // OK, and the last probe was missed
	Probes  int  // probes in a row with this outcome
	Version string
	LastOK  time.Time
}

// next is the report after one more probe.
func (r Report) next(c Config, good bool, version string, now time.Time, first bool, run int) Report {
	switch {
	case good && (r.OK || first || run >= c.Recovered):
		r.OK = true
	case !good && run >= c.Unhealthy:
		r.OK = false
	}
	r.Suspect = r.OK && !good
	r.Probes = run
	if good {
		r.LastOK = now
		if version != "" {
			r.Version = version
		}
	}
	return r
}

// Probe watches one engine. It is safe for concurrent use.
type Probe struct {
	config  func() Config
	engine  *engine.Client
	log     zerolog.Logger
	metrics *Metrics
	nudge   chan struct{}

	mu      sync.Mutex
	report  Report
	changed chan struct{} // closed and replaced when OK, Suspect or Version changes
}

// New returns a probe that has not looked yet. It asks for its configuration before every look.
func New(e *engine.Client, c func() Config, log zerolog.Logger, m *Metrics) *Probe {
	return &Probe{config: func() Config { return c().withDefaults() }, engine: e, log: log, metrics: m, nudge: make(chan struct{}, 1), changed: make(chan struct{})}
}

// Report is the newest report and a channel that is closed when its OK, Suspect or Version no longer holds.
func (p *Probe) Report() (Report, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.report, p.changed
}

// Suspect asks for a probe at once, for instance because a leg found no engine. It never blocks.
func (p *Probe) Suspect() {
	select {
	case p.nudge <- struct{}{}:
	default:
	}
}

// pause is how long to wait after a probe.
func (c Config) pause(r Report, good, refused bool) time.Duration {
	if good != r.OK && (good || refused) {
		return c.Interval / hurried
	}
	return c.Interval
}

// hurried is by how much the interval is cut while a quick answer decides: a refused connection comes from no process at
// all, and an engine that answers again only has to do so once more.
const hurried = 20

// Run probes until ctx ends.
func (p *Probe) Run(ctx context.Context) error {
	run, last, first := 0, false, true
	for {
		good, version, refused := p.once(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // an ordered end
		}
		if run++; good != last || first {
			run = 1
		}
		last = good
		p.take(good, version, first, run)
		first = first && !good
		r, _ := p.Report()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(p.config().pause(r, good, refused)):
		case <-p.nudge:
		}
	}
}

// once asks the engine for its health, and for its version while that is not known or after it was away. refused says that
// no process listens.
func (p *Probe) once(ctx context.Context) (good bool, version string, refused bool) {
	ctx, cancel := context.WithTimeout(ctx, p.config().Timeout)
	defer cancel()
	if err := p.engine.Health(ctx); err != nil {
		p.metrics.Misses.Inc()
		return false, "", errors.Is(err, syscall.ECONNREFUSED)
	}
	if r, _ := p.Report(); r.Version != "" && r.OK {
		return true, "", false
	}
	version, err := p.engine.Version(ctx)
	return err == nil, version, false
}

func (p *Probe) take(good bool, version string, first bool, run int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.report
	p.report = was.next(p.config(), good, version, time.Now().UTC(), first, run)
	if now := p.report; was.OK != now.OK || was.Suspect != now.Suspect || was.Version != now.Version {
		close(p.changed)
		p.changed = make(chan struct{})
		p.log.Info().Bool("engine_ok", now.OK).Bool("suspect", now.Suspect).Str("engine_version", p.report.Version).Msg("engine state changed")
	}
	up := 0.0
	if p.report.OK {
		up = 1
	}
	p.metrics.Up.Set(up)
}
