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

// Together says how several indexes are read at once.
type Together struct {
	Seed  uint64
	Apart bool                              // every index is in a read of its own
	Of    func(ix *routing.Index) Narrowing // the shards that must be asked of an index; nil: all
	Avoid Avoid
	Off   func(ix *routing.Index) Avoid // nodes that an index is not read from as long as others have all of it; nil for none
}

// CoverTogether plans a read of several indexes as few joint reads. Narrowing an index may take it out of the read that it
// would share with others; it is only done where fewer requests are needed. What goes by two names is read once for each: a
// node could not tell which of them is meant.
func CoverTogether(v *routing.View, indexes []*routing.Index, t Together) []Joint {
	all := t.cover(v, indexes, func(*routing.Index) Narrowing { return Narrowing{} })
	if t.Of == nil {
		return all
	}
	if some := t.cover(v, indexes, t.Of); requests(some) < requests(all) || Lacks(some) < Lacks(all) {
		return some
	}
	return all
}

// requests counts what joint reads take: their legs, and where there are several one to judge all queries together.
func requests(joints []Joint) (n int) {
	for _, j := range joints {
		n += len(j.Read.Legs)
	}
	if len(joints) > 1 {
		n++
	}
	return n
}

// Lacks counts the shards that joint reads leave out.
func Lacks(joints []Joint) (n int) {
	for _, j := range joints {
		n += len(j.Read.Missing) * len(j.Indexes)
	}
	return n
}

func (t Together) cover(v *routing.View, indexes []*routing.Index, of func(*routing.Index) Narrowing) []Joint {
	var joints []Joint
	for _, ix := range indexes {
		r := t.read(v, ix, of(ix))
		at := slices.IndexFunc(joints, func(j Joint) bool {
			return !t.Apart && j.Shards == ix.Shards && sameRead(j.Read, r) && !j.reads(ix.Physical)
		})
		if at < 0 {
			joints = append(joints, Joint{Shards: ix.Shards, Read: r})
			at = len(joints) - 1
		}
		joints[at].Indexes = append(joints[at].Indexes, ix)
	}
	return joints
}

func (t Together) read(v *routing.View, ix *routing.Index, n Narrowing) Read {
	if t.Off != nil {
		if off := t.Off(ix); off != nil {
			r := CoverNarrowed(v, ix, n, t.Seed, func(node string) bool { return off(node) || t.Avoid != nil && t.Avoid(node) })
			if len(r.Missing) == 0 {
				return r
			}
		}
	}
	return CoverNarrowed(v, ix, n, t.Seed, t.Avoid)
}

func (j Joint) reads(physical string) bool {
	return slices.ContainsFunc(j.Indexes, func(ix *routing.Index) bool { return ix.Physical == physical })
}

func sameRead(a, b Read) bool {
	return slices.Equal(a.Missing, b.Missing) && slices.EqualFunc(a.Legs, b.Legs, func(x, y Leg) bool {
		return x.Node == y.Node && slices.Equal(x.Shards, y.Shards)
	})
}
