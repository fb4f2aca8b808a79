package journal

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// Awaited lists the legs of an index of which nobody has said how their tasks ended, in the order of their tasks.
func (j *Journal) Awaited(index string) (list []Entered) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.awaited {
		if e.Index == index {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b Entered) int { return cmp.Compare(a.Task, b.Task) })
	return list
}

// Failures is how many legs of an index were taken back since the journal was opened: what was read of the index before the
// number changed may have an effect that the engine has not.
func (j *Journal) Failures(index string) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed[index]
}

// Succeed says that the engine has carried out some legs.
func (j *Journal) Succeed(places []hlc.Stamp) error {
	b := j.db.NewBatch()
	defer func() { _ = b.Close() }()
	for _, place := range places {
		_ = b.Delete(awaitedKey(place), nil)
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("note how tasks ended: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, place := range places {
		delete(j.awaited, place)
	}
	return nil
}

// Fail takes back a leg whose task the engine did not carry out: its operations are not found any more, and the newest versions
// of its documents are those from before it. That they were touched stays known, for catch-up. It may be repeated.
func (j *Journal) Fail(place hlc.Stamp) error {
	j.mu.Lock()
	e, ok := j.awaited[place]
	j.mu.Unlock()
	if !ok {
		return nil
	}
	if err := j.takeBack(e); err != nil {
		return fmt.Errorf("take back leg: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.drop(place)
	delete(j.awaited, place)
	j.failed[e.Index]++
	return nil
}

// touched is a document of a leg that is taken back.
type touched struct {
	shard uint16
	id    []byte
	last  guard.Version // of the leg's operations on it
	left  latest        // what is known without the leg
}

// takeBack writes what Fail says. The headers go last, so a crash in the middle of it is made good by doing it again.
func (j *Journal) takeBack(e Entered) error {
	j.taking.Lock()
	defer j.taking.Unlock()
	batches := batcher{j: j, b: j.db.NewBatch()}
	defer func() { _ = batches.b.Close() }()
	documents, lists := map[string]*touched{}, map[uint16][]byte{}
	err := j.eachEntry(e, func(shard uint16, op entry) error {
		key := string(newestKey(e.Index, shard, op.id))
		if documents[key] == nil {
			documents[key] = &touched{shard: shard, id: slices.Clone(op.id)}
		}
		documents[key].last = newer(documents[key].last, op.version)
		op.deleted = false
		lists[shard] = appendEntry(lists[shard], op)
		return batches.remove(appendPlace(opPrefix(e.Index, shard, op.id), e.Place, op.ordinal))
	})
	if err == nil {
		err = j.unmake(e, documents)
	}
	for key, d := range documents {
		if err != nil {
			return err
		}
		if d.left.newest().Version == (guard.Version{}) {
			err = batches.remove([]byte(key))
			continue
		}
		_ = batches.b.Set([]byte(key), appendLatest(nil, d.left), nil)
		err = batches.full()
	}
	if err != nil {
		return err
	}
	for shard, list := range lists {
		_ = batches.b.Set(changeKey(e.Index, e.Place, shard), list, nil)
	}
	_ = batches.b.DeleteRange(bodyKey(e.Place, 0), bodyKey(e.Place, math.MaxUint32), nil)
	_ = batches.b.Set(metaKey(metaTaken), binary.BigEndian.AppendUint64(nil, uint64(j.latestPlace())), nil)
	_ = batches.b.Delete(legKey(e.Place), nil)
	_ = batches.b.Delete(awaitedKey(e.Place), nil)
	return batches.b.Commit(pebble.NoSync)
}

func (j *Journal) latestPlace() hlc.Stamp {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// unmake finds out what is known of documents without a leg. A write that left the window leaves no trace of its own when a
// newer one did, and none is needed. An earlier deletion must not be forgotten, or the document could come back: it is
// looked for in the lists of changes.
func (j *Journal) unmake(e Entered, documents map[string]*touched) error {
	orphans := false
	for key, d := range documents {
		was, ok, err := j.latest([]byte(key))
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		var rest latest
		prefix := opPrefix(e.Index, d.shard, d.id)
		if err := j.operations(prefix, func(k Known) {
			if k.Place != e.Place {
				rest = rest.and(latestOf(k.Version, k.Kind == guard.Delete, k.Place))
			}
		}); err != nil {
			return err
		}
		d.left = was
		if rest.place != 0 {
			d.left.place = rest.place
		}
		switch {
		case e.Kind == guard.Delete && was.deleted == d.last:
			d.left.deleted, orphans = rest.deleted, true
		case e.Kind != guard.Delete && was.written == d.last:
			d.left.written = rest.written
		}
	}
	if !orphans {
		return nil
	}
	prefix := prefixOf(tagChange, e.Index)
	return j.each(prefix, func(key, list []byte) error {
		place, shard, ok := placeOf(key)
		if !ok {
			return ErrCorrupt
		}
		if place == e.Place || shard == wideShard {
			return nil
		}
		return entries(list, func(op entry) error {
			if d := documents[string(newestKey(e.Index, shard, op.id))]; d != nil && op.deleted {
				d.left.deleted = newer(d.left.deleted, op.version)
			}
			return nil
		})
	})
}
