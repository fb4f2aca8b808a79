package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/miroir-search/miroir/bench/ingest"
	"github.com/miroir-search/miroir/bench/machine"
	"github.com/miroir-search/miroir/bench/report"
	"github.com/miroir-search/miroir/bench/rig"
)

// mib is a MiB.
const mib = 1 << 20

// smallerPassage is how many times less is sent in formats other than NDJSON, which is the one that large loads come in.
const smallerPassage = 8

// passages sends one large body in every format through Envoy and the gateway of a cluster whose nodes swallow documents: what the
// gateway costs a MB, and what memory it needs while more passes than it may hold.
func (s *suite) passages(ctx context.Context) (err error) {
	if !s.runs(phaseLarge) {
		return nil
	}
	s.begin("a cluster of %d nodes that swallow documents starts", s.nodes)
	shape := rig.Shape{Nodes: s.nodes, Replicas: 1, Shards: s.shards, Sinks: int64(s.large+1) * mib}
	cluster, err := rig.StartCluster(ctx, filepath.Join(s.bin, "miroir"), shape, s.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	s.end("ready")
	if err := cluster.Appear(ctx, passing); err != nil {
		return err
	}
	list, err := cluster.Processes()
	if err != nil {
		return err
	}
	watched := processes(append(list, machine.Process{Name: self, Pid: os.Getpid()}))
	for _, format := range []string{ingest.NDJSON, ingest.JSON, ingest.CSV} {
		size := int64(s.large) * mib
		if format != ingest.NDJSON {
			size = max(mib, size/smallerPassage)
		}
		if err := s.passage(ctx, cluster, watched, format, size); err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) passage(ctx context.Context, cluster *rig.Cluster, watched processes, format string, size int64) error {
	s.begin("%d MiB of %s in one request, into nodes that swallow it", size/mib, format)
	before, err := watched.cpu()
	if err := errors.Join(err, watched.resetPeaks()); err != nil {
		return err
	}
	reached, start := cluster.Swallowed(), time.Now()
	body, contentType := ingest.Stream(format, size)
	if err := cluster.Upload(ctx, passing, contentType, body); err != nil {
		return err
	}
	took := time.Since(start)
	after, err := watched.cpu()
	if err != nil {
		return err
	}
	peaks, err := watched.peaks()
	if err != nil {
		return err
	}
	if got := cluster.Swallowed() - reached; format != ingest.CSV && got < size*9/10 {
		return fmt.Errorf("passage: of %d bytes of %s only %d reached the nodes", size, format, got)
	}
	mb := float64(size) / 1e6
	p := report.Passage{Format: format, MB: mb, Seconds: took.Seconds(), CPU: map[string]float64{}, Gateway: peaks["gateway-0"], Envoy: peaks["envoy"]}
	for part, used := range after {
		p.CPU[part] = report.Milliseconds(used-before[part]) / mb
	}
	s.report.Passages = append(s.report.Passages, p)
	s.end("%.0f MB/s, %.0f MB for a second of the gateway's processor, at most %.0f MiB in the gateway", mb/p.Seconds, p.PerCore(), p.Gateway)
	return nil
}
