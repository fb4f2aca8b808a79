package journal

import (
	"encoding/binary"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// Newest is the newest version of a document that the journal knows of.
type Newest struct {
	guard.Version
	Deleted bool
	Place   hlc.Stamp // of the leg that came last, which need not be the one of the version
}

// newestSize is the length of an encoded Newest.
const newestSize = 8 + 4 + 1 + 8

func appendNewest(b []byte, n Newest) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(n.Stamp))
	b = binary.BigEndian.AppendUint32(b, n.Position)
	b = append(b, 0)
	if n.Deleted {
		b[len(b)-1] = 1
	}
	return binary.BigEndian.AppendUint64(b, uint64(n.Place))
}

func parseNewest(b []byte) (Newest, error) {
	if len(b) != newestSize || b[12] > 1 {
		return Newest{}, ErrCorrupt
	}
	return Newest{
		Version: guard.Version{Stamp: hlc.Stamp(binary.BigEndian.Uint64(b)), Position: binary.BigEndian.Uint32(b[8:])},
		Deleted: b[12] == 1, Place: hlc.Stamp(binary.BigEndian.Uint64(b[13:])),
	}, nil
}

// and is what is newer of two. At equal versions the deletion is.
func (n Newest) and(o Newest) Newest {
	place := max(n.Place, o.Place)
	if c := n.Compare(o.Version); c < 0 || c == 0 && o.Deleted {
		n = o
	}
	n.Place = place
	return n
}

// merger lets a write of a newest version be blind: the store itself keeps the newer one.
var merger = &pebble.Merger{
	Name: "miroir.newest",
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		n, err := parseNewest(value)
		return &merging{n}, err
	},
}

type merging struct{ Newest }

func (m *merging) take(value []byte) error {
	n, err := parseNewest(value)
	if err == nil {
		m.Newest = m.and(n)
	}
	return err
}

// MergeNewer implements pebble.ValueMerger.
func (m *merging) MergeNewer(value []byte) error { return m.take(value) }

// MergeOlder implements pebble.ValueMerger.
func (m *merging) MergeOlder(value []byte) error { return m.take(value) }

// Finish implements pebble.ValueMerger.
func (m *merging) Finish(bool) ([]byte, io.Closer, error) {
	return appendNewest(nil, m.Newest), nil, nil
}

// EachNewest visits the newest versions of a shard's documents that the journal knows of, by id. visit may keep nothing of
// the id.
func (j *Journal) EachNewest(index string, shard int, visit func(id []byte, n Newest) error) error {
	prefix := newestKey(index, uint16(shard), nil) //nolint:gosec // below MaxShards
	return j.each(prefix, func(key, value []byte) error {
		n, err := parseNewest(value)
		if err != nil {
			return err
		}
		return visit(key[len(prefix):], n)
	})
}
