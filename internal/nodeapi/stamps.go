package nodeapi

import "github.com/miroir-search/miroir/internal/hlc"

// A document stores under FieldUpdatedAt the stamp of the write that made it in 14 symbols, and behind it the document's
// position in that write's payload in 6. The strings sort as the documents were written: by stamp, then by position. So
// nodes agree on an order of documents that no score tells apart, and it is the order in which one node would have
// numbered them.
const (
	stampDigits    = 14 // 56 bits for hlc's 53
	positionDigits = 6
	positionBits   = 4 * positionDigits
)

// StampBytes is the length of a stored stamp in UTF-8, without quotes.
const StampBytes = (stampDigits + positionDigits) * SymbolBytes

// StampsFor is how many successive stamps a write of so many documents takes: a stamp counts 2^24 positions, then the next
// one counts on.
func StampsFor(documents int) int {
	return max(0, documents-1)>>positionBits + 1
}

// AppendStamp appends the stored stamp of the document at a position of the write that took the given stamp first.
func AppendStamp(dst []byte, first hlc.Stamp, position uint64) []byte {
	dst = AppendSymbols(dst, uint64(first)+position>>positionBits, stampDigits)
	return AppendSymbols(dst, position, positionDigits)
}

// ParseStamp reads a stored stamp; ok is false for anything else.
func ParseStamp(stored string) (s hlc.Stamp, position uint64, ok bool) {
	if len(stored) != StampBytes {
		return 0, 0, false
	}
	stamp, good := ParseSymbols(stored[:stampDigits*SymbolBytes])
	position, ok = ParseSymbols(stored[stampDigits*SymbolBytes:])
	return hlc.Stamp(stamp), position, ok && good && hlc.Stamp(stamp) <= hlc.Max
}

// Marked answers. A leg that asks for stamps (HeaderKeep) gets an answer whose hits, or whose documents in a list, are
// marked for the one who merges them with those of other legs:
//
//   - the stored stamp is the last member of the object, behind all that the engine wrote;
//   - MarkLine stands before the key of the score details and directly behind the object;
//   - there is no other white space between tokens, so MarkLine occurs nowhere else (in strings it would be escaped).
//
// So the end of a hit and its details are found without reading the document in between. An answer without stamps, from
// a sidecar that does not know the header, is one without marks.
const MarkLine = '\n'
