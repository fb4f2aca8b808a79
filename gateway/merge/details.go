package merge

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// rule is the kind of one executed ranking rule of a hit.
type rule uint8

// Kinds in the order in which different kinds at the same place are ranked, best first. With equal settings on all legs
// only ruleSkipped ever meets another kind.
const (
	rulePin      rule = iota
	ruleWeighted      // a score of several rules, times a weight
	ruleWords
	ruleTypo
	ruleProximity
	ruleAttribute
	ruleAttributeRank
	ruleWordPosition
	ruleExactness
	ruleSort
	ruleGeo
	ruleVector
	ruleUnknown
	ruleSkipped
)

// Classes of sort values, best first in either direction.
const (
	classNumber uint8 = iota
	classString
	classOther
	classNull
)

// score is one executed rule of a hit in comparable form: class ascending, then a and b descending, then text in the
// rule's direction.
type score struct {
	order int32
	end   int32 // position behind the rule, counted from the start of the details
	kind  rule
	class uint8
	desc  bool
	a, b  float64
	most  float64 // the most that a could be, where the details say so
	text  []byte
}

// key is what a hit is compared by. It is reused from hit to hit of one leg.
type key struct {
	scores []score
	values []score // what hits of different lists are compared by
	raw    []byte  // the details the scores were read from
	arena  []byte  // text of sort values that had to be unescaped
	sorted bool    // the rules are written in their order
	vector bool    // one of the rules is a vector similarity
	pinned bool
	pin    int64
}

// read reads the details object at b[i], gives the position behind it (or -1) and says whether it is the same as the
// last one. Neighbours in a ranked list are alike: rules that are written as in the hit before are not read again.
func (k *key) read(b []byte, i int) (end int, same bool) {
	alike := commonPrefix(b[i:], k.raw)
	if alike == len(k.raw) && alike > 0 {
		return i + alike, true
	}
	m := k.reuse(b, i, alike)
	k.raw = nil
	for m.next() {
		k.scores = append(k.scores, score{})
		s := &k.scores[len(k.scores)-1]
		s.kind, s.desc = kindOf(m.key)
		m.skipTo(k.readRule(s, b, m.value))
		s.end = int32(min(m.i-i, maxDetails)) //nolint:gosec // bounded
		if n := len(k.scores); n > 1 && k.scores[n-2].order > s.order {
			k.sorted = false
		}
	}
	if m.bad {
		return -1, false
	}
	if !k.sorted {
		slices.SortStableFunc(k.scores, func(x, y score) int { return int(x.order) - int(y.order) })
	}
	k.raw = b[i:m.i]
	return m.i, false
}

// maxDetails bounds the details of which parts are reused.
const maxDetails = 1 << 20

// reuse keeps the rules that lie within the first alike bytes and gives a walk that begins behind them.
func (k *key) reuse(b []byte, i, alike int) members {
	n := 0
	if k.sorted && len(k.arena) == 0 && alike < maxDetails {
		for n < len(k.scores) && int(k.scores[n].end) <= alike {
			n++
		}
	}
	k.scores, k.arena, k.sorted = k.scores[:n], k.arena[:0], true
	k.vector, k.pinned = false, false
	if n == 0 {
		return objectAt(b, i)
	}
	for j := range k.scores {
		k.vector = k.vector || k.scores[j].kind == ruleVector
		k.pinned = k.pinned || k.scores[j].kind == rulePin
	}
	return members{b: b, i: i + int(k.scores[n-1].end)}
}

// commonPrefix is the number of bytes in which a and b begin alike.
func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+32 <= n; i += 32 {
		x, y := a[i:i+32:i+32], b[i:i+32:i+32]
		if (word(x, 0)^word(y, 0))|(word(x, 8)^word(y, 8))|(word(x, 16)^word(y, 16))|(word(x, 24)^word(y, 24)) != 0 {
			break
		}
	}
	for ; i+8 <= n; i += 8 {
		if x := word(a, i) ^ word(b, i); x != 0 {
			return i + bits.TrailingZeros64(x)>>3
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

func word(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8]) }

// kindOf names the rule of a key of the details. Sort rules are named by their field and direction, so everything that
// is not a built-in name and ends in a direction is one.
func kindOf(name []byte) (kind rule, desc bool) {
	switch string(name) {
	case "words":
		return ruleWords, false
	case "typo":
		return ruleTypo, false
	case "proximity":
		return ruleProximity, false
	case "attribute":
		return ruleAttribute, false
	case "attributeRank":
		return ruleAttributeRank, false
	case "wordPosition":
		return ruleWordPosition, false
	case "exactness":
		return ruleExactness, false
	case "vectorSort":
		return ruleVector, false
	case "skipped":
		return ruleSkipped, false
	case "pin":
		return rulePin, false
	}
	switch {
	case hasSuffix(name, ":desc"):
		desc = true
	case !hasSuffix(name, ":asc"):
		return ruleUnknown, false
	}
	if len(name) > 10 && string(name[:10]) == "_geoPoint(" {
		return ruleGeo, desc
	}
	return ruleSort, desc
}

func hasSuffix(b []byte, suffix string) bool {
	return len(b) >= len(suffix) && string(b[len(b)-len(suffix):]) == suffix
}

// readRule reads the object of one rule into s and gives the position behind it.
func (k *key) readRule(s *score, b []byte, i int) int {
	if end := quickRule(s, b, i); end > 0 {
		k.vector = k.vector || s.kind == ruleVector
		return end
	}
	s.class, s.a, s.b, s.most = 0, 0, 0, 0
	m := objectAt(b, i)
	if s.kind == ruleGeo {
		s.class = classNull
	}
	for m.next() {
		k.readField(s, &m)
	}
	if m.bad {
		return -1
	}
	return m.i
}

func (k *key) readField(s *score, m *members) {
	switch string(m.key) {
	case "order":
		if v, ok := parseInt(m.raw()); ok {
			s.order = int32(min(max(v, 0), 1<<30)) //nolint:gosec // clamped
		}
	case "score":
		// Where raw costs are known they decide: the ratio depends on the leg's own dictionary.
		switch s.kind {
		case ruleProximity, ruleAttributeRank, ruleWordPosition, ruleUnknown:
			s.a, _ = parseFloat(m.raw())
		default:
		}
	case "matchingWords":
		v, _ := parseFloat(m.raw())
		if s.kind == ruleExactness {
			s.b = v
		} else {
			s.a = v
		}
	case "maxMatchingWords", "maxTypoCount":
		s.most, _ = parseFloat(m.raw())
	case "typoCount":
		v, _ := parseFloat(m.raw())
		s.a = -v
	case "matchType":
		switch string(m.raw()) {
		case `"exactMatch"`:
			s.a = 2
		case `"matchesStart"`:
			s.a = 1
		}
	case "attributeRankingOrderScore":
		s.a, _ = parseFloat(m.raw())
	case "queryWordDistanceScore":
		s.b, _ = parseFloat(m.raw())
	case "value":
		if s.kind == ruleSort {
			k.readSortValue(s, m.raw())
		}
	case "distance":
		if v, ok := parseFloat(m.raw()); ok && s.kind == ruleGeo {
			s.class, s.a = classNumber, directed(v, s.desc)
		}
	case "similarity":
		k.vector = true
		var ok bool
		if s.a, ok = parseFloat(m.raw()); !ok {
			s.class = classNull // a hit without a vector, behind all that have one
		}
	case "position":
		if v, ok := parseInt(m.raw()); ok && s.kind == rulePin {
			k.pinned, k.pin = true, v
		}
	}
}

// directed turns a value into one of which more is better.
func directed(v float64, desc bool) float64 {
	if desc {
		return v
	}
	return -v
}

// readSortValue reads the value of a sort or custom rule: null after everything, numbers before strings, whatever the
// direction.
func (k *key) readSortValue(s *score, raw []byte) {
	s.class = classOther
	if len(raw) == 0 {
		return
	}
	switch c := raw[0]; {
	case c == '"' && len(raw) >= 2:
		s.class = classString
		var plain bool
		if s.text, plain = rawjson.Plain(raw); !plain {
			from := len(k.arena)
			k.arena, _ = rawjson.AppendUnquoted(k.arena, raw)
			s.text = k.arena[from:len(k.arena):len(k.arena)]
		}
	case c == 'n':
		s.class = classNull
	default:
		if v, ok := parseFloat(raw); ok {
			s.class, s.a = classNumber, directed(v, s.desc)
		}
	}
}
