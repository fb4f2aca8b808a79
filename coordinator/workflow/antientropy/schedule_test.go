package antientropy

import (
	"errors"
	"testing"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
)

func TestParseSchedule(t *testing.T) {
	for s, want := range map[string]time.Duration{"every 6h": 6 * time.Hour, " every 90m ": 90 * time.Minute, "every 1h30m": 90 * time.Minute} {
		if d, err := ParseSchedule(s); err != nil || d != want {
			t.Errorf("%q: %v %v", s, d, err)
		}
	}
	for _, bad := range []string{"", "6h", "every", "every day", "every 1s", "every -6h", "never"} {
		if _, err := ParseSchedule(bad); !errors.Is(err, ErrSchedule) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// F8: a pass comes an interval after the last one ended, a little later for the sake of other clusters; a light one rests
// so long that it takes 2 % of a node's time at most. Whoever asks finds the same moment.
func TestDue(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	last := workflow.Record{State: workflow.Succeeded, CreatedAt: at.Add(-time.Hour), UpdatedAt: at}
	for name, c := range map[string]struct {
		in       Input
		last     workflow.Record
		from     time.Time
		interval time.Duration
	}{
		"deep":          {Input{Deep: true, Repair: true}, last, at, 6 * time.Hour},
		"never before":  {Input{Deep: true}, workflow.Record{}, at.Add(time.Minute), 6 * time.Hour},
		"a short light": {Input{}, workflow.Record{State: workflow.Failed, CreatedAt: at.Add(-time.Second), UpdatedAt: at}, at, 10 * time.Minute},
	} {
		got := due(c.in, c.last, at.Add(time.Minute), c.interval)
		if early, late := c.from.Add(c.interval), c.from.Add(c.interval+c.interval/jitterPart); got.Before(early) || got.After(late) {
			t.Errorf("%s: %v is not between %v and %v", name, got, early, late)
		}
		if again := due(c.in, c.last, at.Add(time.Minute), c.interval); !again.Equal(got) {
			t.Errorf("%s: %v, then %v", name, got, again)
		}
	}
	if got := due(Input{}, last, at, 10*time.Minute); got.Before(at.Add(restFactor * time.Hour)) {
		t.Errorf("a light pass that took an hour is made again at %v", got)
	}
	moments := map[time.Time]bool{}
	for i := range 50 {
		last.UpdatedAt = at.Add(time.Duration(i))
		moments[due(Input{Deep: true}, last, at, time.Hour).Truncate(time.Second)] = true
	}
	if len(moments) < 10 {
		t.Errorf("%d moments of 50 passes", len(moments))
	}
}

// One of each kind may be at work: what a pass is about is its id.
func TestIDs(t *testing.T) {
	for want, in := range map[string]Input{
		"light": {}, "deep": {Deep: true}, "deep-repair": {Deep: true, Repair: true}, "light.movies": {Index: "movies"},
		"deep.movies.3,7-9": {Deep: true, Index: "movies", Shards: "3,7-9", Rate: 5},
	} {
		if got := in.ID(); got != want {
			t.Errorf("%+v: %s", in, got)
		}
	}
}
