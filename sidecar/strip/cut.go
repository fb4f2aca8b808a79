package strip

import (
	"bytes"
	"encoding/json"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// members copies an object whose members have rules of their own, without those that the rule drops. Commas are set
// anew; white space around members is not kept.
func (s *scanner) members(r *rule) {
	kept := 0
	if r.marked {
		s.stamp = s.stamp[:0]
	}
	for ended := s.gap() == '}' && s.closing(); !ended; ended = s.next('}') {
		if s.gap() != '"' {
			s.syntax()
		}
		s.hold = s.pos
		s.str()
		key := s.key(s.buf[s.hold:s.pos])
		child, drop := r.member(key)
		keep := drop && r.marked && string(key) == nodeapi.FieldUpdatedAt
		was := s.drop
		if drop {
			s.drop = true
		} else if !s.drop {
			s.separate(r, key, kept)
		}
		if r.renameKeys && !s.drop {
			s.write(s.quote(s.names.logical(string(key))))
			s.mark = s.pos
		}
		s.hold = -1
		if s.token() != ':' {
			s.syntax()
		}
		s.pos++
		if keep {
			s.keep()
		} else {
			s.value(child)
		}
		s.settle()
		if s.drop = was; !drop {
			kept++
		}
	}
	if r.marked && !s.drop {
		s.seal(kept)
	}
}

// separate writes what stands before a key that is kept.
func (s *scanner) separate(r *rule, key []byte, kept int) {
	if kept > 0 {
		s.write([]byte{','})
	}
	if r.marked && string(key) == "_rankingScoreDetails" {
		s.write([]byte{nodeapi.MarkLine})
	}
}

// keep remembers a stamp that is dropped where it stands.
func (s *scanner) keep() {
	s.token()
	s.hold = s.pos
	s.value(nil)
	s.stamp = append(s.stamp[:0], s.buf[s.hold:s.pos]...)
	s.hold = -1
}

// seal writes the stamp before the closing brace, which is pending, and the mark behind it.
func (s *scanner) seal(kept int) {
	if len(s.stamp) > 0 {
		if kept > 0 {
			s.write([]byte{','})
		}
		s.write([]byte(`"` + nodeapi.FieldUpdatedAt + `":`))
		s.write(s.stamp)
	}
	s.settle()
	s.write([]byte{nodeapi.MarkLine})
}

// closing passes the bracket of an empty container.
func (s *scanner) closing() bool {
	s.pos++
	return true
}

// gap skips white space without copying it and returns the byte after it.
func (s *scanner) gap() byte {
	s.settle()
	was := s.drop
	s.drop = true
	c := s.token()
	s.mark = s.pos
	s.drop = was
	return c
}

// next skips the comma before another member, or copies the bracket that ends the container and says true.
func (s *scanner) next(bracket byte) (ended bool) {
	c := s.gap()
	s.pos++
	switch c {
	case ',':
		s.mark = s.pos
		return false
	case bracket:
		return true
	}
	s.syntax()
	return true
}

// elements copies an array without the elements for which drops is true.
func (s *scanner) elements(drops func(raw []byte) bool) {
	kept := 0
	if s.gap() == ']' {
		s.pos++
		return
	}
	for {
		s.gap()
		s.hold = s.pos
		s.value(nil)
		raw := s.buf[s.hold:s.pos]
		s.hold = -1
		if drops(raw) {
			s.mark = s.pos
		} else {
			if kept > 0 && !s.drop {
				s.write([]byte{','})
			}
			kept++
			s.settle()
		}
		if s.next(']') {
			return
		}
	}
}

// replace writes the text that change makes of a string.
func (s *scanner) replace(change func(n Names, text string) string) {
	s.settle()
	s.hold = s.pos
	s.str()
	raw := s.buf[s.hold:s.pos]
	s.hold = -1
	if s.drop {
		s.mark = s.pos
		return
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		s.syntax()
	}
	if changed := change(s.names, text); changed != text {
		s.write(s.quote(changed))
		s.mark = s.pos
		return
	}
	s.settle()
}

// key is the decoded form of a raw key with its quotes. It is valid until the next call.
func (s *scanner) key(raw []byte) []byte {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		s.syntax()
	}
	s.seen = append(s.seen[:0], text...)
	return s.seen
}

// quote writes a text as the engine would: only what must be escaped is.
func (s *scanner) quote(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(fail{err})
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

var reservedPrefix = []byte(nodeapi.ReservedPrefix)

// reserved says whether a key is a reserved field or a path below one.
func reserved(key []byte) bool {
	return bytes.HasPrefix(key, reservedPrefix) && nodeapi.IsReserved(string(key))
}

// reservedRule says whether a ranking detail belongs to a reserved field: "<field>:asc".
func reservedRule(key []byte) bool {
	name, _, _ := bytes.Cut(key, []byte{':'})
	return reserved(name)
}
