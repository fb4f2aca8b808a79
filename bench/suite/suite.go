package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/miroir-search/miroir/bench/machine"
	"github.com/miroir-search/miroir/bench/micro"
	"github.com/miroir-search/miroir/bench/report"
	"github.com/miroir-search/miroir/bench/rig"
	"github.com/miroir-search/miroir/dev/cities"
	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/parts"
)

// errRefused says that the run is over and that something was refused in it.
var errRefused = errors.New("some answers were no results, see the end of the report")

// suite is one run.
type suite struct {
	options
	*progress
	bin       string // folder of the binaries
	log       io.Writer
	documents []cities.City
	engine    *rig.Engine
	cluster   *rig.Cluster
	report    report.Report
}

// Run is the command.
func Run(ctx context.Context, args []string, stdio lifecycle.Stdio) error {
	o, err := parseOptions(args, stdio.Err)
	if err != nil {
		return err
	}
	s := &suite{options: o, progress: newProgress(stdio.Err), log: stdio.Err}
	s.report = report.Report{
		Version: report.Version, Started: time.Now().UTC(), Command: args, Machine: machine.Describe(),
		Workload: report.Workload{
			Documents: o.documents, Nodes: o.nodes, Shards: o.shards, Queries: o.queries, Rounds: o.rounds, Seed: o.seed,
		},
	}
	if s.bin, err = parts.TreeBin(); err != nil {
		return err
	}
	if err := s.everything(ctx); err != nil {
		return err
	}
	s.report.Seconds = time.Since(s.began).Seconds()
	if s.json == "" {
		s.json = filepath.Join(filepath.Dir(s.bin), "bench", "results", s.report.Started.Format("20060102T150405Z")+".json")
	}
	if err := errors.Join(s.report.Save(s.json), s.report.Print(stdio.Out)); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(stdio.Out, "\nAll of it is in %s.\n", s.json)
	if s.report.Refused > 0 {
		return errRefused
	}
	return nil
}

func (s *suite) everything(ctx context.Context) (err error) {
	if err := s.identify(ctx); err != nil {
		return err
	}
	if err := s.micro(ctx); err != nil {
		return err
	}
	if err := s.passages(ctx); err != nil || slices.Equal(s.only, words{phaseLarge}) {
		return err
	}
	if err := s.read(ctx); err != nil {
		return err
	}
	program, err := parts.Places{Folders: []string{s.bin}}.Engine()
	if err != nil {
		return err
	}
	if s.engine, err = rig.StartEngine(ctx, program); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.engine.Close()) }()
	s.report.Engine = report.Engine{Version: s.engine.Version, Real: s.engine.Real}
	for _, copies := range s.copies {
		if err := s.against(ctx, copies); err != nil {
			return fmt.Errorf("cluster with %d copies: %w", copies, err)
		}
	}
	return nil
}

// against compares the engine with a cluster that holds every document so many times.
func (s *suite) against(ctx context.Context, copies int) (err error) {
	s.begin("RF %d: a cluster of %d nodes starts", copies, s.nodes)
	shape := rig.Shape{Nodes: s.nodes, Replicas: copies, Shards: s.shards, Profiles: s.profiles != ""}
	if s.cluster, err = rig.StartCluster(ctx, filepath.Join(s.bin, "miroir"), shape, s.log); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.cluster.Close()) }()
	s.end("ready")
	if err := s.fill(ctx, copies); err != nil {
		return err
	}
	if s.runs(phaseSearch) {
		for _, hits := range s.hits {
			if err := s.search(ctx, copies, hits); err != nil {
				return err
			}
		}
	}
	if err := s.slow(ctx, copies); err != nil {
		return err
	}
	return s.compareIntakes(ctx, copies)
}

// read brings the documents into memory.
func (s *suite) read(ctx context.Context) error {
	archive, err := cities.Fetch(ctx)
	if err != nil {
		return err
	}
	enough := errors.New("enough")
	err = cities.EachBatch(archive, 10000, func(batch []cities.City) error {
		s.documents = append(s.documents, batch[:min(len(batch), s.options.documents-len(s.documents))]...)
		if len(s.documents) == s.options.documents {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return err
}

func (s *suite) micro(ctx context.Context) (err error) {
	if !s.runs(phaseMicro) {
		return nil
	}
	s.begin("Go benchmarks")
	s.report.Micro, err = micro.Run(ctx, filepath.Dir(s.bin), s.benchtime)
	s.end("%d of them", len(s.report.Micro))
	return err
}
