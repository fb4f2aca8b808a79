package digest

import (
	"encoding/binary"
	"encoding/hex"
	"math/bits"

	"github.com/zeebo/xxh3"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// Buckets is the number of buckets of a digest.
const Buckets = nodeapi.DigestBuckets

// Scheme names the way in which leaves and digests are made. Nodes of different schemes can not be compared; it grows with
// every change of what a leaf is.
const Scheme = 2

// Hash is 128 bits of XXH3.
type Hash = xxh3.Uint128

// Light is the leaf of a document whose content is not looked at.
func Light(id []byte, version nodeapi.Place) Hash {
	return xxh3.Hash128(appendVersion(make([]byte, 0, 128), id, version))
}

// Deep is the leaf of a document with its content.
func Deep(id []byte, version nodeapi.Place, content Hash) Hash {
	return xxh3.Hash128(appendHash(append(appendVersion(make([]byte, 0, 128), id, version), 0), content))
}

func appendVersion(b, id []byte, v nodeapi.Place) []byte {
	b = append(append(b, id...), 0)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, v[0]), v[1])
}

// Digest stands for a set of documents.
type Digest struct {
	Sums   [Buckets]Hash
	Counts [Buckets]uint64
}

// BucketOf is the bucket of a document.
func BucketOf(id []byte) int { return int(xxh3.Hash(id) >> 56) } //nolint:gosec // eight bits

// Add takes a document in.
func (d *Digest) Add(id []byte, leaf Hash) {
	b := BucketOf(id)
	d.Sums[b] = add(d.Sums[b], leaf)
	d.Counts[b]++
}

// Remove takes a document out that was taken in before.
func (d *Digest) Remove(id []byte, leaf Hash) {
	b := BucketOf(id)
	d.Sums[b] = add(d.Sums[b], negative(leaf))
	d.Counts[b]--
}

// Count is the number of documents.
func (d *Digest) Count() (n uint64) {
	for _, c := range d.Counts {
		n += c
	}
	return n
}

// Root stands for all buckets.
func (d *Digest) Root() Hash {
	b := make([]byte, 0, Buckets*24)
	for i := range Buckets {
		b = binary.BigEndian.AppendUint64(appendHash(b, d.Sums[i]), d.Counts[i])
	}
	return xxh3.Hash128(b)
}

// Shard is the digest as it travels.
func (d *Digest) Shard() nodeapi.ShardDigest {
	out := nodeapi.ShardDigest{
		Scheme: Scheme, Root: Format(d.Root()), Count: d.Count(), Buckets: make([]string, Buckets), Counts: d.Counts[:],
	}
	for i, sum := range d.Sums {
		if sum != (Hash{}) {
			out.Buckets[i] = Format(sum)
		}
	}
	return out
}

func add(a, b Hash) Hash {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(a.Hi, b.Hi, carry)
	return Hash{Hi: hi, Lo: lo}
}

func negative(h Hash) Hash {
	lo, borrow := bits.Sub64(0, h.Lo, 0)
	hi, _ := bits.Sub64(0, h.Hi, borrow)
	return Hash{Hi: hi, Lo: lo}
}

func appendHash(b []byte, h Hash) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, h.Hi), h.Lo)
}

// Format writes a hash in 32 hexadecimal digits.
func Format(h Hash) string { return hex.EncodeToString(appendHash(nil, h)) }

// Parse reads what Format wrote.
func Parse(s string) (h Hash, ok bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 16 {
		return h, false
	}
	return Hash{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}, true
}
