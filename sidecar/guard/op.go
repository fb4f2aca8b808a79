package guard

import (
	"cmp"
	"slices"

	"github.com/miroir-search/miroir/internal/hlc"
)

// Kind is what an operation does.
type Kind uint8

// Kinds of operations on one document, and on all documents of an index.
const (
	Replace         Kind = iota + 1 // the document becomes this one
	Update                          // these fields of the document become these
	ReplaceExisting                 // Replace, if there is such a document
	UpdateExisting                  // Update, if there is such a document
	Delete                          // there is no such document
	Copy                            // the document becomes what another replica had at a moment
	Clear                           // all documents of the index go
	Select                          // all documents that a filter selects go, or are changed by a function
)

// absolute says that what was before does not matter to the outcome.
func (k Kind) absolute() bool { return k == Replace || k == Delete || k == Copy }

// conditional says that the outcome depends on whether there was a document.
func (k Kind) conditional() bool { return k == ReplaceExisting || k == UpdateExisting }

// Wide says that the operation names no document.
func (k Kind) Wide() bool { return k == Clear || k == Select }

// Version is the place of an operation in the order of all operations: the stamp of its write, and where it stands in it.
type Version struct {
	Stamp    hlc.Stamp
	Position uint32
}

// positionBits is how many positions one stamp counts; a larger payload goes on with the next stamp, as
// nodeapi.AppendStamp stores it.
const positionBits = 24

// VersionOf is the version of the operation at a position of a write.
func VersionOf(first hlc.Stamp, position uint64) Version {
	return Version{first + hlc.Stamp(position>>positionBits), uint32(position & (1<<positionBits - 1))} //nolint:gosec // 24 bits
}

// Compare orders versions.
func (v Version) Compare(o Version) int {
	return cmp.Or(cmp.Compare(v.Stamp, o.Stamp), cmp.Compare(v.Position, o.Position))
}

// Op is one operation on one document.
type Op struct {
	Version
	Write    string // identity of the client's write: stamps of two gateways may be equal
	Kind     Kind
	Late     bool      // it stands where it came, but the engine has not got it: newer ones were there
	Floor    Version   // of a Copy: it has the effect of all operations up to here
	Includes []Version // of a Copy: later operations that are in it besides its own version
	Task     uint32    // number of the engine's task that carries it out
	Copied   bool      // it came from another replica, as a Copy or as the deletion of what that one has not
}

// Wide is the newest operation that named no document; zero for none.
type Wide struct {
	Stamp hlc.Stamp
	Task  uint32 // of the engine
}

// Ends says whether an operation on a document does not matter to what came after w, nor may come behind it. What was copied behind it is
// the document as another replica had it after w, whichever version it is.
func (w Wide) Ends(op Op) bool { return op.Stamp <= w.Stamp && (!op.Copied || op.Task <= w.Task) }

// Compare orders operations. At equal versions a deletion comes last, then the write with the larger identity.
func (o Op) Compare(p Op) int {
	return cmp.Or(o.Version.Compare(p.Version), cmp.Compare(btoi(o.Kind == Delete), btoi(p.Kind == Delete)),
		cmp.Compare(o.Write, p.Write), cmp.Compare(o.Kind, p.Kind))
}

// contains says whether the copied state has the effect of an operation.
func (o Op) contains(v Version) bool {
	return v.Compare(o.Floor) <= 0 || v == o.Version || slices.Contains(o.Includes, v)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
