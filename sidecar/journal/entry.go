package journal

import (
	"encoding/binary"
	"errors"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// ErrCorrupt says that a record can not be read.
var ErrCorrupt = errors.New("journal record is corrupt")

// span is where a body stands in the pieces of its leg; a length of 0 is no body.
type span struct{ piece, offset, length uint32 }

// entry is one operation of a leg.
type entry struct {
	id       []byte
	version  guard.Version
	floor    guard.Version
	includes []guard.Version
	write    string // of an operation that was sent again; else it is the leg's
	body     span
	ordinal  uint32
	deleted  bool // the engine carried out a deletion, or will
	late     bool // the engine does not get it with the leg
}

const (
	hasBody   = 1 << iota
	hasCopied // floor and includes
	hasWrite
	isDeletion
	isLate
)

// appendEntry encodes an entry with its id.
func appendEntry(b []byte, e entry) []byte {
	b = binary.AppendUvarint(b, uint64(len(e.id)))
	b = append(b, e.id...)
	b = binary.AppendUvarint(b, uint64(e.ordinal))
	return appendRest(b, e)
}

// appendRest encodes what stands in the value of an operation.
func appendRest(b []byte, e entry) []byte {
	var flags byte
	if e.body.length > 0 {
		flags |= hasBody
	}
	if e.floor != (guard.Version{}) || len(e.includes) > 0 {
		flags |= hasCopied
	}
	if e.write != "" {
		flags |= hasWrite
	}
	if e.deleted {
		flags |= isDeletion
	}
	if e.late {
		flags |= isLate
	}
	b = append(b, flags)
	b = appendVersion(b, e.version)
	if flags&hasBody != 0 {
		b = binary.AppendUvarint(b, uint64(e.body.piece))
		b = binary.AppendUvarint(b, uint64(e.body.offset))
		b = binary.AppendUvarint(b, uint64(e.body.length))
	}
	if flags&hasCopied != 0 {
		b = appendVersion(b, e.floor)
		b = binary.AppendUvarint(b, uint64(len(e.includes)))
		for _, v := range e.includes {
			b = appendVersion(b, v)
		}
	}
	if flags&hasWrite != 0 {
		b = appendText(b, e.write)
	}
	return b
}

func appendVersion(b []byte, v guard.Version) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(v.Stamp)), uint64(v.Position))
}

// reader takes values off the front of a record. After a fault everything it gives is zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) number(most uint64) uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > most {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) short() uint32 { return uint32(r.number(1<<32 - 1)) } //nolint:gosec // bounded

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) octet() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) version() guard.Version {
	return guard.Version{Stamp: hlc.Stamp(r.number(uint64(hlc.Max))), Position: r.short()}
}

// entry undoes appendEntry; the id aliases the record.
func (r *reader) entry() entry {
	id := r.bytes(r.number(1 << 16))
	ordinal := r.short()
	e := r.rest()
	e.id, e.ordinal = id, ordinal
	return e
}

// rest undoes appendRest.
func (r *reader) rest() entry {
	var e entry
	flags := r.octet()
	e.version = r.version()
	if flags&hasBody != 0 {
		e.body = span{r.short(), r.short(), r.short()}
	}
	if flags&hasCopied != 0 {
		e.floor = r.version()
		for n := r.number(uint64(len(r.b))); n > 0 && !r.bad; n-- {
			e.includes = append(e.includes, r.version())
		}
	}
	if flags&hasWrite != 0 {
		e.write = r.text()
	}
	e.deleted, e.late = flags&isDeletion != 0, flags&isLate != 0
	if flags&^(hasBody|hasCopied|hasWrite|isDeletion|isLate) != 0 {
		r.bad = true
	}
	return e
}

// entries reads a list of entries; visit may keep nothing of the id.
func entries(list []byte, visit func(entry) error) error {
	r := reader{b: list}
	for len(r.b) > 0 {
		e := r.entry()
		if r.bad {
			return ErrCorrupt
		}
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}
