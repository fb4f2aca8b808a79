package replica

import (
	"slices"
	"sort"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// lane is the order in which an engine carries the legs of one index out.
type lane struct{ legs []placed }

// placed is a leg at its place in a lane.
type placed struct {
	task      uint32
	write     string // dispatch id of a client's write
	place     hlc.Stamp
	low, high guard.Version
	wide      bool
	copied    bool
	reached   guard.Version // greatest version up to here
}

// insert puts a leg into the lane and lists the legs whose documents may be out of order because of it: the leg itself
// when newer operations stand before it, or were there when it came, and older ones that stand behind it. crossed lists legs that lie on another side
// of an operation that names no document than their stamps say.
//
// hidden are the clients' legs of which documents may not show what they should until the others were looked at.
func (l *lane) insert(e journal.Entered) (check, crossed []hlc.Stamp, hidden []placed) {
	p := placed{task: e.Task, place: e.Place, low: e.Low, high: e.High, wide: e.Kind.Wide(), copied: e.Via == journal.Copied}
	if e.Via == journal.Direct {
		p.write = e.Write
	}
	at := sort.Search(len(l.legs), func(i int) bool { return l.legs[i].task > p.task })
	l.legs = slices.Insert(l.legs, at, p)
	l.reach(at)
	if e.Left > 0 || at > 0 && l.legs[at-1].reached.Compare(p.low) >= 0 {
		check = append(check, p.place)
	}
	for _, o := range l.legs[at+1:] {
		if o.low.Compare(p.high) <= 0 {
			check = append(check, o.place)
		}
	}
	if len(check) == 0 {
		return nil, nil, nil
	}
	hide := func(o placed) {
		if o.write != "" && o.high.Compare(p.low) >= 0 {
			hidden = append(hidden, o)
		}
	}
	hide(p)
	for i := at - 1; i >= 0 && l.legs[i].reached.Compare(p.low) >= 0; i-- {
		hide(l.legs[i])
	}
	return check, l.crossing(at), hidden
}

// crossing lists the legs for which the one at a place is on the wrong side, or which are for it.
func (l *lane) crossing(at int) (list []hlc.Stamp) {
	p := l.legs[at]
	for i, o := range l.legs {
		one, other := p, o
		if i > at {
			one, other = o, p
		}
		// other stands before one. Copies are put where they are on purpose.
		if i == at || one.wide == other.wide || one.copied || other.copied || other.high.Compare(one.low) < 0 {
			continue
		}
		if one.wide {
			one = other
		}
		list = append(list, one.place)
	}
	return list
}

// reach brings the greatest versions up to date from a place on.
func (l *lane) reach(from int) {
	var reached guard.Version
	if from > 0 {
		reached = l.legs[from-1].reached
	}
	for i := from; i < len(l.legs); i++ {
		if l.legs[i].high.Compare(reached) > 0 {
			reached = l.legs[i].high
		}
		l.legs[i].reached = reached
	}
}

// trim drops the legs at the front of which the journal has no bodies any more.
func (l *lane) trim(gone func(hlc.Stamp) bool) {
	n := 0
	for n < len(l.legs) && gone(l.legs[n].place) {
		n++
	}
	l.legs = slices.Delete(l.legs, 0, n)
}
