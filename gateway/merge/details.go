package merge

import "slices"

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
	kind  rule
	class uint8
	desc  bool
	a, b  float64
	text  []byte
}

// key is what a hit is compared by. It is reused from hit to hit of one leg.
type key struct {
	scores []score
	raw    []byte // the details the scores were read from
	arena  []byte // text of sort values that had to be unescaped
	vector bool   // one of the rules is a vector similarity
	pinned bool
	pin    int64
}

// read reads the details object at b[i], gives the position behind it (or -1) and says whether it is the same as the
// last one, which is frequent among neighbours and saves both reading and comparing.
func (k *key) read(b []byte, i int) (end int, same bool) {
	if n := len(k.raw); n > 0 && len(b)-i >= n && string(b[i:i+n]) == string(k.raw) {
		return i + n, true
	}
	k.scores, k.arena, k.vector, k.pinned = k.scores[:0], k.arena[:0], false, false
	k.raw = nil
	m := objectAt(b, i)
	sorted := true
	for m.next() {
		k.scores = append(k.scores, score{})
		s := &k.scores[len(k.scores)-1]
		s.kind, s.desc = kindOf(m.key)
		m.skipTo(k.readRule(s, b, m.value))
		if n := len(k.scores); n > 1 && k.scores[n-2].order > s.order {
			sorted = false
		}
	}
	if m.bad {
		return -1, false
	}
	if !sorted {
		slices.SortStableFunc(k.scores, func(x, y score) int { return int(x.order) - int(y.order) })
	}
	k.raw = b[i:m.i]
	return m.i, false
}

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
		s.a, _ = parseFloat(m.raw())
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
		s.class, s.text = classString, raw[1:len(raw)-1]
		for _, c := range s.text {
			if c == '\\' {
				from := len(k.arena)
				k.arena = appendUnescaped(k.arena, s.text)
				s.text = k.arena[from:len(k.arena):len(k.arena)]
				break
			}
		}
	case c == 'n':
		s.class = classNull
	default:
		if v, ok := parseFloat(raw); ok {
			s.class, s.a = classNumber, directed(v, s.desc)
		}
	}
}
