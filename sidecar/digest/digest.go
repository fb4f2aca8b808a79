package digest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/sidecar/span"
)

// Buckets is the number of buckets of a digest.
const Buckets = 256

// Hash is 128 bits of XXH3.
type Hash = xxh3.Uint128

// Leaf stands for one document.
func Leaf(id, version []byte, content Hash) Hash {
	b := make([]byte, 0, 128)
	b = append(append(b, id...), 0)
	b = append(append(b, version...), 0)
	return xxh3.Hash128(appendHash(b, content))
}

// Content stands for what clients wrote into a document, as an engine shows it. An error is span.ErrSyntax.
func Content(document []byte) (Hash, error) {
	fields, err := members(document, func(name []byte) bool {
		return !bytes.HasPrefix(name, reserved) || !nodeapi.IsReserved(string(name))
	})
	if err != nil {
		return Hash{}, err
	}
	var h xxh3.Hasher
	for _, f := range fields {
		value := f.value
		if string(f.name) == "_vectors" && len(value) > 0 && value[0] == '{' {
			if value, err = given(value); err != nil {
				return Hash{}, err
			}
			if len(value) == 0 {
				continue
			}
		}
		_, _ = h.Write(f.name)
		_, _ = h.Write(separator)
		_, _ = h.Write(value)
		_, _ = h.Write(separator)
	}
	return h.Sum128(), nil
}

var (
	reserved  = []byte(nodeapi.ReservedPrefix)
	separator = []byte{0}
)

type field struct{ name, value []byte }

// members lists the members of an object by their names.
func members(object []byte, wanted func(name []byte) bool) (list []field, err error) {
	err = span.Members(object, func(key, value []byte) error {
		name, err := span.Text(key)
		if err == nil && wanted(name) {
			list = append(list, field{name, value})
		}
		return err
	})
	slices.SortFunc(list, func(a, b field) int { return bytes.Compare(a.name, b.name) })
	return list, err
}

// given keeps the vectors that were given with the document; the others follow from it.
func given(vectors []byte) ([]byte, error) {
	embedders, err := members(vectors, func([]byte) bool { return true })
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, e := range embedders {
		made := false
		if len(e.value) > 0 && e.value[0] == '{' {
			if err := span.Members(e.value, func(key, value []byte) error {
				made = made || string(key) == `"regenerate"` && string(value) == "true"
				return nil
			}); err != nil {
				return nil, err
			}
		}
		if !made {
			out = append(append(append(append(out, e.name...), 0), e.value...), 0)
		}
	}
	return out, nil
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
