package plan

import (
	"encoding/json"
	"slices"

	"github.com/miroir-search/miroir/gateway/plan/candidate"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// FacetsAsked is the reason why a read that counts facets is not narrowed: a node names only fields that it has seen, so
// that a facet without values may be missing in the answers of some.
const FacetsAsked candidate.Reason = "facets_requested"

// Narrowing says which shards of an index a read has to ask.
type Narrowing struct {
	Narrowed bool
	Reason   candidate.Reason // why, or why not
	Shards   []int            // ascending; only where Narrowed, and empty where nothing can match
}

// Narrow reads which shards can hold what a filter finds (F4). most bounds the ids that narrow; with 0 nothing is narrowed.
func Narrow(ix *routing.Index, filter json.RawMessage, most int) Narrowing {
	if most <= 0 {
		return Narrowing{Reason: candidate.Switched}
	}
	found := candidate.Of(filter, candidate.Key{Name: ix.PrimaryKey, Mixed: ix.PKCase != routing.PKLower, Most: most})
	if found.All {
		return Narrowing{Reason: found.Why}
	}
	return NarrowToIDs(ix, found.IDs)
}

// NarrowToIDs reads which shards hold the documents of some ids.
func NarrowToIDs[ID string | []byte](ix *routing.Index, ids []ID) Narrowing {
	n := Narrowing{Narrowed: true, Reason: candidate.Named}
	for _, id := range ids {
		n.Shards = append(n.Shards, shardmap.ShardOf([]byte(id), ix.Shards))
	}
	n.Shards = set(n.Shards)
	return n
}

func set(shards []int) []int {
	slices.Sort(shards)
	return slices.Compact(shards)
}

// Either is what a read has to ask that two filters share, one for each of its queries.
func (n Narrowing) Either(o Narrowing) Narrowing {
	switch {
	case !n.Narrowed:
		return n
	case !o.Narrowed:
		return o
	}
	n.Shards = set(slices.Concat(n.Shards, o.Shards))
	return n
}

// Both is what a read has to ask whose documents two conditions name.
func (n Narrowing) Both(o Narrowing) Narrowing {
	switch {
	case !o.Narrowed:
		return n
	case !n.Narrowed:
		return o
	}
	n.Shards = slices.DeleteFunc(slices.Clone(n.Shards), func(s int) bool { return !slices.Contains(o.Shards, s) })
	return n
}
