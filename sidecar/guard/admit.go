package guard

import "slices"

// Verdict is what becomes of an operation that arrives.
type Verdict uint8

// Verdicts.
const (
	Take   Verdict = iota // it goes to the engine; Settle may ask for more afterwards
	Late                  // newer ones are there: it goes to the engine with them, as Settle says
	Void                  // a newer one has made it void, unless that one fails: then it is as Late
	Drop                  // its effect is there already
	Refuse                // its place can not be found on this node: the replica misses it
)

// Admit decides about an operation before it goes to the engine. history lists the known operations on the document.
func Admit(op Op, history []Op) Verdict {
	void, late, conditional := false, false, op.Kind.conditional()
	for _, h := range history {
		if h.Kind == Copy && h.contains(op.Version) {
			return Drop
		}
		void = void || h.Kind.absolute() && h.Kind != Copy && h.Compare(op) > 0
	}
	if void {
		return Void
	}
	for _, h := range history {
		if h.Compare(op) < 0 {
			continue
		}
		if h.Kind == Copy {
			return Refuse
		}
		late, conditional = true, conditional || h.Kind.conditional()
	}
	switch {
	case late && conditional:
		return Refuse // whether there was a document before both is not known
	case late:
		return Late
	}
	return Take
}

// AdmitCopy says whether a copied state may be written over the history of this replica. It may not while the replica
// has older operations that are not in the copy: they are on their way to the other replica, and a copy that is made
// later has them.
func AdmitCopy(copied Op, history []Op) bool {
	for _, h := range history {
		if h.Kind == Copy && h.Version.Compare(copied.Version) > 0 {
			return false
		}
	}
	return len(Lacking(copied, history)) == 0
}

// Lacking lists the operations of this replica that are older than a copied state and not in it.
func Lacking(copied Op, history []Op) (list []Op) {
	for _, h := range history {
		if h.Kind != Copy && h.Version.Compare(copied.Version) < 0 && !copied.contains(h.Version) {
			list = append(list, h)
		}
	}
	return list
}

// CopyOf describes the state of a document to another replica, by the history that has been carried out and settled
// here. Where the history is empty the caller knows the version.
func CopyOf(history []Op) Op {
	c := Op{Kind: Copy}
	for _, h := range history {
		if h.Version.Compare(c.Version) > 0 {
			c.Version = h.Version
		}
		floor := h.Version
		if h.Kind == Copy {
			floor = h.Floor
			c.Includes = append(c.Includes, h.Includes...)
		}
		if h.Kind.absolute() && floor.Compare(c.Floor) > 0 {
			c.Floor = floor
		}
		c.Includes = append(c.Includes, h.Version)
	}
	c.Includes = slices.DeleteFunc(c.Includes, func(v Version) bool { return v.Compare(c.Floor) <= 0 || v == c.Version })
	slices.SortFunc(c.Includes, Version.Compare)
	c.Includes = slices.Compact(c.Includes)
	return c
}
