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

// latest is what is kept of a document: the newest version that was written, and the newest that was deleted. Each has its
// own place, for the engine may fail to carry out one of them.
type latest struct {
	written, deleted guard.Version
	place            hlc.Stamp // of the leg that came last
}

// latestOf is what one operation says.
func latestOf(v guard.Version, deleted bool, place hlc.Stamp) latest {
	if deleted {
		return latest{deleted: v, place: place}
	}
	return latest{written: v, place: place}
}

// newest is the newer of both. At equal versions the deletion is.
func (l latest) newest() Newest {
	if l.deleted != (guard.Version{}) && l.deleted.Compare(l.written) >= 0 {
		return Newest{l.deleted, true, l.place}
	}
	return Newest{l.written, false, l.place}
}

// and is what two of them say together.
func (l latest) and(o latest) latest {
	return latest{newer(l.written, o.written), newer(l.deleted, o.deleted), max(l.place, o.place)}
}

func newer(a, b guard.Version) guard.Version {
	if b.Compare(a) > 0 {
		return b
	}
	return a
}

const (
	versionSize = 8 + 4
	latestSize  = 2*versionSize + 8
	formerSize  = versionSize + 1 + 8 // of records with one version, and whether it was deleted
)

func appendLatest(b []byte, l latest) []byte {
	for _, v := range []guard.Version{l.written, l.deleted} {
		b = binary.BigEndian.AppendUint64(b, uint64(v.Stamp))
		b = binary.BigEndian.AppendUint32(b, v.Position)
	}
	return binary.BigEndian.AppendUint64(b, uint64(l.place))
}

func parseLatest(b []byte) (latest, error) {
	version := func(b []byte) guard.Version {
		return guard.Version{Stamp: hlc.Stamp(binary.BigEndian.Uint64(b)), Position: binary.BigEndian.Uint32(b[8:])}
	}
	switch {
	case len(b) == latestSize:
		return latest{version(b), version(b[versionSize:]), hlc.Stamp(binary.BigEndian.Uint64(b[2*versionSize:]))}, nil
	case len(b) == formerSize && b[versionSize] <= 1:
		return latestOf(version(b), b[versionSize] == 1, hlc.Stamp(binary.BigEndian.Uint64(b[versionSize+1:]))), nil
	}
	return latest{}, ErrCorrupt
}

// merger lets a write of a newest version be blind: the store itself keeps the newer one.
var merger = &pebble.Merger{
	Name: "miroir.newest",
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		l, err := parseLatest(value)
		return &merging{l}, err
	},
}

type merging struct{ latest }

func (m *merging) take(value []byte) error {
	l, err := parseLatest(value)
	if err == nil {
		m.latest = m.and(l)
	}
	return err
}

// MergeNewer implements pebble.ValueMerger.
func (m *merging) MergeNewer(value []byte) error { return m.take(value) }

// MergeOlder implements pebble.ValueMerger.
func (m *merging) MergeOlder(value []byte) error { return m.take(value) }

// Finish implements pebble.ValueMerger.
func (m *merging) Finish(bool) ([]byte, io.Closer, error) {
	return appendLatest(nil, m.latest), nil, nil
}

// EachNewest visits the newest versions of a shard's documents that the journal knows of, by id. visit may keep nothing of
// the id.
func (j *Journal) EachNewest(index string, shard int, visit func(id []byte, n Newest) error) error {
	prefix := newestKey(index, uint16(shard), nil) //nolint:gosec // below MaxShards
	return j.each(prefix, func(key, value []byte) error {
		l, err := parseLatest(value)
		if err != nil {
			return err
		}
		return visit(key[len(prefix):], l.newest())
	})
}
