package tally

import (
	"strings"
	"time"

	"github.com/miroir-search/miroir/chaos/history"
)

// Tally is the sum of some runs. The zero value is that of none.
type Tally struct {
	// Seeds counts the runs, and Failed names those that broke a rule.
	Seeds  int
	Failed []uint64
	// Sent is every request, and Writes those that change documents.
	Sent, Writes, Reads Count
	// During has what clients saw while a fault of a name lasted, After what they saw right after faults, and Beside what they saw
	// at any other time.
	During        map[string]*During
	After, Beside Count
	// Kills counts SIGKILL by process, and Exits other ends by what is known of them.
	Kills, Exits   map[string]int
	Worked, Rested []time.Duration
	// Untried says what could not be broken on this machine; empty where everything could.
	Untried string
}

// Count is what became of requests.
type Count struct {
	All, Acknowledged, Degraded int
	Unavailable                 int // 503
	Timeout                     int // 504
	Wrong                       int // any other answer that is no success
	Unanswered                  int
	Unsent                      int // times that there was no connection; the same request was sent later
}

// During is what happened while faults of one name lasted.
type During struct {
	Times int
	Count
	Alone Count // of the requests that met no other fault, and none that had ended a moment ago
}

// aftermath is how long after a fault clients may still see what it left: a lease must end, or a process find its way back.
const aftermath = int64(10 * time.Second)

// Failed is how many requests did not come to a success at their first try.
func (c Count) Failed() int { return c.Unavailable + c.Timeout + c.Wrong + c.Unanswered }

func (c *Count) add(o history.Op) {
	c.All++
	c.Unsent += o.Unsent
	switch o.Outcome {
	case history.Acknowledged:
		c.Acknowledged++
		if o.Degraded != "" {
			c.Degraded++
		}
	case history.Unknown:
		c.Unanswered++
	case history.Unsent:
		c.Unsent++
	default:
		switch o.Status {
		case 503:
			c.Unavailable++
		case 504:
			c.Timeout++
		default:
			c.Wrong++
		}
	}
}

// Add adds a run, which broke a rule or did not.
func (t *Tally) Add(r *history.Run, good bool) {
	if t.During == nil {
		t.During, t.Kills, t.Exits = map[string]*During{}, map[string]int{}, map[string]int{}
	}
	t.Seeds++
	if !good {
		t.Failed = append(t.Failed, r.Seed)
	}
	for _, o := range r.Ops {
		t.Sent.add(o)
		switch {
		case o.Writes():
			t.Writes.add(o)
		case o.Reads():
			t.Reads.add(o)
		}
		t.place(r.Events, o)
	}
	for _, e := range r.Events {
		t.during(e).Times++
		if e.Kind == killed {
			t.Kills[e.Process]++
		}
	}
	for _, x := range r.Exits {
		if x.Why != killed {
			t.Exits[x.Process+": "+x.Status+", "+orUnexplained(x.Why)]++
		}
	}
	t.Worked = append(t.Worked, time.Duration(r.Worked))
	if r.Unsettled == "" {
		t.Rested = append(t.Rested, time.Duration(r.Rested))
	}
}

// killed is the kind of fault that kills a process, and why a killed process ended.
const killed = "kill"

func orUnexplained(why string) string {
	if why == "" {
		return "unexplained"
	}
	return "while " + why
}

// place books a request at every kind of fault that lasted while it was under way, once at each.
func (t *Tally) place(events []history.Event, o history.Op) {
	began := o.Start
	if o.Unsent > 0 {
		began = o.Tried
	}
	met, after := map[*During]bool{}, false
	for _, e := range events {
		if began <= e.End && o.End >= e.Begin {
			met[t.during(e)] = true
		}
		after = after || began > e.End && began <= e.End+aftermath
	}
	for d := range met {
		if d.add(o); len(met) == 1 && !after {
			d.Alone.add(o)
		}
	}
	switch {
	case len(met) > 0:
	case after:
		t.After.add(o)
	default:
		t.Beside.add(o)
	}
}

func (t *Tally) during(e history.Event) *During {
	name := e.Kind + " " + Place(e.Process)
	if t.During[name] == nil {
		t.During[name] = &During{}
	}
	return t.During[name]
}

// Place is the kind of place that a process, link or disk is one of: nodes are alike.
func Place(process string) string {
	where, by, narrow := strings.Cut(process, "/")
	where = strings.TrimSuffix(strings.TrimRight(where, "0123456789"), "-")
	if where == "etcd-client" {
		where = "etcd"
	}
	if !narrow {
		return where
	}
	return strings.TrimSuffix(strings.TrimRight(by, "0123456789"), "-") + " to " + where
}
