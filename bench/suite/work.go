package suite

import (
	"context"
	"fmt"

	"github.com/miroir-search/miroir/bench/load"
	"github.com/miroir-search/miroir/bench/report"
	"github.com/miroir-search/miroir/bench/target"
	"github.com/miroir-search/miroir/dev/launch"
)

// Counters of Go's runtime, as every process of ours shows them.
const (
	countObjects = "go_memstats_mallocs_total"
	countBytes   = "go_memstats_alloc_bytes_total"
)

// allocated is what parts have allocated so far.
type allocated struct{ objects, bytes map[string]float64 }

// work counts what one search allocates, at one connection. What looking costs is seen by looking twice.
func (s *suite) work(ctx context.Context, all series) error {
	open, err := all.targets[1].Open(1)
	if err != nil {
		return err
	}
	defer func() { _ = target.Close(open) }()
	var looks [3]allocated
	for i := range looks {
		if i == 2 {
			if _, err := load.Do(ctx, open, order(len(all.queries), len(all.queries))); err != nil {
				return err
			}
		}
		if looks[i], err = s.allocated(ctx); err != nil {
			return err
		}
	}
	each := func(of func(allocated) map[string]float64) map[string]float64 {
		out := map[string]float64{}
		for part, last := range of(looks[2]) {
			looking := of(looks[1])[part] - of(looks[0])[part]
			out[part] = max(0, last-of(looks[1])[part]-looking) / float64(len(all.queries))
		}
		return out
	}
	s.report.Work = append(s.report.Work, report.Work{
		Copies: all.copies, Hits: all.hits,
		Allocs: each(func(a allocated) map[string]float64 { return a.objects }),
		Bytes:  each(func(a allocated) map[string]float64 { return a.bytes }),
	})
	return nil
}

func (s *suite) allocated(ctx context.Context) (allocated, error) {
	a := allocated{map[string]float64{}, map[string]float64{}}
	for name, base := range s.cluster.Metrics() {
		part := partOf(name)
		if part == "control" {
			continue
		}
		counters, err := scrape(ctx, base)
		if err != nil {
			return a, fmt.Errorf("%s: %w", name, err)
		}
		a.objects[part] += counters[countObjects]
		a.bytes[part] += counters[countBytes]
	}
	return a, nil
}

// scrape reads the counters without labels of a process.
func scrape(ctx context.Context, base string) (map[string]float64, error) {
	families, err := launch.Scrape(ctx, base)
	if err != nil {
		return nil, err
	}
	counters := map[string]float64{}
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			if len(metric.GetLabel()) == 0 {
				counters[name] = metric.GetCounter().GetValue()
			}
		}
	}
	return counters, nil
}
