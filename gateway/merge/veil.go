package merge

import (
	"slices"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// Veil says what clients must not see of the hits that the legs bring. The zero value covers nothing.
type Veil struct {
	Extra []Extra // fields the legs were asked for beyond what the client sees, in any order
	// Displayed is displayedAttributes of the index, nil for all. The legs' engines display everything; what names a field
	// that is not displayed is taken out of match positions, and out of score details as an engine does.
	Displayed []string
}

// Extra is a top-level field of which the legs bring more than the client asked for.
type Extra struct {
	Field string
	// Keep are the dotted paths below the field that stay, chosen as an engine chooses attributes; none: the field goes.
	Keep []string
	// Formatted is Keep for `_formatted`. AllFormatted leaves the field in `_formatted` as it is.
	Formatted    []string
	AllFormatted bool
}

// veil is a Veil ready to be laid over hits.
type veil struct {
	extra     []veiledField
	displayed []string
	details   bool // details are shown, so they may have to be redacted
}

type veiledField struct {
	key             []byte
	keep, formatted []string
	all             bool
}

// newVeil is nil where nothing has to be covered.
func newVeil(v Veil, showDetails bool) *veil {
	if len(v.Extra) == 0 && v.Displayed == nil {
		return nil
	}
	out := &veil{displayed: v.Displayed, details: showDetails}
	for _, e := range v.Extra {
		out.extra = append(out.extra, veiledField{rawKey(e.Field), e.Keep, e.Formatted, e.AllFormatted})
	}
	return out
}

func (v *veil) find(key []byte) *veiledField {
	for i := range v.extra {
		if string(v.extra[i].key) == string(key) {
			return &v.extra[i]
		}
	}
	return nil
}

// cover adds the cuts and swaps that the veil makes in the current hit of a stream.
func (sc *scratch) cover(s *stream, v *veil) {
	m := objectAt(s.body, s.hit.whole.start)
	for m.next() {
		switch {
		case string(m.key) == "_formatted":
			sc.coverFormatted(s.body, spanOf(&m), v)
		case string(m.key) == "_matchesPosition" && v.displayed != nil:
			sc.coverPositions(s.body, spanOf(&m), v.displayed)
		case m.start == s.hit.details.start && v.displayed != nil && v.details:
			sc.redact(s.body, spanOf(&m), v.displayed)
		default:
			f := v.find(m.key)
			if f == nil || m.start == s.hit.score.start || m.start == s.hit.details.start {
				continue
			}
			value := m.raw()
			if m.bad {
				return
			}
			if len(f.keep) == 0 || !nested(value) {
				sc.cuts = append(sc.cuts, span{m.start, m.i})
				continue
			}
			from := len(sc.arena)
			sc.arena = appendChosen(sc.arena, s.body[m.value:m.i], f.keep)
			sc.swapped(span{m.value, m.i}, from)
		}
	}
}

// spanOf is the place of the current value.
func spanOf(m *members) span {
	m.raw()
	return span{m.value, m.i}
}

// swapped makes what was appended to the arena since from the new value at a place.
func (sc *scratch) swapped(at span, from int) {
	sc.swaps = append(sc.swaps, swap{at, span{from, len(sc.arena)}})
}

// coverFormatted treats the fields of `_formatted` as those of the hit.
func (sc *scratch) coverFormatted(body []byte, at span, v *veil) {
	covered := false
	from := len(sc.arena)
	out := append(sc.arena, '{')
	some := false
	m := objectAt(body, at.start)
	for m.next() {
		f := v.find(m.key)
		value := m.raw()
		if m.bad {
			return
		}
		if f != nil && !f.all {
			covered = true
			if len(f.formatted) == 0 || !nested(value) {
				continue
			}
		}
		if some {
			out = append(out, ',')
		}
		some = true
		if f == nil || f.all {
			out = append(out, body[m.start:m.i]...)
			continue
		}
		out = append(append(append(append(out, '"'), m.key...), '"', ':'), appendChosen(nil, value, f.formatted)...)
	}
	if !covered || m.bad {
		return
	}
	sc.arena = append(out, '}')
	sc.swapped(at, from)
}

// coverPositions leaves out the positions of matches in attributes that are not displayed.
func (sc *scratch) coverPositions(body []byte, at span, displayed []string) {
	var cuts []span
	m := objectAt(body, at.start)
	for m.next() {
		name := m.name()
		if m.raw(); m.bad {
			return
		}
		if !slices.ContainsFunc(displayed, func(d string) bool { return containedIn(name, d) }) {
			cuts = append(cuts, span{m.start, m.i})
		}
	}
	if len(cuts) == 0 || m.bad {
		return
	}
	from := len(sc.arena)
	sc.arena = appendObject(sc.arena, body, at, cuts)
	sc.swapped(at, from)
}

// redact hides the field and the value of every sort rule whose field is not displayed.
func (sc *scratch) redact(body []byte, at span, displayed []string) {
	from := len(sc.arena)
	out := append(sc.arena, '{')
	hidden := false
	m := objectAt(body, at.start)
	for m.next() {
		if len(out) > from+1 {
			out = append(out, ',')
		}
		kind, _ := kindOf(m.key)
		name := m.name()
		value := m.raw()
		if m.bad {
			return
		}
		if at := strings.LastIndexByte(name, ':'); kind != ruleSort || at < 0 || slices.Contains(displayed, name[:at]) {
			out = append(out, body[m.start:m.i]...)
			continue
		}
		hidden = true
		order, _ := parseInt(memberOf(value, []byte("order")))
		out = strconv.AppendInt(append(out, `"<hidden-rule-`...), order, 10)
		out = strconv.AppendInt(append(out, `>":{"order":`...), order, 10)
		out = append(out, `,"value":"<hidden>"}`...)
	}
	if !hidden || m.bad {
		return
	}
	sc.arena = append(out, '}')
	sc.swapped(at, from)
}

// containedIn says whether a dotted path is a name or lies below it.
func containedIn(path, name string) bool {
	return strings.HasPrefix(path, name) && (len(path) == len(name) || path[len(name)] == '.')
}

// nested says whether attributes can lie below a value.
func nested(value []byte) bool { return len(value) > 0 && (value[0] == '{' || value[0] == '[') }

// appendChosen appends what dotted selectors choose of a value, as an engine chooses attributes to retrieve: of an
// object the members that are named or contain something named, of an array those elements that are not empty after
// that. The value must be one of the two.
func appendChosen(dst, value []byte, selectors []string) []byte {
	if value[0] == '{' {
		return appendChosenObject(dst, value, selectors)
	}
	return appendChosenArray(dst, value, selectors)
}

func appendChosenObject(dst, value []byte, selectors []string) []byte {
	dst = append(dst, '{')
	from := len(dst)
	m := objectAt(value, 0)
	for m.next() {
		name := m.name()
		start := m.start
		inner := m.raw()
		if m.bad {
			break
		}
		whole, below := split(selectors, name)
		if !whole && (len(below) == 0 || !nested(inner)) {
			continue
		}
		if len(dst) > from {
			dst = append(dst, ',')
		}
		if whole {
			dst = append(dst, value[start:m.i]...)
			continue
		}
		dst = append(append(append(append(dst, '"'), m.key...), '"', ':'), appendChosen(nil, inner, below)...)
	}
	return append(dst, '}')
}

func appendChosenArray(dst, value []byte, selectors []string) []byte {
	dst = append(dst, '[')
	from := len(dst)
	rawjson.EachElement(value, func(element []byte) bool {
		if !nested(element) {
			return true
		}
		chosen := appendChosen(nil, element, selectors)
		if element[0] == '{' && len(chosen) == 2 {
			return true
		}
		if len(dst) > from {
			dst = append(dst, ',')
		}
		dst = append(dst, chosen...)
		return true
	})
	return append(dst, ']')
}

// split sorts the selectors that concern a member: those that name it, and what others choose below it.
func split(selectors []string, name string) (whole bool, below []string) {
	for _, s := range selectors {
		switch {
		case s == name:
			whole = true
		case containedIn(s, name):
			below = append(below, s[len(name)+1:])
		}
	}
	return whole, below
}
