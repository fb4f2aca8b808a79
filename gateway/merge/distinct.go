package merge

import (
	"math"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// distinct keeps the first hit of every distinct value of the merged list (MG-9). Each leg already did the same for its
// own hits. A hit without the field is always kept; one with several values is dropped if any of them was seen.
type distinct struct {
	field []byte // raw dotted path of the field
	seen  map[string]struct{}
	found []string

	several bool  // some hit has more than one value
	dropped int64 // hits that were not kept
}

func newDistinct(field string) *distinct {
	if field == "" {
		return nil
	}
	return &distinct{field: rawKey(field), seen: map[string]struct{}{}}
}

// admit says whether the hit that starts at b[i] is kept, and remembers its values if so.
func (d *distinct) admit(b []byte, i int) bool {
	if !d.fresh(b, i) {
		d.dropped++
		return false
	}
	d.keep()
	return true
}

// fresh says whether none of the hit's values was seen.
func (d *distinct) fresh(b []byte, i int) bool {
	d.found = d.found[:0]
	d.collect(b, i, d.field)
	d.several = d.several || len(d.found) > 1
	for _, v := range d.found {
		if _, ok := d.seen[v]; ok {
			return false
		}
	}
	return true
}

// keep remembers the values of the hit that was last found fresh.
func (d *distinct) keep() {
	for _, v := range d.found {
		d.seen[v] = struct{}{}
	}
}

// collect gathers the facet values below the value at b[i], as the engine sees them: arrays are flattened, strings are
// normalised, booleans are strings, null and empty things are no value. A member stands for as much of the path as its
// name has of it. It gives the position behind the value.
func (d *distinct) collect(b []byte, i int, path []byte) int {
	switch b[i] {
	case '[':
		list := arrayAt(b, i)
		for {
			at, ok := list.next()
			if !ok {
				break
			}
			list.skipTo(d.collect(b, at, path))
		}
		return list.i
	case '{':
		m := objectAt(b, i)
		for m.next() {
			n := len(m.key)
			if n == 0 || len(path) < n || string(path[:n]) != string(m.key) || n < len(path) && path[n] != '.' {
				continue
			}
			m.skipTo(d.collect(b, m.value, path[min(n+1, len(path)):]))
		}
		return m.i
	}
	end := skipValue(b, i)
	if end < 0 || len(path) > 0 {
		return end
	}
	switch raw := b[i:end]; raw[0] {
	case '"':
		if text, ok := rawjson.Unquote(raw); ok {
			d.found = append(d.found, "s"+normalise(text))
		}
	case 't', 'f':
		d.found = append(d.found, "s"+string(raw))
	case 'n':
	default:
		if v, ok := parseFloat(raw); ok {
			d.found = append(d.found, floatKey(v))
		}
	}
	return end
}

// floatKey is a map key for a number; both zeros are one value.
func floatKey(v float64) string {
	if v == 0 {
		v = 0
	}
	bits := math.Float64bits(v)
	key := [9]byte{'n'}
	for i := range 8 {
		key[1+i] = byte(bits >> (8 * i))
	}
	return string(key[:])
}
