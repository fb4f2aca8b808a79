package balance

import (
	"testing"
	"time"
)

// NS-3: five legs in a row that failed keep this gateway from a node, with four and an answer in between it is asked as before; it comes back
// when it answers again, one question a second. Nobody else is told: the view says what it said.
func TestNS3LegsThatFailInARow(t *testing.T) {
	w := newWorld(3, 2)
	leg := func(node string, o Outcome) {
		w.Begin(node)
		w.End(node, Searches, time.Millisecond, 5*time.Second, o)
	}
	stands := func() health {
		w.time = w.time.Add(2 * fresh)
		return w.now().nodes["n0"].health
	}
	for _, n := range []string{"n0", "n1", "n2"} {
		leg(n, Answered)
	}
	for range 2 {
		for range failuresInARow - 1 {
			leg("n0", Failed)
		}
		if got := stands(); got != healthy {
			t.Fatalf("after four: %v", got)
		}
		leg("n0", Answered)
	}
	for range failuresInARow {
		leg("n0", Failed)
	}
	if got := stands(); got != excluded {
		t.Fatalf("after five: %v", got)
	}
	asked, probed := 0, 0
	for query := range uint64(200) {
		p, _ := w.Choose(query, w.cover)
		if len(p.Missing) > 0 {
			t.Fatalf("shards %v are missing though others hold them", p.Missing)
		}
		for _, l := range p.Legs {
			asked++
			if l.Node == "n0" {
				probed++
			}
		}
		w.time = w.time.Add(25 * time.Millisecond) // five seconds in all
	}
	if asked == 0 || probed > 6 {
		t.Errorf("%d of %d legs went to it", probed, asked)
	}
	for range probesInARow {
		leg("n0", Answered)
	}
	if got := stands(); got != recovering {
		t.Errorf("after it answered again: %v", got)
	}
}
