package merge

import (
	"bytes"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// span is a range of bytes of a leg body; the zero value is no range.
type span struct{ start, end int }

func (s span) of(b []byte) []byte { return b[s.start:s.end] }

// look says which members of a hit matter beyond its score details.
type look struct {
	readScore     bool   // values of `_rankingScore` or `_federation` are needed
	cutScore      bool   // `_rankingScore` was not asked for by the client
	cutDetails    bool   // `_rankingScoreDetails` was not asked for by the client
	veil          *veil  // what the client must not see of a hit; nil: nothing
	list          bool   // documents of a list that is not sorted: only their stamps count
	cutFederation bool   // `_federation` was not asked for by the client
	primary       []byte // raw key of the primary key, where hits must be told apart
}

// plain says that hits are only ranked, not looked into.
func (l *look) plain() bool {
	return l.primary == nil
}

// hitView is the current hit of a stream: positions in the leg's body.
type hitView struct {
	whole      span
	score      span // member `_rankingScore`, key included
	details    span // member `_rankingScoreDetails`, key included
	federation span // value of `_federation`
	member     span // member `_federation`, key included
	stamp      span // value of the stamp; hits of legs that keep none have the empty one
	mark       span // member of the stamp, key included
	line       int  // position of the mark before the score details, 0 if there is none
	primary    span // value of the primary key
}

// stream is the ordered list of hits of one leg, read one hit at a time.
type stream struct {
	body   []byte
	list   elements
	leg    int  // position of the leg, the last tie-break
	marked bool // the answer has marks (nodeapi.MarkLine)
	hit    hitView
	key    key
	fed    fedHit
	ranks  [2]int // hits read so far of the keyword and of the vector side
}

// stamp is the stored stamp of the current hit as it is spelled. Of hits that the rules leave equal the one that was
// written first comes first, as it would on one engine.
func (s *stream) stamp() []byte { return s.hit.stamp.of(s.body) }

// open finds the list under name (hits come first in every search answer, so this does not look far).
func (s *stream) open(body []byte, name string, leg int) error {
	s.body, s.leg, s.hit, s.ranks = body, leg, hitView{}, [2]int{}
	s.key.forget()
	m := objectAt(body, 0)
	for m.next() {
		if string(m.key) == name {
			s.list = arrayAt(body, m.value)
			if s.list.bad {
				return ErrAnswer
			}
			s.marked = bytes.IndexByte(body[m.value:], nodeapi.MarkLine) >= 0
			return nil
		}
	}
	return ErrAnswer
}

// forget drops what was read, so that pooled scratch does not keep bodies alive.
func (k *key) forget() {
	clear(k.scores[:cap(k.scores)])
	clear(k.values[:cap(k.values)])
	k.scores, k.values, k.raw, k.arena, k.vector, k.pinned = k.scores[:0], k.values[:0], nil, k.arena[:0], false, false
}

// advance moves to the next hit and reads its key. same says that its key equals the last hit's.
func (s *stream) advance(l *look) (ok, same bool, err error) {
	if l.list {
		if ok = s.document(); !ok && s.list.bad {
			err = ErrAnswer
		}
		return ok, true, err
	}
	start, ok := s.list.next()
	if !ok {
		if s.list.bad {
			return false, false, ErrAnswer
		}
		return false, false, nil
	}
	plain, bare := l.plain(), s.key.raw == nil && len(s.key.scores) == 0
	if plain && !l.cutScore && !l.cutFederation && !l.readScore && s.body[start] == '{' {
		s.hit = hitView{}
		if same, fine := s.quickHit(start); fine {
			s.list.skipTo(s.hit.whole.end)
			return true, same, nil
		}
		s.key.forget()
	}
	s.hit = hitView{}
	h := &s.hit
	m := objectAt(s.body, start)
	read := 0
	for m.next() {
		if len(m.key) > 0 && m.key[0] == '_' {
			if special, again := s.special(&m, h); special {
				read++
				same = again && read == 1
			}
		}
		if !plain {
			s.wanted(&m, h, l)
		}
	}
	if m.bad {
		return false, false, ErrAnswer
	}
	if read == 0 {
		same = bare
		s.key.forget()
	}
	h.whole = span{start, m.i}
	s.list.skipTo(m.i)
	return true, same, nil
}

// special takes the members the engine adds to a hit. A document may hold fields of the same names; the engine writes
// its own behind them, so the last one counts. It says whether this member was the details, and if so whether they are
// those of the hit before.
func (s *stream) special(m *members, h *hitView) (details, same bool) {
	switch string(m.key) {
	case "_rankingScoreDetails":
		end, same := s.key.read(s.body, m.value)
		if end < 0 {
			s.key.forget()
			m.raw()
		} else {
			m.skipTo(end)
		}
		h.details = span{m.start, m.i}
		if at := m.start - 1; s.body[at] == nodeapi.MarkLine {
			h.line = at
		}
		return true, same
	case nodeapi.FieldUpdatedAt:
		m.raw()
		h.stamp, h.mark = span{m.value, m.i}, span{m.start, m.i}
	case "_rankingScore":
		m.raw()
		h.score = span{m.start, m.i}
	case "_federation":
		m.raw()
		h.federation, h.member = span{m.value, m.i}, span{m.start, m.i}
	}
	return false, false
}

// wanted takes the members the request is interested in.
func (s *stream) wanted(m *members, h *hitView, l *look) {
	if l.primary != nil && string(m.key) == string(l.primary) {
		h.primary = span{m.value, s.after(m)}
	}
}

// after is the position behind the current value, walked over if it was not yet.
func (s *stream) after(m *members) int {
	if m.pending {
		m.raw()
	}
	return m.i
}
