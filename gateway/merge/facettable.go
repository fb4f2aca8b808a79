package merge

import (
	"cmp"
	"slices"
)

// facetTable merges the lists of one facet; it is reused from facet to facet.
type facetTable struct {
	values []facetValue
	index  map[string]int32 // by identity: 'n' and the text of a number, 's' and the normalised text of a string
	list   []listed
}

// facetValue is one value over all legs.
type facetValue struct {
	display string
	norm    string
	count   uint64
	numeric bool
	number  float64
}

// listed is one value as one leg lists it.
type listed struct {
	text    string
	count   uint64
	numeric bool
	number  float64
}

// fill merges and orders the values of a facet. exact is false when a leg's list was cut and the cut may have hidden a
// value, or a part of its count, that belongs into the answer.
func (t *facetTable) fill(a *attribute, set FacetSettings, candidates int64) (exact bool, err error) {
	t.values = t.values[:0]
	clear(t.index)
	order, level := set.order(a.name), candidates > levelThreshold
	exact = true
	for i := range a.lists {
		l := &a.lists[i]
		if err := t.read(l.raw); err != nil {
			return false, err
		}
		numbers := t.classify(l.numbers, order)
		if len(t.list) >= set.EngineCap && (order == FacetCount || numbers > 0 && l.level != level) {
			exact = false
		}
		for j := range t.list {
			t.add(&t.list[j])
		}
	}
	if set.once != "" && a.name == set.once {
		for i := range t.values {
			t.values[i].count = 1
		}
	}
	t.sort(order, level)
	t.unifyNumbers()
	return exact, nil
}

func (t *facetTable) read(raw []byte) error {
	t.list = t.list[:0]
	m := objectAt(raw, 0)
	for m.next() {
		v := listed{text: m.name()}
		count, ok := parseInt(m.raw())
		if !ok || count < 0 {
			return ErrAnswer
		}
		v.count = uint64(count)
		t.list = append(t.list, v)
	}
	if m.bad {
		return ErrAnswer
	}
	return nil
}

// classify marks the numbers of the list just read and says how many there are. A list holds its numbers first; they are
// recognised by their spelling, by the leg's own range of numbers, and by the order that breaks where the strings begin.
func (t *facetTable) classify(numbers *facetNumbers, order FacetOrder) int {
	if numbers == nil {
		return 0
	}
	text, value := true, true
	for i := range t.list {
		v := &t.list[i]
		if !numberText(v.text) {
			return i
		}
		number, ok := parseFloat([]byte(v.text))
		if !ok || number < numbers.min || number > numbers.max {
			return i
		}
		if i > 0 {
			last := &t.list[i-1]
			text, value = text && last.text < v.text, value && last.number < number
			if order == FacetCount && last.count < v.count || order == FacetAlpha && !text && !value {
				return i
			}
		}
		v.numeric, v.number = true, number
	}
	return len(t.list)
}

func (t *facetTable) add(v *listed) {
	norm, id := v.text, "n"+v.text
	if !v.numeric {
		norm = normalise(v.text)
		id = "s" + norm
	}
	at, ok := t.index[id]
	if !ok {
		t.index[id] = int32(len(t.values)) //nolint:gosec // bounded by the engine's cap
		t.values = append(t.values, facetValue{display: v.text, norm: norm, count: v.count, numeric: v.numeric, number: v.number})
		return
	}
	have := &t.values[at]
	have.count += v.count
	// One engine shows the spelling of its oldest document, which nobody can see from outside. The smallest spelling
	// ("Blue" before "blue") does not depend on which legs were asked.
	have.display = min(have.display, v.text)
}

func (t *facetTable) sort(order FacetOrder, level bool) {
	slices.SortFunc(t.values, func(x, y facetValue) int {
		if x.numeric != y.numeric {
			if x.numeric {
				return -1
			}
			return 1
		}
		if order == FacetCount {
			if x.count != y.count {
				return cmp.Compare(y.count, x.count)
			}
			if x.numeric {
				return cmp.Compare(y.number, x.number)
			}
			return cmp.Compare(y.norm, x.norm)
		}
		if x.numeric && level {
			return cmp.Compare(x.number, y.number)
		}
		return cmp.Compare(x.norm, y.norm)
	})
}

// unifyNumbers gives a number and a string of the same spelling one entry, as in the engine: at the place of the number,
// with the count of the string.
func (t *facetTable) unifyNumbers() {
	if len(t.values) == 0 || !t.values[0].numeric {
		return
	}
	kept := t.values[:0]
	places := map[string]int{}
	for _, v := range t.values {
		if v.numeric {
			places[v.display] = len(kept)
		} else if at, ok := places[v.display]; ok {
			kept[at].count = v.count
			continue
		}
		kept = append(kept, v)
	}
	t.values = kept
}

func (t *facetTable) append(dst []byte, limit int) []byte {
	dst = append(dst, '{')
	for i := range t.values[:min(limit, len(t.values))] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendCount(dst, t.values[i].display, t.values[i].count)
	}
	return append(dst, '}')
}
