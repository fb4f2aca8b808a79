package fault

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is a way to break a process.
type Kind string

// Kinds of faults.
const (
	Kill Kind = "kill" // SIGKILL; started again at the end
	Stop Kind = "stop" // SIGSTOP; SIGCONT at the end
)

// Fault is one thing that goes wrong with one process.
type Fault struct {
	Kind    Kind
	Process string
	At      int           // begins when so many requests have ended
	For     int           // ends when so many more have ended …
	AtMost  time.Duration // … or after this time
	AtLeast time.Duration // … but not before this one
}

func (f Fault) String() string {
	text := fmt.Sprintf("%s %s at request %d for %d", f.Kind, f.Process, f.At, f.For)
	if f.AtLeast > 0 {
		text += fmt.Sprint(", at least ", f.AtLeast)
	}
	return text
}

// Durations of faults. A process that is stopped for longer than a lease lives comes back to a world that went on.
const (
	short = 3 * time.Second
	long  = 12 * time.Second
)

// Plan returns the faults of a run with so many requests, in the order of their beginning. The kinds of processes are
// equally likely, however many there are of each.
func Plan(seed uint64, kinds [][]string, requests int) []Fault {
	dice := rand.New(rand.NewPCG(seed, 1<<32)) //nolint:gosec // to be repeated, not to be secret
	var all []Fault
	// The last fifth of the requests shows what the faults left behind.
	for range 2 + dice.IntN(4) {
		processes := kinds[dice.IntN(len(kinds))]
		f := Fault{
			Kind: []Kind{Kill, Kill, Stop}[dice.IntN(3)], Process: processes[dice.IntN(len(processes))],
			At: dice.IntN(requests * 4 / 5), For: 5 + dice.IntN(requests/5), AtMost: short,
		}
		if dice.IntN(12) == 0 {
			f.AtLeast, f.AtMost = long, long
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b Fault) int { return a.At - b.At })
	return all
}
