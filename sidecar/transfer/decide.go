package transfer

import (
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/sidecar/digest"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// action is what is done about one document.
type action uint8

const (
	leave  action = iota // both nodes have the same, or what is here is newer than anything the source can tell
	write                // the source's document is written
	remove               // the document is deleted
	later                // it can't be told yet
)

// local is what this node has of a document.
type local struct {
	exists  bool
	version guard.Version
	body    []byte
	history []guard.Op    // of the window, carried out by the engine
	gone    guard.Version // of a deletion that the journal knows; zero for none
	wide    hlc.Stamp     // of the last operation on all documents; 0 for none, and where nobody asks for it
}

// decide compares a document with its copy at the source, which is right about everything that is not on its way. The
// operation is the one to journal with a write or a removal.
func decide(here local, there nodeapi.Copy) (action, guard.Op) {
	op := guard.Op{Version: versionAt(there.Version), Floor: versionAt(there.Floor), Kind: guard.Copy}
	for _, p := range there.Includes {
		op.Includes = append(op.Includes, versionAt(p))
	}
	if there.Unsettled {
		return later, op
	}
	// What a newer operation here made without regard to anything before is as the source will have it.
	for _, h := range here.history {
		if h.Version.Compare(op.Version) > 0 && (h.Kind == guard.Replace || h.Kind == guard.Delete) && op.Version != (guard.Version{}) {
			return leave, op
		}
	}
	if there.Body != nil {
		switch {
		case here.exists && here.version == op.Version && alike(here.body, there.Body):
			return leave, op
		case !guard.AdmitCopy(op, here.history):
			return later, op
		}
		return write, op
	}
	op.Kind, op.Floor, op.Includes = guard.Delete, guard.Version{}, nil
	switch {
	case !here.exists:
		return leave, op
	case len(here.history) == 0:
		// Nothing that is here is on its way, so it goes, whichever version it is.
		if here.version.Compare(op.Version) > 0 {
			op.Version = here.version
		}
		return remove, op
	case there.Deleted:
		return remove, op
	}
	return later, op // written here a moment ago: the source has it soon, or never
}

// ahead lists the operations that this node had, before the source was asked, that are newer than what the source has. They
// are on their way there, or they were refused and will never be there. Which of them it is the coordinator may know; else it
// shows when the operation leaves the window: the source takes none that is older. Until then the document can't be told
// equal, and must not be left with it.
func ahead(before []guard.Op, there nodeapi.Copy) (list []guard.Op) {
	newest := versionAt(there.Version)
	for _, h := range before {
		if h.Kind != guard.Copy && h.Version.Compare(newest) > 0 {
			list = append(list, h)
		}
	}
	return list
}

// byStamp compares a document of two complete copies, of which none is right about everything: what is newer stays, and what
// this node knows to be deleted does not come back.
func byStamp(here local, there nodeapi.Copy) (action, guard.Op) {
	what, op := decide(here, there)
	switch {
	case there.Body == nil && !there.Unsettled: // it is not there any more; whether it goes here is not for one copy to tell
		return leave, op
	case what == write && here.wide > op.Floor.Stamp: // its effect may not be in the copy: the source gets it in a moment
		return later, op
	case what == write && here.exists && here.version.Compare(op.Version) > 0:
		return leave, op
	case what == write && here.gone != (guard.Version{}) && here.gone.Compare(op.Version) >= 0:
		return leave, op
	}
	return what, op
}

// byVersion says whether a document goes that was deleted at a version. An operation of the window that is newer keeps it.
func byVersion(here local, deleted guard.Version) action {
	if !here.exists || here.version.Compare(deleted) > 0 {
		return leave
	}
	for _, h := range here.history {
		if h.Version.Compare(deleted) > 0 {
			return leave
		}
	}
	return remove
}

// alike says whether two documents have the same content.
func alike(a, b []byte) bool {
	x, errX := digest.Content(a)
	y, errY := digest.Content(b)
	return errX == nil && errY == nil && x == y
}

func versionAt(p nodeapi.Place) guard.Version {
	return guard.Version{Stamp: hlc.Stamp(p[0]), Position: uint32(p[1] & 0xFFFFFFFF)} //nolint:gosec // 32 bits
}

func placeAt(v guard.Version) nodeapi.Place {
	return nodeapi.Place{uint64(v.Stamp), uint64(v.Position)}
}
