package fault

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/miroir-search/miroir/chaos/shim"
)

// Kind is a way to break a process.
type Kind string

// Kinds of faults.
const (
	Kill Kind = "kill" // SIGKILL; started again at the end
	Stop Kind = "stop" // SIGSTOP; SIGCONT at the end
	Cut  Kind = "cut"  // a link breaks
	Mute Kind = "mute" // a link loses everything
	Deaf Kind = "deaf" // a link loses answers
	Slow Kind = "slow" // a link delays everything
)

// mode is what a fault makes of a link; false when it is one of a process.
func (k Kind) mode() (shim.Mode, bool) {
	m, ok := map[Kind]shim.Mode{Cut: shim.Cut, Mute: shim.Mute, Deaf: shim.Deaf, Slow: shim.Slow}[k]
	return m, ok
}

// Fault is one thing that goes wrong with one process or link.
type Fault struct {
	Kind    Kind
	Process string        // or link
	At      int           // begins when so many requests have ended
	For     int           // ends when so many more have ended …
	AtMost  time.Duration // … or after this time
	AtLeast time.Duration // … but not before this one

	pid int // of the process when the fault began
}

func (f *Fault) String() string {
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
// equally likely, however many there are of each, and so are those of links.
func Plan(seed uint64, processes, links [][]string, requests int) []Fault {
	dice := rand.New(rand.NewPCG(seed, 1<<32)) //nolint:gosec // to be repeated, not to be secret
	var all []Fault
	for range 2 + dice.IntN(4) {
		all = append(all, one(dice, []Kind{Kill, Kill, Stop}, processes, requests))
	}
	// Dice of their own leave a seed's other faults as they are.
	dice = rand.New(rand.NewPCG(seed, 1<<33)) //nolint:gosec // as above
	for n := dice.IntN(3); n > 0 && len(links) > 0; n-- {
		all = append(all, one(dice, []Kind{Cut, Mute, Deaf, Slow}, links, requests))
	}
	slices.SortStableFunc(all, func(a, b Fault) int { return a.At - b.At })
	return all
}

func one(dice *rand.Rand, kinds []Kind, names [][]string, requests int) Fault {
	group := names[dice.IntN(len(names))]
	f := Fault{
		Kind: kinds[dice.IntN(len(kinds))], Process: group[dice.IntN(len(group))],
		// The last fifth of the requests shows what the faults left behind.
		At: dice.IntN(requests * 4 / 5), For: 5 + dice.IntN(requests/5), AtMost: short,
	}
	if dice.IntN(12) == 0 {
		f.AtLeast, f.AtMost = long, long
	}
	return f
}
