package suite

import (
	"fmt"
	"slices"
	"time"

	"github.com/miroir-search/miroir/bench/load"
	"github.com/miroir-search/miroir/bench/report"
)

// maxRefusals is how many different refusals a report tells.
const maxRefusals = 10

// conclude puts a level into the report.
func (s *suite) conclude(all series, connections int, m *measurement) error {
	l := report.Level{Copies: all.copies, Hits: all.hits, Connections: connections}
	medians := map[string]map[int]time.Duration{}
	for i, t := range all.targets {
		l.Targets = append(l.Targets, report.FiguresOf(t.Name, m.runs[i], m.cpu[i]))
		medians[t.Name] = m.runs[i].Medians()
		s.report.Refused += m.runs[i].Refused
		if r := m.runs[i].Refusal; r != nil && len(s.report.Refusals) < maxRefusals {
			s.report.Refusals = append(s.report.Refusals, r.Error())
		}
	}
	l.OverEngines = over(medians[report.Cluster], medians[report.Engines])
	l.OverSidecars = over(medians[report.Cluster], medians[report.Sidecars])
	l.Kinds = kinds(all, medians)
	s.report.Searches = append(s.report.Searches, l)
	one, cluster := l.Figures(report.One), l.Figures(report.Cluster)
	s.end("p50 %.2f ms and %.2f ms, %.2f times; %.0f and %.0f requests a second", one.P50, cluster.P50,
		report.Ratio(cluster.P50, one.P50), one.PerSecond, cluster.PerSecond)
	return s.notePeaks(m.processes, all.copies, fmt.Sprintf("%d hits, %d conn.", all.hits, connections))
}

// over is the median of what a takes longer than b for the same search, in milliseconds.
func over(a, b map[int]time.Duration) float64 {
	var differences []time.Duration
	for search, took := range a {
		if other, ok := b[search]; ok {
			differences = append(differences, took-other)
		}
	}
	slices.Sort(differences)
	return report.Milliseconds(load.Quantile(differences, 0.5))
}

// kinds compares the searches of every kind.
func kinds(all series, medians map[string]map[int]time.Duration) []report.Kind {
	byKind := map[string][]int{}
	for i, q := range all.queries {
		byKind[q.Kind] = append(byKind[q.Kind], i)
	}
	var list []report.Kind
	for kind, searches := range byKind {
		middle := func(target string) float64 {
			var times []time.Duration
			for _, q := range searches {
				if took, ok := medians[target][q]; ok {
					times = append(times, took)
				}
			}
			slices.Sort(times)
			return report.Milliseconds(load.Quantile(times, 0.5))
		}
		list = append(list, report.Kind{
			Kind: kind, Queries: len(searches), One: middle(report.One), Cluster: middle(report.Cluster), Engines: middle(report.Engines),
		})
	}
	slices.SortFunc(list, func(a, b report.Kind) int {
		if a.Kind < b.Kind {
			return -1
		}
		return 1
	})
	return list
}
