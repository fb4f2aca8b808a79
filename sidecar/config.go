package sidecar

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/telemetry"
	"github.com/miroir-search/miroir/internal/tuning"
	"github.com/miroir-search/miroir/sidecar/fence"
	"github.com/miroir-search/miroir/sidecar/probe"
)

// Names of the environment variables that carry secrets.
const (
	envNodeKey   = "MIROIR_NODE_MASTER_KEY"
	envEngineKey = "MEILI_MASTER_KEY"
)

// config is how a sidecar was called.
type config struct {
	id, listen, advertise, engineURL, cluster, prefix, metricsListen, journal string
	group                                                                     int
	etcd                                                                      []string
	journalBytes                                                              int64
	journalSync                                                               bool
	probeInterval, staleReads                                                 time.Duration
	nodeKey, engineKey                                                        string
	seal                                                                      *seal.Box
	pprof                                                                     bool
	log                                                                       telemetry.LogOptions
}

var nodeID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// readConfig reads flags and environment and reports everything that is wrong at once.
func readConfig(args []string, stdio lifecycle.Stdio) (config, error) {
	var c config
	var etcd string
	f := flag.NewFlagSet("miroir sidecar", flag.ContinueOnError)
	f.SetOutput(stdio.Err)
	f.StringVar(&c.id, "id", "", "id of the node, for instance node-0")
	f.IntVar(&c.group, "group", 0, "replica group of the node")
	f.StringVar(&c.listen, "listen", "127.0.0.1:7701", "address of the door for legs")
	f.StringVar(&c.advertise, "advertise", "", "base URL under which others reach the door (default: http:// and the listen address)")
	f.StringVar(&c.engineURL, "engine-url", "http://127.0.0.1:7700", "base URL of the engine")
	f.StringVar(&etcd, "etcd", "", "comma-separated client URLs of etcd")
	f.StringVar(&c.prefix, "etcd-prefix", "", "prefix of all keys in etcd (default /miroir)")
	f.StringVar(&c.cluster, "cluster", "default", "name of the cluster in etcd")
	f.StringVar(&c.metricsListen, "metrics-listen", "127.0.0.1:9090", "address of metrics and health")
	f.StringVar(&c.journal, "journal-dir", "journal", "folder of the node's journal of writes")
	f.Int64Var(&c.journalBytes, "journal-max-bytes", 2<<30, "room that the journal may take on disk, about")
	f.BoolVar(&c.journalSync, "journal-sync", true, "sync the journal to the disk before a write reaches the engine; without it a machine that loses power may have to copy whole shards")
	f.DurationVar(&c.probeInterval, "probe-interval", 0, "time between two probes of the engine (default: health.interval_ms of the cluster, 5s)")
	f.DurationVar(&c.staleReads, "stale-read-limit", fence.DefaultReads, "how long reads go on while the lease can not be renewed")
	telemetry.RegisterProfiles(f, &c.pprof)
	c.log.RegisterFlags(f)
	if err := lifecycle.ParseFlags(f, args); err != nil {
		return c, err
	}
	c.nodeKey, c.engineKey = os.Getenv(envNodeKey), os.Getenv(envEngineKey)
	for e := range strings.SplitSeq(etcd, ",") {
		if e = strings.TrimSpace(e); e != "" {
			c.etcd = append(c.etcd, e)
		}
	}
	if c.advertise == "" {
		c.advertise = "http://" + c.listen
	}
	c.log.Component, c.log.PodID = "sidecar", c.id
	var err error
	if c.nodeKey != "" {
		c.seal, err = seal.FromEnvironment(os.Getenv, c.nodeKey)
	}
	return c, c.check(err)
}

func (c config) check(sealing error) error {
	var wrong []error
	say := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	say(!nodeID.MatchString(c.id), "--id must be 1 to 63 lower-case letters, digits and hyphens")
	say(c.group < 0 || c.group > 15, "--group must be 0 to 15")
	say(len(c.etcd) == 0, "--etcd is missing")
	say(!baseURL(c.engineURL), "--engine-url must be http://host:port")
	say(!baseURL(c.advertise), "--advertise must be http://host:port")
	say(c.journal == "", "--journal-dir must not be empty")
	say(c.journalBytes < 64<<20, "--journal-max-bytes must be at least 67108864")
	say(c.staleReads < fence.Grace, "--stale-read-limit must be at least %s", fence.Grace)
	say(c.probeInterval < 0, "--probe-interval must not be negative")
	say(c.nodeKey == "", "%s is not set", envNodeKey)
	say(sealing != nil, "%v", sealing)
	if len(wrong) == 0 {
		return nil
	}
	return lifecycle.UsageError("%v", errors.Join(wrong...))
}

func baseURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// probe is how the engine is watched.
func (c config) probe(h tuning.Health) probe.Config {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	out := probe.Config{Interval: ms(h.IntervalMs), Timeout: ms(h.TimeoutMs), Unhealthy: h.UnhealthyThreshold, Recovered: h.RecoveryThreshold}
	if c.probeInterval > 0 {
		out.Interval = c.probeInterval
	}
	return out
}
