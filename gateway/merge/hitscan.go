package merge

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// Finding the score details of a hit costs a walk over the document in front of them. For hits of which nothing else is
// wanted the walk looks at 64 bytes at a time and only at brackets outside of strings: one bit per byte says "quote" or
// "bracket", and a running parity of the quotes says what is inside of a string. A block with a backslash in it is
// walked byte by byte.

const (
	swarLow     = 0x0101010101010101
	swarHigh    = 0x8080808080808080
	swarQuote   = 0x2222222222222222
	swarSlash   = 0x5c5c5c5c5c5c5c5c
	swarSeven   = 0x7f7f7f7f7f7f7f7f
	swarFold    = 0x2626262626262626 // sets the bits in which the four brackets differ
	swarBracket = 0x7f7f7f7f7f7f7f7f // what they all become, and `Y`, `y`, `_` and DEL with them
	swarCollect = 0x0002040810204081
	blockSize   = 64
)

// zeroBytes sets the top bit of every byte of x that is zero, and no other bit.
func zeroBytes(x uint64) uint64 {
	return ^((x&swarSeven + swarSeven) | x | swarSeven)
}

// blockMasks looks at 64 bytes: which are quotes, which may be brackets (outside of strings they are), and whether any
// is a backslash.
func blockMasks(b *[blockSize]byte) (quotes, brackets uint64, slash bool) {
	slashes := uint64(0)
	for i := 0; i < blockSize; i += 16 {
		v, w := binary.LittleEndian.Uint64(b[i:i+8]), binary.LittleEndian.Uint64(b[i+8:i+16])
		slashes |= (v^swarSlash-swarLow)&^(v^swarSlash) | (w^swarSlash-swarLow)&^(w^swarSlash)
		quotes = quotes>>16 | zeroBytes(v^swarQuote)*swarCollect>>56<<48 | zeroBytes(w^swarQuote)*swarCollect>>56<<56
		v, w = (v|swarFold)^swarBracket, (w|swarFold)^swarBracket
		brackets = brackets>>16 | zeroBytes(v)*swarCollect>>56<<48 | zeroBytes(w)*swarCollect>>56<<56
	}
	return quotes, brackets, slashes&swarHigh != 0
}

const (
	detailsKey = `"_rankingScoreDetails":`
	scoreKey   = `"_rankingScore":`
)

const (
	stampKey   = `,"` + nodeapi.FieldUpdatedAt + `":"`
	stampBytes = nodeapi.StampBytes
)

// quickHit reads the hit that starts at b[start] the fast way. fine is false where that is not possible.
func (s *stream) quickHit(start int) (same, fine bool) {
	if s.marked {
		return s.markedHit(start)
	}
	return s.scanHit(start)
}

// markedHit is scanHit for an answer with marks: the first one stands before the details, and behind the details there is
// nothing but the stamp.
func (s *stream) markedHit(start int) (same, fine bool) {
	b := s.body
	line := start + bytes.IndexByte(b[start:], nodeapi.MarkLine)
	if line <= start || line+1+len(detailsKey) >= len(b) || string(b[line+1:line+1+len(detailsKey)]) != detailsKey {
		return false, false
	}
	end, same := s.key.read(b, line+1+len(detailsKey))
	if end < 0 {
		return false, false
	}
	h := &s.hit
	h.line, h.details = line, span{line + 1, end}
	if value := end + len(stampKey); value+stampBytes < len(b) && string(b[end:value]) == stampKey && b[value+stampBytes] == '"' {
		h.mark, h.stamp = span{end + 1, value + stampBytes + 1}, span{value - 1, value + stampBytes + 1}
		end = h.mark.end
	}
	if end+1 >= len(b) || b[end] != '}' || b[end+1] != nodeapi.MarkLine {
		return false, false
	}
	h.whole = span{start, end + 1}
	return same, true
}

// scanHit reads the hit that starts at b[start] into s, if the hit is written as engines write them. fine is false
// where it is not: then nothing can be said and the hit must be walked member by member.
func (s *stream) scanHit(start int) (same, fine bool) {
	b := s.body
	depth := 0
	inside := uint64(0) // all ones: the block starts within a string
	read := 0
	for i := start; ; {
		if i+blockSize > len(b) {
			return false, false
		}
		quotes, brackets, slash := blockMasks((*[blockSize]byte)(b[i:]))
		next := i + blockSize
		if slash {
			quotes, brackets, next = escapedMasks(b, i, inside != 0)
		}
		within := quotes
		for shift := 1; shift < blockSize; shift *= 2 {
			within ^= within << shift
		}
		within ^= inside
		nextInside := uint64(int64(within) >> 63) //nolint:gosec // the sign is the last byte's state
		for left := brackets &^ within; left != 0; {
			at := i + bits.TrailingZeros64(left)
			left &= left - 1
			switch b[at] {
			case '{', '[':
				depth++
				if depth != 2 || !s.detailsAt(start, at) {
					continue
				}
				end, again := s.key.read(b, at)
				if end < 0 {
					return false, false
				}
				read++
				same = again && read == 1
				s.hit.details = span{at - len(detailsKey), end}
				if end < len(b) && b[end] == '}' {
					s.hit.whole = span{start, end + 1}
					return same, true
				}
				depth, next, nextInside, left = 1, end, 0, 0
			case '}', ']':
				depth--
				if depth == 0 {
					s.hit.whole = span{start, at + 1}
					return same, read > 0
				}
			}
		}
		i, inside = next, nextInside
	}
}

// detailsAt says whether the value at b[at] is the score details of the hit.
func (s *stream) detailsAt(start, at int) bool {
	from := at - len(detailsKey)
	return from > start && string(s.body[from:at]) == detailsKey && (s.body[from-1] == ',' || s.body[from-1] == '{')
}

// escapedMasks is blockMasks for a block with backslashes. next is where the walk goes on: one byte later than usual if
// the block's last byte escapes the one behind it.
func escapedMasks(b []byte, i int, inside bool) (quotes, brackets uint64, next int) {
	j := 0
	for ; j < blockSize; j++ {
		c := b[i+j]
		switch {
		case c == '"':
			quotes |= 1 << j
			inside = !inside
		case inside && c == '\\':
			j++
		case !inside && (c|0x20 == '{' || c|0x20 == '}'):
			brackets |= 1 << j
		}
	}
	return quotes, brackets, i + j
}
