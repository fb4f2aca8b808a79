package journal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/miroir-search/miroir/internal/hlc"
)

// pass is the time between two looks for what can go.
const pass = 5 * time.Second

// Run drops what is old or too much, until ctx ends.
func (j *Journal) Run(ctx context.Context) error {
	tick := time.NewTicker(pass)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := j.Expire(); err != nil {
			j.Log.Error().Err(err).Msg("journal not tidied")
		}
	}
}

// Expire drops bodies that left the window and changes that are too old, and the oldest of both where they take too much
// room.
func (j *Journal) Expire() error {
	for {
		e, reason := j.outdated()
		if reason == "" {
			break
		}
		if err := j.dropBodies(e); err != nil {
			return err
		}
		j.Metrics.drop("bodies", reason)
	}
	if err := errors.Join(j.dropNotes(), j.dropBarred()); err != nil {
		return err
	}
	cut, reason := hlc.At(j.Now().Add(-j.MaxAge)), "age"
	size, err := j.changeBytes()
	if err != nil {
		return err
	}
	if size > j.MaxBytes/4 {
		crowded, err := j.crowdedBefore(j.MaxBytes / 5)
		if err != nil {
			return err
		}
		if crowded > cut {
			cut, reason = crowded, "size"
		}
	}
	return j.dropChanges(cut, reason)
}

// outdated is the oldest leg if its bodies can go, and why; its index's floor is raised at once. Bodies stay while an
// operation is on its way that may have to be put before them, or somebody holds them.
func (j *Journal) outdated() (e Entered, reason string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Metrics.kept(j.bytes)
	if len(j.order) == 0 {
		return e, ""
	}
	e = *j.legs[j.order[0]]
	switch {
	case e.Place.Time().Before(j.Now().Add(-j.Window)):
		reason = "age"
	case j.bytes > j.MaxBytes/4*3:
		reason = "size"
	default:
		return e, ""
	}
	if _, flying := j.flying[e.Place]; flying || !e.Registered {
		return e, ""
	}
	for _, f := range j.flying {
		if f.hold <= e.High.Stamp {
			return e, ""
		}
	}
	for from := range j.held {
		if from <= e.High.Stamp {
			return e, ""
		}
	}
	m := j.marksOf(e.Index)
	m.Floor = max(m.Floor, e.High.Stamp)
	j.marks[e.Index] = m
	j.dropped[e.Index] = max(j.dropped[e.Index], e.High.Stamp)
	return e, reason
}

// dropBodies deletes the operations of a leg. Its changes stay.
func (j *Journal) dropBodies(e Entered) error {
	batches := batcher{j: j, b: j.db.NewBatch()}
	defer func() { _ = batches.b.Close() }()
	// The floor is on disk before anything is missing below it.
	j.raise(batches.b, e.Index, e.High.Stamp)
	forgotten(batches.b, e.Index, j.droppedUpTo(e.Index))
	err := j.eachEntry(e, func(shard uint16, op entry) error {
		_ = batches.b.Delete(appendPlace(opPrefix(e.Index, shard, op.id), e.Place, op.ordinal), nil)
		return batches.full()
	})
	if err != nil {
		return fmt.Errorf("drop bodies: %w", err)
	}
	_ = batches.b.DeleteRange(bodyKey(e.Place, 0), bodyKey(e.Place, math.MaxUint32), nil)
	_ = batches.b.Delete(legKey(e.Place), nil)
	j.mu.Lock()
	_, waits := j.awaited[e.Place]
	j.mu.Unlock()
	if waits { // its changes may have to be taken back yet
		_ = batches.b.Set(awaitedKey(e.Place), appendLeg(nil, e), nil)
	}
	if err := commit(batches.b, pebble.NoSync); err != nil {
		return fmt.Errorf("drop bodies: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.drop(e.Place)
	return nil
}

// changeBytes is about how much room changes take on disk.
func (j *Journal) changeBytes() (int64, error) {
	var sum uint64
	for _, tag := range []byte{tagChange, tagNewest} {
		n, err := j.db.EstimateDiskUsage([]byte{tag}, []byte{tag + 1})
		if err != nil {
			return 0, fmt.Errorf("size of journal: %w", err)
		}
		sum += n
	}
	if j.Metrics != nil {
		j.Metrics.disk.Set(float64(j.db.Metrics().DiskSpaceUsage()))
	}
	return int64(sum), nil //nolint:gosec // bounded by the disk
}

// crowdedBefore is the place before which changes must go, so that about so many bytes of them stay.
func (j *Journal) crowdedBefore(stay int64) (hlc.Stamp, error) {
	perMinute := map[int64]int64{}
	var total int64
	err := j.each([]byte{tagChange}, func(key, value []byte) error {
		place, _, ok := placeOf(key)
		if !ok {
			return ErrCorrupt
		}
		// The newest version of a document takes about twice the room of its entry in a list.
		n := int64(len(key) + 3*len(value))
		perMinute[place.Time().Unix()/60] += n
		total += n
		return nil
	})
	if err != nil || total == 0 {
		return 0, err
	}
	// What is on disk is compressed: minutes are weighed against each other only.
	size, err := j.changeBytes()
	if err != nil {
		return 0, err
	}
	first, last := int64(math.MaxInt64), int64(0)
	for minute := range perMinute {
		first, last = min(first, minute), max(last, minute)
	}
	keep := int64(float64(total) * float64(stay) / float64(max(size, 1)))
	for minute := last; minute >= first; minute-- {
		if keep -= perMinute[minute]; keep < 0 {
			return hlc.At(time.Unix((minute+1)*60, 0)), nil
		}
	}
	return 0, nil
}

// dropChanges deletes the changes before a place, but for those of legs whose bodies are kept.
func (j *Journal) dropChanges(cut hlc.Stamp, reason string) error {
	j.mu.Lock()
	if len(j.order) > 0 {
		cut = min(cut, j.order[0])
	}
	j.mu.Unlock()
	indexes, err := j.changedBefore(cut)
	if err != nil {
		return err
	}
	for _, index := range indexes {
		if err := j.forgetBefore(index, cut); err != nil {
			return fmt.Errorf("drop changes: %w", err)
		}
		j.Metrics.drop("changes", reason)
	}
	return nil
}

// changedBefore lists the indexes with changes before a place.
func (j *Journal) changedBefore(cut hlc.Stamp) (list []string, err error) {
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{tagChange}, UpperBound: []byte{tagChange + 1}})
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	defer func() { _ = it.Close() }()
	for ok := it.First(); ok; {
		key := it.Key()
		place, _, sound := placeOf(key)
		if !sound || len(key) < 12 {
			return nil, ErrCorrupt
		}
		index := string(key[1 : len(key)-11])
		if place < cut {
			list = append(list, index)
		}
		ok = it.SeekGE(after(prefixOf(tagChange, index)))
	}
	return list, it.Error()
}

// forgetBefore drops the changes of one index. The low-water mark is on disk before anything is missing above the old one.
func (j *Journal) forgetBefore(index string, cut hlc.Stamp) error {
	batches := batcher{j: j, b: j.db.NewBatch()}
	defer func() { _ = batches.b.Close() }()
	j.mu.Lock()
	m := j.marksOf(index)
	m.Low = max(m.Low, cut)
	j.marks[index] = m
	j.mu.Unlock()
	_ = batches.b.Set(indexKey(index), appendMarks(nil, m), nil)
	_ = batches.b.DeleteRange(changeKey(index, 0, 0), changeKey(index, cut, 0), nil)
	err := j.each(prefixOf(tagNewest, index), func(key, value []byte) error {
		l, err := parseLatest(value)
		if err != nil || l.place >= cut {
			return err
		}
		_ = batches.b.Delete(key, nil)
		return batches.full()
	})
	if err != nil {
		return err
	}
	return commit(batches.b, pebble.NoSync)
}

// Forget drops everything about an index that is gone. Names of indexes are never used twice.
func (j *Journal) Forget(index string) error { return j.restart(index, marks{}) }

// Lose begins an index anew whose documents the engine has lost: what was written to it says nothing about what is there
// now. As in an empty store the present is the floor, and the low-water mark.
func (j *Journal) Lose(index string) error {
	now := j.clock.Next()
	return j.restart(index, marks{Floor: now, Low: hlc.At(now.Time().Add(birthMargin))})
}

// restart drops everything about an index and leaves the marks; zero ones are left out.
func (j *Journal) restart(index string, left marks) error {
	b := j.db.NewBatch()
	defer func() { _ = b.Close() }()
	for _, tag := range []byte{tagChange, tagOp, tagNewest} {
		prefix := prefixOf(tag, index)
		_ = b.DeleteRange(prefix, after(prefix), nil)
	}
	_ = b.Delete(indexKey(index), nil)
	_ = b.Delete(taskKey(index), nil)
	_ = b.Delete(droppedKey(index), nil)
	if left != (marks{}) {
		_ = b.Set(indexKey(index), appendMarks(nil, left), nil)
	}
	j.mu.Lock()
	for _, place := range append([]hlc.Stamp(nil), j.order...) {
		if e := j.legs[place]; e.Index == index {
			_ = b.DeleteRange(bodyKey(place, 0), bodyKey(place, math.MaxUint32), nil)
			_ = b.Delete(legKey(place), nil)
			j.drop(place)
		}
	}
	for place, e := range j.awaited {
		if e.Index == index {
			_ = b.Delete(awaitedKey(place), nil)
			delete(j.awaited, place)
		}
	}
	delete(j.marks, index)
	delete(j.dropped, index)
	if left != (marks{}) {
		j.marks[index] = left
	}
	delete(j.newest, index)
	delete(j.tasks, index)
	delete(j.wide, index)
	j.mu.Unlock()
	if err := commit(b, pebble.NoSync); err != nil {
		return fmt.Errorf("forget index: %w", err)
	}
	return nil
}

func (m *Metrics) kept(bytes int64) {
	if m != nil {
		m.window.Set(float64(bytes))
	}
}

func (m *Metrics) drop(what, reason string) {
	if m != nil {
		m.dropped.WithLabelValues(what, reason).Inc()
	}
}
