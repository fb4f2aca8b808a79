package journal

import (
	"cmp"
	"encoding/binary"
	"errors"
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
	if err := commit(b, pebble.NoSync); err != nil {
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

// touched is a document some of whose operations are taken back.
type touched struct {
	shard uint16
	id    []byte
	gone  latest      // the newest of those operations
	left  latest      // what is known without them
	from  []hlc.Stamp // places of their legs
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
			documents[key] = &touched{shard: shard, id: slices.Clone(op.id), from: []hlc.Stamp{e.Place}}
		}
		d := documents[key]
		d.gone = d.gone.and(latestOf(op.version, e.Kind == guard.Delete, e.Place))
		op.deleted = false
		lists[shard] = appendEntry(lists[shard], op)
		return batches.remove(appendPlace(opPrefix(e.Index, shard, op.id), e.Place, op.ordinal))
	})
	if err == nil {
		err = j.unmake(&batches, e.Index, documents, func(k Known) bool { return k.Place == e.Place })
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
	return commit(batches.b, pebble.NoSync)
}

func (j *Journal) latestPlace() hlc.Stamp {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Withdraw takes the operations of some writes on some documents back, as far as they are in the window. The engine has
// carried them out, but no other replica ever will, so that they are undone by whoever asks for this.
func (j *Journal) Withdraw(index string, some []Change, writes []string) error {
	j.taking.Lock()
	defer j.taking.Unlock()
	batches := batcher{j: j, b: j.db.NewBatch()}
	defer func() { _ = batches.b.Close() }()
	among := func(k Known) bool { return slices.Contains(writes, k.Write) }
	documents := map[string]*touched{}
	for _, c := range some {
		d := touched{shard: uint16(c.Shard), id: []byte(c.ID)} //nolint:gosec // below MaxShards
		prefix := opPrefix(index, d.shard, d.id)
		var keys [][]byte
		if err := j.operations(prefix, func(k Known) {
			if among(k) {
				keys = append(keys, appendPlace(slices.Clone(prefix), k.Place, k.ordinal))
				d.gone = d.gone.and(latestOf(k.Version, k.Kind == guard.Delete, k.Place))
				d.from = append(d.from, k.Place)
			}
		}); err != nil {
			return fmt.Errorf("withdraw writes: %w", err)
		}
		if len(keys) == 0 {
			continue
		}
		documents[string(newestKey(index, d.shard, d.id))] = &d
		for _, key := range keys {
			if err := batches.remove(key); err != nil {
				return fmt.Errorf("withdraw writes: %w", err)
			}
		}
	}
	err := j.unmake(&batches, index, documents, among)
	if err == nil {
		err = j.undelete(&batches, index, documents)
	}
	if err == nil {
		err = commit(batches.b, pebble.NoSync)
	}
	if err != nil {
		return fmt.Errorf("withdraw writes: %w", err)
	}
	return nil
}

// undelete has the lists of changes say of documents that they were touched, not that they were deleted.
func (j *Journal) undelete(batches *batcher, index string, documents map[string]*touched) error {
	lists := map[string]bool{}
	for _, d := range documents {
		for _, place := range d.from {
			key := string(changeKey(index, place, d.shard))
			lists[key] = lists[key] || is(d.gone.deleted)
		}
	}
	for key, deletes := range lists {
		value, err := j.get([]byte(key))
		if !deletes || errors.Is(err, pebble.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		_, shard, _ := placeOf([]byte(key))
		var list []byte
		if err := entries(value, func(op entry) error {
			op.deleted = op.deleted && documents[string(newestKey(index, shard, op.id))] == nil
			list = appendEntry(list, op)
			return nil
		}); err != nil {
			return err
		}
		_ = batches.b.Set([]byte(key), list, nil)
	}
	return nil
}

// unmake writes what is known of documents without some operations. A write that left the window leaves no trace of its own
// when a newer one did, and none is needed. An earlier deletion must not be forgotten, or the document could come back: it is
// looked for in the lists of changes.
func (j *Journal) unmake(batches *batcher, index string, documents map[string]*touched, gone func(Known) bool) error {
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
		if err := j.operations(opPrefix(index, d.shard, d.id), func(k Known) {
			if !gone(k) {
				rest = rest.and(latestOf(k.Version, k.Kind == guard.Delete, k.Place))
			}
		}); err != nil {
			return err
		}
		d.left = was
		if rest.place != 0 {
			d.left.place = rest.place
		}
		if is(was.deleted) && was.deleted == d.gone.deleted {
			d.left.deleted, orphans = rest.deleted, true
		}
		if is(was.written) && was.written == d.gone.written {
			d.left.written = rest.written
		}
	}
	if orphans {
		if err := j.adopt(index, documents); err != nil {
			return err
		}
	}
	for key, d := range documents {
		if !is(d.left.newest().Version) {
			_ = batches.b.Delete([]byte(key), nil)
		} else {
			_ = batches.b.Set([]byte(key), appendLatest(nil, d.left), nil)
		}
		if err := batches.full(); err != nil {
			return err
		}
	}
	return nil
}

func is(v guard.Version) bool { return v != guard.Version{} }

// adopt finds the earlier deletions of documents in the lists of changes.
func (j *Journal) adopt(index string, documents map[string]*touched) error {
	return j.each(prefixOf(tagChange, index), func(key, list []byte) error {
		place, shard, ok := placeOf(key)
		if !ok {
			return ErrCorrupt
		}
		if shard == wideShard {
			return nil
		}
		return entries(list, func(op entry) error {
			d := documents[string(newestKey(index, shard, op.id))]
			if d != nil && op.deleted && !slices.Contains(d.from, place) {
				d.left.deleted = newer(d.left.deleted, op.version)
			}
			return nil
		})
	})
}
