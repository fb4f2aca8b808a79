package merge

import (
	"math"
	"strings"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// distinct keeps the first hit of every distinct value of the merged list (MG-9). Each leg already did the same for its
// own hits. A hit without the field is always kept; one with several values is dropped if any of them was seen.
type distinct struct {
	root  []byte   // raw key of the top-level field
	path  [][]byte // raw keys below it
	seen  map[string]struct{}
	found []string

	several bool // some hit has more than one value
}

func newDistinct(field string) *distinct {
	if field == "" {
		return nil
	}
	parts := strings.Split(field, ".")
	d := &distinct{root: rawKey(parts[0]), seen: map[string]struct{}{}}
	for _, p := range parts[1:] {
		d.path = append(d.path, rawKey(p))
	}
	return d
}

// admit says whether the hit is kept, and remembers its values if so.
func (d *distinct) admit(body []byte, h *hitView) bool {
	if !d.fresh(body, h) {
		return false
	}
	d.keep()
	return true
}

// fresh says whether none of the hit's values was seen.
func (d *distinct) fresh(body []byte, h *hitView) bool {
	d.found = d.found[:0]
	if h.distinct.end == 0 {
		return true
	}
	d.collect(body, h.distinct.start, d.path)
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
// normalised, booleans are strings, null and empty things are no value. It gives the position behind the value.
func (d *distinct) collect(b []byte, i int, path [][]byte) int {
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
			if len(path) > 0 && string(m.key) == string(path[0]) {
				m.skipTo(d.collect(b, m.value, path[1:]))
			}
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
