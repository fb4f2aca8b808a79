package antientropy

import (
	"errors"
	"hash/fnv"
	"strings"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
)

// Bounds of the schedule.
const (
	minInterval = time.Minute
	jitterPart  = 10 // a pass begins up to so large a part of its interval later
	// restFactor is how much longer than a light pass the pause after it is, so that it takes no more than 2 % of a node.
	restFactor = 49
)

// ErrSchedule says that a schedule can not be read.
var ErrSchedule = errors.New(`a schedule is "every" and a duration of at least a minute, for instance "every 6h"`)

// ParseSchedule reads a schedule like "every 6h".
func ParseSchedule(s string) (time.Duration, error) {
	text, ok := strings.CutPrefix(strings.TrimSpace(s), "every ")
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if !ok || err != nil || d < minInterval {
		return 0, ErrSchedule
	}
	return d, nil
}

// due is when a pass of the schedule begins next: an interval after the last one ended, and, for a light one, a multiple of
// the time that it took; each a little later, so that clusters that were started together do not go on together. last is the
// record of the last one; the zero record says that there was none since first.
func due(in Input, last workflow.Record, first time.Time, interval time.Duration) time.Time {
	ended := first
	if last.State != "" {
		ended = last.UpdatedAt
		if took := last.UpdatedAt.Sub(last.CreatedAt); !in.Deep {
			interval = max(interval, restFactor*took)
		}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(in.ID() + ended.UTC().Format(time.RFC3339Nano)))
	return ended.Add(interval + time.Duration(h.Sum64()%uint64(interval/jitterPart+1))) //nolint:gosec // both positive
}
