package journal

import (
	"encoding/binary"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// Via says how an operation came to this node. It is never told to clients.
type Via uint8

// Ways.
const (
	Direct  Via = iota // from a client, through a gateway
	Settled            // sent again by this node to put operations in order
	Copied             // from another replica
)

// Leg is the header of a leg.
type Leg struct {
	Index string
	Write string     // dispatch id, which the engine keeps with its task
	Stamp hlc.Stamp  // of the write; operations may have their own
	Kind  guard.Kind // of all its operations
	Via   Via
}

// Entered is a leg in the journal.
type Entered struct {
	Leg
	Place      hlc.Stamp
	Low, High  guard.Version // least and greatest version of its operations
	Count      int
	Bytes      int64 // of bodies
	Task       uint32
	Registered bool // the engine has it as Task
	Left       int  // documents of the write that the engine did not get with it
}

const legVersion = 1

const (
	isRegistered = 1 << iota
	hasLeft
)

func appendLeg(b []byte, e Entered) []byte {
	var flags byte
	if e.Registered {
		flags |= isRegistered
	}
	if e.Left > 0 {
		flags |= hasLeft
	}
	b = append(b, legVersion, byte(e.Kind), byte(e.Via), flags)
	b = appendText(appendText(b, e.Index), e.Write)
	b = binary.AppendUvarint(b, uint64(e.Stamp))
	b = appendVersion(appendVersion(b, e.Low), e.High)
	b = binary.AppendUvarint(b, uint64(e.Count)) //nolint:gosec // not negative
	b = binary.AppendUvarint(b, uint64(e.Bytes)) //nolint:gosec // not negative
	b = binary.AppendUvarint(b, uint64(e.Task))
	if flags&hasLeft != 0 {
		b = binary.AppendUvarint(b, uint64(e.Left)) //nolint:gosec // not negative
	}
	return b
}

func parseLeg(place hlc.Stamp, b []byte) (Entered, error) {
	r := reader{b: b}
	e := Entered{Place: place}
	if r.octet() != legVersion {
		return e, ErrCorrupt
	}
	e.Kind, e.Via = guard.Kind(r.octet()), Via(r.octet())
	flags := r.octet()
	e.Registered = flags&isRegistered != 0
	e.Index, e.Write = r.text(), r.text()
	e.Stamp = hlc.Stamp(r.number(uint64(hlc.Max)))
	e.Low, e.High = r.version(), r.version()
	e.Count = int(r.short())
	e.Bytes = int64(r.number(1 << 62)) //nolint:gosec // bounded
	e.Task = r.short()
	if flags&hasLeft != 0 {
		e.Left = int(r.short())
	}
	if r.bad || len(r.b) > 0 || e.Index == "" {
		return e, ErrCorrupt
	}
	return e, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (r *reader) text() string { return string(r.bytes(r.number(1 << 16))) }

// marks is what holds for one index.
type marks struct {
	Floor hlc.Stamp // operations up to here may lack their bodies
	Low   hlc.Stamp // changes from this place on are all here
}

func appendMarks(b []byte, m marks) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, uint64(m.Floor)), uint64(m.Low))
}

func parseMarks(b []byte) (marks, error) {
	if len(b) != 16 {
		return marks{}, ErrCorrupt
	}
	return marks{hlc.Stamp(binary.BigEndian.Uint64(b)), hlc.Stamp(binary.BigEndian.Uint64(b[8:]))}, nil
}
