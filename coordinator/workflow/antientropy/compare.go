package antientropy

import (
	"maps"
	"slices"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// copyDigest is the digest of one copy.
type copyDigest struct {
	node string
	nodeapi.ShardDigest
}

// sameScheme says whether digests are made alike.
func sameScheme(list []copyDigest) bool {
	for _, d := range list {
		if d.Scheme != list[0].Scheme || len(d.Buckets) != nodeapi.DigestBuckets || len(d.Counts) != nodeapi.DigestBuckets {
			return false
		}
	}
	return true
}

// group is some buckets whose documents are listed together.
type group []int

// differing finds the buckets that are not the same on all copies, in groups of at most about limit documents a copy.
func differing(list []copyDigest, limit uint64) (groups []group) {
	var now group
	var size uint64
	for b := range nodeapi.DigestBuckets {
		same, most := true, uint64(0)
		for _, d := range list {
			same = same && d.Buckets[b] == list[0].Buckets[b] && d.Counts[b] == list[0].Counts[b]
			most = max(most, d.Counts[b])
		}
		if same {
			continue
		}
		if len(now) > 0 && size+most > limit {
			groups, now, size = append(groups, now), nil, 0
		}
		now, size = append(now, b), size+most
	}
	if len(now) > 0 {
		groups = append(groups, now)
	}
	return groups
}

// table collects what copies have of documents. The copies are those of nodes, in this order.
type table struct {
	nodes []string
	rows  map[string][]Holding
}

func newTable(nodes []string) *table { return &table{nodes, map[string][]Holding{}} }

// take notes what the copy at a place has. The leaf is not kept.
func (t *table) take(at int, l nodeapi.Leaf) {
	row, ok := t.rows[string(l.ID)]
	if !ok {
		row = make([]Holding, len(t.nodes))
		for i, n := range t.nodes {
			row[i].Node = n
		}
		t.rows[string(l.ID)] = row
	}
	switch h := &row[at]; l.Kind {
	case nodeapi.LeafStored:
		h.Stored, h.Version, h.Sum, h.Expires = true, l.Version, l.Sum, l.Expires
	case nodeapi.LeafDeleted:
		h.Deleted = l.Version
	case nodeapi.LeafKnown:
		h.Known = l.Version
	case nodeapi.LeafUnsettled:
		h.Unsettled = true
	case nodeapi.LeafAbsent:
	}
}

// uneven lists the documents whose copies differ, or may, ascending; all others are forgotten.
func (t *table) uneven() []string {
	maps.DeleteFunc(t.rows, func(_ string, row []Holding) bool {
		return alike(row) && !slices.ContainsFunc(row, func(h Holding) bool { return h.Unsettled })
	})
	return slices.Sorted(maps.Keys(t.rows))
}

// behind finds the copies whose engine is at an older state than its journal says, and than all deletions that another
// copy still knows of: of a document that only they have nobody can tell that it was deleted. What the journal knows and
// the engine does not show must be on another copy, else it was never carried out.
func (t *table) behind(digests []copyDigest) map[string]bool {
	late := map[string]bool{}
	for _, row := range t.rows {
		for i, h := range row {
			for _, other := range row {
				if h.Known.Compare(nodeapi.Place{}) > 0 && (!h.Stored || h.Version.Compare(h.Known) < 0) && other.Stored &&
					other.Version.Compare(h.Known) >= 0 {
					late[t.nodes[i]] = true
				}
			}
		}
	}
	for _, d := range digests {
		if !late[d.node] {
			continue
		}
		horizon := hlc.Stamp(0)
		for _, other := range digests {
			if other.node != d.node {
				horizon = max(horizon, other.Low)
			}
		}
		if hlc.Stamp(d.Newest[0]) >= horizon {
			delete(late, d.node)
		}
	}
	return late
}

// judge decides about a document of the table.
func (t *table) judge(id string, shard, shards int, late map[string]bool, expired uint64) Verdict {
	row := t.rows[id]
	for i := range row {
		row[i].Behind = late[row[i].Node]
	}
	if v := Judge(row, expired); v.Rule == Same || shardmap.ShardOf([]byte(id), shards) == shard {
		return v
	}
	return Verdict{Rule: Foreign, Parked: Misplaced}
}

// recent says whether one of the copies changed after a stamp, or is changing: it may be on its way to the others.
func (t *table) recent(id string, after hlc.Stamp) bool {
	for _, h := range t.rows[id] {
		if h.Unsettled || hlc.Stamp(max(h.Version[0], h.Deleted[0], h.Known[0])) >= after {
			return true
		}
	}
	return false
}

// same says whether a document is on all copies as it was in an earlier table.
func (t *table) same(id string, before *table) bool { return slices.Equal(t.rows[id], before.rows[id]) }
