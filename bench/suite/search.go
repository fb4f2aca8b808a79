package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/miroir-search/miroir/bench/load"
	"github.com/miroir-search/miroir/bench/query"
	"github.com/miroir-search/miroir/bench/report"
	"github.com/miroir-search/miroir/bench/target"
)

const (
	// Every connection asks this many searches in a round at least: fewer would measure how a round begins and ends.
	leastPerConnection = 10
	// Pages of more hits than this cost so much more that fewer rounds tell as much.
	largePage = 100
)

// series is the searches for pages of one size.
type series struct {
	copies, hits int
	queries      []query.Query
	targets      []*target.Target
}

// search measures the searches for pages of one size at every number of connections.
func (s *suite) search(ctx context.Context, copies, hits int) error {
	queries, err := query.Make(s.documents, s.queries, hits, s.seed)
	if err != nil {
		return err
	}
	all := series{copies: copies, hits: hits, queries: queries}
	if all.targets, err = s.targets(ctx, queries); err != nil {
		return err
	}
	if err := s.compareAnswers(ctx, all); err != nil {
		return err
	}
	for _, connections := range s.connections {
		if err := s.level(ctx, all, connections); err != nil {
			return err
		}
	}
	if err := s.work(ctx, all); err != nil {
		return err
	}
	return s.profile(ctx, all)
}

// targets are those that the searches go to.
func (s *suite) targets(ctx context.Context, queries []query.Query) ([]*target.Target, error) {
	one, errOne := target.Direct(report.One, s.engine.URL, s.engine.Key, searched, queries)
	cluster, errCluster := target.Direct(report.Cluster, s.cluster.URL, s.cluster.Key, searched, queries)
	if err := errors.Join(errOne, errCluster); err != nil || !s.runs(phaseSidecars) {
		return []*target.Target{one, cluster}, err
	}
	inside, err := s.cluster.Inside(ctx, searched)
	if err != nil {
		return nil, err
	}
	sidecars, errSidecars := target.Sidecars(report.Sidecars, inside, queries)
	engines, errEngines := target.Engines(report.Engines, inside, queries)
	return []*target.Target{one, cluster, sidecars, engines}, errors.Join(errSidecars, errEngines)
}

// compareAnswers asks every search of everybody once. It warms up, and shows that the same work is compared.
func (s *suite) compareAnswers(ctx context.Context, all series) error {
	s.begin("RF %d, %d hits: every search once", all.copies, all.hits)
	counts := make([][]int, len(all.targets))
	for i, t := range all.targets {
		open, err := t.Open(1)
		if err != nil {
			return err
		}
		defer func() { _ = target.Close(open) }()
		for q := range all.queries {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			n, err := hitsOf(open[0], q)
			if err != nil {
				return fmt.Errorf("search %s: %w", all.queries[q].Body, err)
			}
			counts[i] = append(counts[i], n)
			s.at(i*len(all.queries)+q, len(all.targets)*len(all.queries))
		}
	}
	a := report.Answers{Copies: all.copies, Hits: all.hits, Queries: len(all.queries)}
	for q := range all.queries {
		if counts[0][q] == counts[1][q] {
			a.Same++
		}
	}
	s.report.Answers = append(s.report.Answers, a)
	s.end("%d of %d find as many hits in the cluster as in one engine", a.Same, a.Queries)
	return nil
}

// hitsOf asks a search and counts the hits of all answers.
func hitsOf(session *target.Session, search int) (n int, err error) {
	bodies, err := session.Answers(search)
	if err != nil {
		return 0, err
	}
	for _, body := range bodies {
		var answer struct{ Hits []json.RawMessage }
		if err := json.Unmarshal(body, &answer); err != nil {
			return 0, fmt.Errorf("answer: %w", err)
		}
		n += len(answer.Hits)
	}
	return n, nil
}

// level measures all targets at one number of connections, in rounds that take turns.
func (s *suite) level(ctx context.Context, all series, connections int) error {
	s.begin("RF %d, %d hits: %d connections", all.copies, all.hits, connections)
	watched, err := s.processes()
	if err != nil {
		return err
	}
	m := &measurement{processes: watched, runs: make([]load.Run, len(all.targets)), cpu: make([]map[string]time.Duration, len(all.targets))}
	for i, t := range all.targets {
		open, err := t.Open(connections)
		if err != nil {
			return err
		}
		defer func() { _ = target.Close(open) }()
		m.sessions = append(m.sessions, open)
		m.cpu[i] = map[string]time.Duration{}
		if _, err := load.Do(ctx, open, order(len(all.queries), 2*connections)); err != nil { // warms the connections up
			return err
		}
	}
	if err := watched.resetPeaks(); err != nil {
		return err
	}
	searches := order(len(all.queries), max(len(all.queries), leastPerConnection*connections))
	rounds := s.rounds
	if all.hits > largePage {
		rounds = max(1, rounds/2)
	}
	for round := range rounds {
		for turn := range all.targets {
			if err := m.round(ctx, (round+turn)%len(all.targets), searches); err != nil {
				return err
			}
			s.at(round*len(all.targets)+turn, rounds*len(all.targets))
		}
	}
	return s.conclude(all, connections, m)
}

// order lists n searches, all of them in turn.
func order(queries, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i % queries
	}
	return list
}

// measurement is what a level collects, by target.
type measurement struct {
	processes processes
	sessions  [][]*target.Session
	runs      []load.Run
	cpu       []map[string]time.Duration
}

func (m *measurement) round(ctx context.Context, i int, searches []int) error {
	before, err := m.processes.cpu()
	if err != nil {
		return err
	}
	run, err := load.Do(ctx, m.sessions[i], searches)
	if err != nil {
		return err
	}
	after, err := m.processes.cpu()
	if err != nil {
		return err
	}
	for part, used := range after {
		m.cpu[i][part] += used - before[part]
	}
	m.runs[i].Add(run)
	return nil
}
