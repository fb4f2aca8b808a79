package load

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miroir-search/miroir/bench/target"
)

// Sample is one search that was answered.
type Sample struct {
	Search int
	Took   time.Duration
}

// Run is what came of some searches.
type Run struct {
	Samples []Sample
	Wall    time.Duration
	Refused int   // answers that were no result
	Refusal error // one of them
}

// Do asks the searches in order, each session the next one as soon as it has its answer. The error is one that leaves
// nothing to measure.
func Do(ctx context.Context, sessions []*target.Session, order []int) (Run, error) {
	runs := make([]Run, len(sessions))
	errs := make([]error, len(sessions))
	for _, s := range sessions {
		if err := s.Renew(); err != nil { // before the clock runs
			return Run{}, err
		}
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for i, s := range sessions {
		runs[i].Samples = make([]Sample, 0, 2*len(order)/len(sessions)+1)
		wg.Go(func() {
			for ctx.Err() == nil {
				at := int(next.Add(1)) - 1
				if at >= len(order) {
					return
				}
				if errs[i] = runs[i].one(s, order[at]); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	out := Run{Wall: time.Since(begin)}
	for _, r := range runs {
		out.Samples = append(out.Samples, r.Samples...)
		out.Refused += r.Refused
		out.Refusal = errors.Join(out.Refusal, r.Refusal)
	}
	return out, errors.Join(append(errs, context.Cause(ctx))...)
}

func (r *Run) one(s *target.Session, search int) error {
	begin := time.Now()
	err := s.Ask(search)
	took := time.Since(begin)
	var refused *target.StatusError
	switch {
	case errors.As(err, &refused):
		r.Refused++
		r.Refusal = err
		return nil
	case err != nil:
		return err
	}
	r.Samples = append(r.Samples, Sample{search, took})
	return nil
}

// Add puts a later run of the same searches to this one.
func (r *Run) Add(later Run) {
	r.Samples = append(r.Samples, later.Samples...)
	r.Wall += later.Wall
	r.Refused += later.Refused
	if r.Refusal == nil {
		r.Refusal = later.Refusal
	}
}

// Times lists how long the searches took, ascending.
func (r *Run) Times() []time.Duration {
	times := make([]time.Duration, len(r.Samples))
	for i, s := range r.Samples {
		times[i] = s.Took
	}
	slices.Sort(times)
	return times
}

// Medians is the median time of every search by its number.
func (r *Run) Medians() map[int]time.Duration {
	times := map[int][]time.Duration{}
	for _, s := range r.Samples {
		times[s.Search] = append(times[s.Search], s.Took)
	}
	medians := make(map[int]time.Duration, len(times))
	for search, list := range times {
		slices.Sort(list)
		medians[search] = Quantile(list, 0.5)
	}
	return medians
}

// Quantile is the smallest of ascending times that at least the share q of them does not exceed (nearest rank); 0 of
// none.
func Quantile(ascending []time.Duration, q float64) time.Duration {
	if len(ascending) == 0 {
		return 0
	}
	rank := int(q*float64(len(ascending))+0.999999) - 1
	return ascending[min(max(rank, 0), len(ascending)-1)]
}
