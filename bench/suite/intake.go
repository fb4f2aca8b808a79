package suite

import (
	"context"
	"fmt"

	"github.com/miroir-search/miroir/bench/ingest"
	"github.com/miroir-search/miroir/bench/query"
	"github.com/miroir-search/miroir/bench/report"
	"github.com/miroir-search/miroir/bench/rig"
	"github.com/miroir-search/miroir/dev/cities"
)

// Indexes of a run: one that is searched, and one that loads come and go in.
const (
	searched = "cities"
	passing  = "passing"
)

// Sizes of batches.
const (
	smallBatch = 100
	largeBatch = 10000
	// A load of small batches is this many times smaller, for its requests are this many times more.
	smallLoad = 10
)

// way is one way of bringing documents in.
type way struct {
	format  string
	batch   int
	clients int
}

// ways are those that are compared.
func ways() []way {
	var list []way
	for _, format := range []string{ingest.JSON, ingest.NDJSON, ingest.CSV} {
		for _, batch := range []int{smallBatch, largeBatch} {
			for _, clients := range []int{1, 8} {
				list = append(list, way{format, batch, clients})
			}
		}
	}
	return list
}

// fill loads all documents into the index that is searched. The engine, which keeps them from cluster to cluster, gets
// them anew with each, so that both loads are seen on the same machine.
func (s *suite) fill(ctx context.Context, copies int) error {
	if len(s.report.Loads) > 0 {
		if err := s.engine.Drop(ctx, searched); err != nil {
			return err
		}
	}
	watched, err := s.processes()
	if err != nil {
		return err
	}
	if err := watched.resetPeaks(); err != nil {
		return err
	}
	if err := s.intake(ctx, copies, way{ingest.JSON, largeBatch, 1}, searched, s.documents); err != nil {
		return err
	}
	return s.notePeaks(watched, copies, "load")
}

func (s *suite) notePeaks(watched processes, copies int, phase string) error {
	peaks, err := watched.peaks()
	s.report.Memory = append(s.report.Memory, report.Peaks{Phase: phase, Copies: copies, Processes: peaks})
	return err
}

// compareIntakes loads documents in all ways.
func (s *suite) compareIntakes(ctx context.Context, copies int) error {
	if s.options.intake == 0 || !s.runs(phaseIntake) {
		return nil
	}
	for _, w := range ways() {
		n := min(s.options.intake, len(s.documents))
		if w.batch == smallBatch {
			n /= smallLoad
		}
		if err := s.intake(ctx, copies, w, passing, s.documents[:max(1, n)]); err != nil {
			return err
		}
		for _, place := range []rig.Place{s.engine.Place, s.cluster.Place} {
			if err := place.Drop(ctx, passing); err != nil {
				return err
			}
		}
	}
	return nil
}

// intake loads documents one way into the engine, then into the cluster.
func (s *suite) intake(ctx context.Context, copies int, w way, index string, documents []cities.City) error {
	payloads, err := ingest.Encode(documents, w.format, w.batch)
	if err != nil {
		return err
	}
	l := report.Load{Copies: copies, Format: w.format, Batch: w.batch, Clients: w.clients, Documents: len(documents)}
	watched, err := s.processes()
	if err != nil {
		return err
	}
	for _, one := range []struct {
		place rig.Place
		to    *report.Intake
	}{{s.engine.Place, &l.Engine}, {s.cluster.Place, &l.Cluster}} {
		s.begin("RF %d: %d documents as %s, %d in a batch, %d clients, into the %s", copies, len(documents), w.format, w.batch, w.clients, one.place.Name)
		if err := one.place.Prepare(ctx, index, query.Settings); err != nil {
			return err
		}
		before, err := watched.cpu()
		if err != nil {
			return err
		}
		r, err := ingest.Load(ctx, one.place, index, payloads, w.clients, 0, func(done int) { s.at(done, len(documents)) })
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		after, err := watched.cpu()
		if err != nil {
			return err
		}
		l.Gateway = report.Milliseconds(after["gateway"]-before["gateway"]) / megabytes(payloads) // the cluster comes last
		*one.to = report.Intake{Accepted: r.Accepted.Seconds(), Searchable: r.Searchable.Seconds(), PerSecond: r.PerSecond()}
		s.end("%.2f s, %.0f documents a second", one.to.Searchable, one.to.PerSecond)
	}
	s.report.Loads = append(s.report.Loads, l)
	return nil
}

func megabytes(payloads []ingest.Payload) float64 {
	n := 0
	for _, p := range payloads {
		n += len(p.Body)
	}
	return float64(n) / 1e6
}
