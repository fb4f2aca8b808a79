package guard

import "slices"

// Settle lists the operations, by their place in history, that must go to the engine again, in this order, so that the
// document ends as if all had come in the order of their stamps. history is in the order in which the engine carries
// them out; an operation that went there again stands in it again. ok is false when nothing that this replica has can
// put it right.
func Settle(history []Op) (again []int, ok bool) {
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
	tail := distinct[base+1:]
	from := distinct[base]
	if !complete(history[from], history) {
		return nil, false
	}
	for at := from + 1; at < len(history); at++ {
		if history[at].Compare(history[from]) < 0 {
			return distinct[base:], true // an older one came after it
		}
	}
	return tailAfter(history, from, tail), true
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
	again := outOfOrder(distinct)
	if len(again) == 0 && len(history) == len(distinct) {
		return nil, true
	}
	return again, !slices.ContainsFunc(history, func(op Op) bool { return op.Kind.conditional() })
}

// outOfOrder is the end of the list that begins with the first operation that an older one came after.
func outOfOrder(distinct []int) []int {
	latest := -1
	for i, at := range distinct {
		if at < latest {
			return distinct[i:]
		}
		latest = at
	}
	return nil
}

// tailAfter settles what follows an absolute operation at the place from.
func tailAfter(history []Op, from int, tail []int) []int {
	exact := slices.Equal(tail, sequence(from+1, len(history)))
	conditional := slices.ContainsFunc(tail, func(at int) bool { return history[at].Kind.conditional() })
	switch {
	case exact:
		return nil
	case conditional:
		return append([]int{from}, tail...)
	case len(tail) > 0 && tail[0] < from:
		return tail
	}
	return outOfOrder(tail)
}

func sequence(from, to int) []int {
	list := make([]int, 0, max(0, to-from))
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}
