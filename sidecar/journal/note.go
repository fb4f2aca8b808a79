package journal

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/miroir-search/miroir/internal/hlc"
)

// Bounds of the log of repairs.
const (
	noteAge   = 7 * 24 * time.Hour
	noteCount = 10_000
	noteBytes = 64 << 20
)

// noted is where an entry of the log stands.
type noted struct {
	place hlc.Stamp
	size  int
}

func noteKey(place hlc.Stamp) []byte {
	return binary.BigEndian.AppendUint64([]byte{tagNote}, uint64(place))
}

// Note writes opaque entries into the log of repairs. They are kept for seven days, as far as there is room for them.
func (j *Journal) Note(entries ...[]byte) error {
	b := j.db.NewBatch()
	defer func() { _ = b.Close() }()
	list := make([]noted, len(entries))
	for i, e := range entries {
		list[i] = noted{j.clock.Next(), len(e)}
		_ = b.Set(noteKey(list[i].place), e, nil)
	}
	if err := commit(b, pebble.NoSync); err != nil {
		return fmt.Errorf("note repair: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.notes = append(j.notes, list...)
	return nil
}

// Notes visits the entries of the log since a time, the newest first, until visit wants no more. visit may keep nothing.
func (j *Journal) Notes(since time.Time, visit func(entry []byte) (more bool, err error)) error {
	from := hlc.Stamp(0)
	if since.Unix() > 0 {
		from = hlc.At(since)
	}
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: noteKey(from), UpperBound: []byte{tagNote + 1}})
	if err != nil {
		return fmt.Errorf("read log of repairs: %w", err)
	}
	defer func() { _ = it.Close() }()
	for ok := it.Last(); ok; ok = it.Prev() {
		value, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("read log of repairs: %w", err)
		}
		if more, err := visit(value); err != nil || !more {
			return err
		}
	}
	return it.Error()
}

func (j *Journal) loadNotes() error {
	return j.each([]byte{tagNote}, func(key, value []byte) error {
		if len(key) != 9 {
			return ErrCorrupt
		}
		j.notes = append(j.notes, noted{hlc.Stamp(reader64(key[1:])), len(value)})
		return nil
	})
}

// dropNotes forgets what is too old or too much of the log.
func (j *Journal) dropNotes() error {
	j.mu.Lock()
	cut, size := 0, 0
	for _, n := range j.notes {
		size += n.size
	}
	old := hlc.At(j.Now().Add(-noteAge))
	for cut < len(j.notes) && (j.notes[cut].place < old || len(j.notes)-cut > noteCount || size > noteBytes) {
		size -= j.notes[cut].size
		cut++
	}
	var last hlc.Stamp
	if cut > 0 {
		last = j.notes[cut-1].place
		j.notes = append([]noted(nil), j.notes[cut:]...)
	}
	j.mu.Unlock()
	if cut == 0 {
		return nil
	}
	if err := j.db.DeleteRange(noteKey(0), noteKey(last+1), pebble.NoSync); err != nil {
		return fmt.Errorf("drop log of repairs: %w", err)
	}
	return nil
}
