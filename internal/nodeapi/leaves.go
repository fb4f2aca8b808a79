package nodeapi

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/miroir-search/miroir/internal/hlc"
)

// DigestBuckets is the number of buckets of a digest. A document's bucket is the top byte of XXH3-64 of its id.
const DigestBuckets = 256

// InventoryQuery asks for leaves, or for the digest, of the documents of one shard.
type InventoryQuery struct {
	Index     string `json:"index"`
	Shard     int    `json:"shard"`
	Light     bool   `json:"light,omitempty"`     // versions only: contents are not read
	Buckets   []int  `json:"buckets,omitempty"`   // only documents of these; none means all
	Journaled bool   `json:"journaled,omitempty"` // an inventory lists what only the journal knows as well
	Expired   uint64 `json:"expired,omitempty"`   // a digest leaves out documents that expired by then, in Unix ms; 0: none expire
	Rate      int    `json:"rate,omitempty"`      // documents a second; 0 for no bound
	Settled   bool   `json:"settled,omitempty"`   // what the engine has in its queue need not be waited for: it was, a moment ago
}

// LeavesQuery asks for leaves of some documents.
type LeavesQuery struct {
	Index     string     `json:"index"`
	Light     bool       `json:"light,omitempty"`
	Documents []Document `json:"documents"`
}

// LeafKind is what a leaf says about its document.
type LeafKind byte

// Kinds of leaves.
const (
	LeafStored    LeafKind = 's' // the engine shows it at Version
	LeafDeleted   LeafKind = 'd' // the journal knows of its deletion at Version
	LeafKnown     LeafKind = 'k' // the journal knows of a version that the engine does not show: lost, or on its way
	LeafAbsent    LeafKind = 'a' // neither engine nor journal know it
	LeafUnsettled LeafKind = 'u' // its operations are being put in order: ask again
)

// Leaf stands for one document of a shard.
type Leaf struct {
	Kind    LeafKind
	ID      []byte
	Version Place
	Sum     string // of a stored document: 32 hexadecimal digits over version and content, as the sidecars' digests count it
	Expires uint64 // of a stored document: Unix ms after which it is expired, 0 for never
}

// leafSum is the length of a leaf's sum.
const leafSum = 32

// AppendLeaf writes a line: kind, id, version, sum and expiry between tabs.
func AppendLeaf(dst []byte, l Leaf) []byte {
	return fmt.Appendf(dst, "%c\t%s\t%d.%d\t%s\t%d\n", l.Kind, l.ID, l.Version[0], l.Version[1], l.Sum, l.Expires)
}

// ParseLeaf undoes AppendLeaf; the id aliases the line.
func ParseLeaf(line []byte) (Leaf, error) {
	var l Leaf
	parts := bytes.Split(line, []byte{'\t'})
	if len(parts) != 5 || len(parts[0]) != 1 || len(parts[1]) == 0 {
		return l, ErrList
	}
	stamp, position, ok := bytes.Cut(parts[2], []byte{'.'})
	var good, well bool
	l.Version[0], good = decimal(stamp, 16)
	l.Version[1], well = decimal(position, 15)
	expires, err := strconv.ParseUint(string(parts[4]), 10, 64)
	l.Kind, l.ID, l.Sum, l.Expires = LeafKind(parts[0][0]), parts[1], string(parts[3]), expires
	if !ok || !good || !well || err != nil || len(l.Sum) != l.Kind.sum() {
		return l, ErrList
	}
	return l, nil
}

// sum is how long the sum of a leaf of the kind is, or -1 for no kind.
func (k LeafKind) sum() int {
	switch k {
	case LeafStored:
		return leafSum
	case LeafDeleted, LeafKnown, LeafAbsent, LeafUnsettled:
		return 0
	}
	return -1
}

// ShardDigest answers PathDigest.
type ShardDigest struct {
	Scheme  int       `json:"scheme"` // digests of different schemes can not be compared
	Root    string    `json:"root"`
	Count   uint64    `json:"count"`
	Buckets []string  `json:"buckets"` // sums of leaves, by the bucket; empty for one without documents
	Counts  []uint64  `json:"counts"`  // documents, by the bucket
	Newest  Place     `json:"newest"`  // greatest version that the engine shows
	Low     hlc.Stamp `json:"low"`     // deletions before are not known to the journal any more
	Expired uint64    `json:"expired"` // documents left out because they expired
}

// StraysQuery asks for the documents of an index that stand on the node and belong to no shard it holds: left over by a move, or
// written behind its sidecar. Nobody finds them.
type StraysQuery struct {
	Index string `json:"index"`
	Limit int    `json:"limit,omitempty"` // how many are named; 0: they are only counted
}

// Strays answers PathStrays.
type Strays struct {
	Count     int     `json:"count"`
	Documents []Stray `json:"documents,omitempty"`
}

// Stray is a document on a node that does not hold its shard. Whatever it says of its shard, the id tells which one that is.
type Stray struct {
	ID      string `json:"id"`
	Version Place  `json:"v"` // zero: it never passed a sidecar
}
