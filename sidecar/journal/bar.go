package journal

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/miroir-search/miroir/internal/hlc"
)

// Bounds of barred writes. A write that is under way for longer does not come any more.
const (
	barTime   = time.Hour
	maxBarred = 10_000
)

// flight is a leg that was begun and has not ended.
type flight struct {
	Leg
	hold hlc.Stamp // that holds bodies back
}

// Written names a write.
type Written struct {
	Write string    // dispatch id
	Stamp hlc.Stamp // of its operations
}

// Bar makes sure that the node will never take some writes to an index that did not come to it, even if they are still on their way, and
// names these. What was named stays barred when the process dies. A write that is here in any state is not among them; neither is one that
// is so old that it may have been here and is forgotten.
func (j *Journal) Bar(index string, writes []Written) (barred []string, err error) {
	now := j.Now()
	fresh := j.bar(index, writes, now)
	b := j.db.NewBatch()
	defer func() { _ = b.Close() }()
	for _, write := range fresh {
		_ = b.Set(barredKey(write), binary.BigEndian.AppendUint64(nil, uint64(now.UnixNano())), nil) //nolint:gosec // after 1970
	}
	if err := commit(b, j.write); err != nil {
		return nil, fmt.Errorf("bar writes: %w", err)
	}
	return fresh, nil
}

// bar keeps the writes that did not come from being begun.
func (j *Journal) bar(index string, writes []Written, now time.Time) (barred []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	here := map[string]bool{}
	for _, f := range j.flying {
		here[f.Write] = true
	}
	for _, e := range j.legs {
		here[e.Write] = true
	}
	for _, e := range j.awaited {
		here[e.Write] = true
	}
	for _, w := range writes {
		_, known := j.barred[w.Write]
		if !known && (w.Write == "" || here[w.Write] || w.Stamp <= max(j.dropped[index], j.birth.Floor) || len(j.barred) >= maxBarred) {
			continue
		}
		j.barred[w.Write] = now
		barred = append(barred, w.Write)
	}
	return barred
}

func (j *Journal) droppedUpTo(index string) hlc.Stamp {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dropped[index]
}

// forgotten notes on disk up to which legs of an index are dropped from it.
func forgotten(b *pebble.Batch, index string, to hlc.Stamp) {
	_ = b.Set(droppedKey(index), binary.BigEndian.AppendUint64(nil, uint64(to)), nil)
}

func (j *Journal) loadBarred() error {
	err := j.each([]byte{tagDropped}, func(key, value []byte) error {
		if len(value) != 8 {
			return ErrCorrupt
		}
		j.dropped[string(key[1:])] = hlc.Stamp(reader64(value))
		return nil
	})
	if err != nil {
		return err
	}
	return j.each([]byte{tagBarred}, func(key, value []byte) error {
		if len(value) != 8 {
			return ErrCorrupt
		}
		j.barred[string(key[1:])] = time.Unix(0, int64(binary.BigEndian.Uint64(value))) //nolint:gosec // written by Bar
		return nil
	})
}

// dropBarred forgets barred writes that can not be on their way any more.
func (j *Journal) dropBarred() error {
	var old []string
	j.mu.Lock()
	for write, since := range j.barred {
		if j.Now().Sub(since) > barTime {
			old = append(old, write)
			delete(j.barred, write)
		}
	}
	j.mu.Unlock()
	if len(old) == 0 {
		return nil
	}
	b := j.db.NewBatch()
	defer func() { _ = b.Close() }()
	for _, write := range old {
		_ = b.Delete(barredKey(write), nil)
	}
	if err := commit(b, pebble.NoSync); err != nil {
		return fmt.Errorf("forget barred writes: %w", err)
	}
	return nil
}
