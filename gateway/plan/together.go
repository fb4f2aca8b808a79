package plan

import (
	"slices"

	"github.com/miroir-search/miroir/internal/routing"
)

// Joint is a read of several indexes at once: their legs go to the same nodes for the same shards, so that one request
// to a node asks for all of them.
type Joint struct {
	Indexes []*routing.Index // in the order given
	Shards  int              // of each of them
	Read    Read
}

// CoverTogether plans a read of all shards of several indexes as few joint reads. apart keeps every index in a read of
// its own. What goes by two names is read once for each: a node could not tell which of them is meant.
func CoverTogether(v *routing.View, indexes []*routing.Index, seed uint64, apart bool, avoid Avoid) []Joint {
	var joints []Joint
	for _, ix := range indexes {
		r := CoverIndex(v, ix, seed, avoid)
		at := slices.IndexFunc(joints, func(j Joint) bool {
			return !apart && j.Shards == ix.Shards && sameRead(j.Read, r) && !j.reads(ix.Physical)
		})
		if at < 0 {
			joints = append(joints, Joint{Shards: ix.Shards, Read: r})
			at = len(joints) - 1
		}
		joints[at].Indexes = append(joints[at].Indexes, ix)
	}
	return joints
}

func (j Joint) reads(physical string) bool {
	return slices.ContainsFunc(j.Indexes, func(ix *routing.Index) bool { return ix.Physical == physical })
}

func sameRead(a, b Read) bool {
	return slices.Equal(a.Missing, b.Missing) && slices.EqualFunc(a.Legs, b.Legs, func(x, y Leg) bool {
		return x.Node == y.Node && slices.Equal(x.Shards, y.Shards)
	})
}
