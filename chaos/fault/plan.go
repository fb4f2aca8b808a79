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
	Full Kind = "full" // a disk has no space left

	Ahead  Kind = "ahead"  // a clock is five seconds ahead, which nobody should notice
	Behind Kind = "behind" // a clock is five seconds behind
	Astray Kind = "astray" // a clock is ten minutes ahead, more than writes can be put in order by
)

// off is by how much a fault sets a clock off; false when it is none of a clock.
func (k Kind) off() (time.Duration, bool) {
	d, ok := map[Kind]time.Duration{Ahead: 5 * time.Second, Behind: -5 * time.Second, Astray: 10 * time.Minute}[k]
	return d, ok
}

// mode is what a fault makes of a link; false when it is one of a process.
func (k Kind) mode() (shim.Mode, bool) {
	m, ok := map[Kind]shim.Mode{Cut: shim.Cut, Mute: shim.Mute, Deaf: shim.Deaf, Slow: shim.Slow}[k]
	return m, ok
}

// Fault is one thing that goes wrong with one process, link, disk or clock.
type Fault struct {
	Kind    Kind
	Process string        // or link; disks and clocks go by the name of their process
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

// Parts lists what can be broken, by kind: all kinds are equally likely, however many there are of each.
type Parts struct {
	Processes, Links, Disks, Clocks [][]string
}

// Plan returns the faults of a run with so many requests, in the order of their beginning.
func Plan(seed uint64, parts Parts, requests int) []Fault {
	var all []Fault
	for n, class := range []struct {
		kinds       []Kind
		names       [][]string
		least, more int // how many, and how many more at most
	}{
		{[]Kind{Kill, Kill, Stop}, parts.Processes, 2, 3},
		{[]Kind{Cut, Mute, Deaf, Slow}, parts.Links, 0, 2},
		{[]Kind{Full}, parts.Disks, 0, 1},
		{[]Kind{Ahead, Behind, Astray}, parts.Clocks, 0, 1},
	} {
		// Dice of their own leave a seed's other faults as they are.
		dice := rand.New(rand.NewPCG(seed, 1<<(32+n))) //nolint:gosec // to be repeated, not to be secret
		for k := class.least + dice.IntN(class.more+1); k > 0 && len(class.names) > 0; k-- {
			all = append(all, one(dice, class.kinds, class.names, requests))
		}
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
	if dice.IntN(24) == 0 {
		f.AtLeast, f.AtMost = long, long
	}
	return f
}
