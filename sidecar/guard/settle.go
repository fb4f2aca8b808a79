package guard

import "slices"

// Settle lists the operations, by their place in history, that must go to the engine as one, composed in this order, so that
// the document ends as if all had come in the order of their stamps. history is in the order in which the engine carries
// them out; an operation that went there again stands in it again. ok is false when nothing that this replica has can put it
// right.
//
// What wide ends is left out.
//
// They are to be composed, for between two of them the document would show less than it did before.
func Settle(history []Op, wide Wide) (again []int, ok bool) {
	var since []Op
	var places []int
	for i, op := range history {
		if !wide.Ends(op) {
			since, places = append(since, op), append(places, i)
		}
	}
	again, ok = settle(since)
	for i, at := range again {
		again[i] = places[at]
	}
	return again, ok
}

// settle is Settle of operations of which each counts.
func settle(history []Op) (again []int, ok bool) {
	distinct := lastOf(history)
	base := -1 // the newest absolute operation, by its place in distinct
	for i, at := range distinct {
		if history[at].Kind.absolute() {
			base = i
		}
	}
	if base < 0 {
		return relative(history, distinct)
	}
	from := distinct[base]
	if !complete(history[from], history) {
		return nil, false
	}
	if settled(history, from, distinct[base+1:]) {
		return nil, true
	}
	return distinct[base:], true
}

// lastOf lists the distinct operations in the order of their stamps, each by its last place in history.
func lastOf(history []Op) (distinct []int) {
	for i, op := range history {
		j, known := slices.BinarySearchFunc(distinct, op, func(at int, op Op) int { return history[at].Compare(op) })
		if known {
			distinct[j] = i
			continue
		}
		distinct = slices.Insert(distinct, j, i)
	}
	return distinct
}

// complete says whether a copied state lacks none of the older operations. What is no copy needs none of them.
func complete(c Op, history []Op) bool {
	return c.Kind != Copy || !slices.ContainsFunc(history, func(h Op) bool {
		return h.Kind != Copy && h.Version.Compare(c.Version) < 0 && !c.contains(h.Version)
	})
}

// relative settles operations that all depend on what was before the history.
func relative(history []Op, distinct []int) ([]int, bool) {
	again := outOfOrder(history, distinct)
	if len(again) == 0 && len(history) == len(distinct) {
		return nil, true
	}
	return again, !slices.ContainsFunc(history, func(op Op) bool { return op.Kind.conditional() })
}

// outOfOrder is the end of the list that begins with the first operation that stands after a newer one, or was late.
func outOfOrder(history []Op, distinct []int) []int {
	first, earliest := len(distinct), len(history)
	for i := len(distinct) - 1; i >= 0; i-- {
		if distinct[i] > earliest || history[distinct[i]].Late {
			first = i
		}
		earliest = min(earliest, distinct[i])
	}
	return distinct[first:]
}

// settled says whether the history from an absolute operation at the place from on is in order; tail is what follows it by
// stamp.
func settled(history []Op, from int, tail []int) bool {
	if history[from].Late {
		return false
	}
	after := 0 // how many came after it
	for _, op := range history[from+1:] {
		older := op.Compare(history[from]) < 0
		if older && !op.Late {
			return false
		}
		if !older {
			after++
		}
	}
	if len(tail) > 0 && tail[0] < from || len(outOfOrder(history, tail)) > 0 {
		return false
	}
	// What depends on whether there was a document must have come once, and everything else as well.
	return after == len(tail) || !slices.ContainsFunc(tail, func(at int) bool { return history[at].Kind.conditional() })
}
