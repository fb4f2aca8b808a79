package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/miroir-search/miroir/internal/failpoint"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
)

const (
	pieceSize = 512 << 10 // bodies are written in pieces of about this size
	batchSize = 4 << 20   // and everything else in batches of about this one
)

// Op is an operation as a leg gets it. What is kept of it is copied.
type Op struct {
	Shard    int
	ID       []byte
	Version  guard.Version
	Floor    guard.Version   // of a Copy
	Includes []guard.Version // of a Copy
	Write    string          // of an operation that is sent again: its first leg's
	Late     bool            // the engine does not get it with this leg
	Body     []byte          // as the engine gets it; empty for a deletion
}

// Writer takes the operations of one leg, from one goroutine. It ends with Abandon or Discard.
type Writer struct {
	j     *Journal
	entry Entered
	lists map[uint16][]byte
	piece []byte
	next  uint32 // number of the piece being filled
	err   error
}

// Begin starts a leg. A client's write that is older than the floor of its index, or barred, is ErrStale.
func (j *Journal) Begin(l Leg) (*Writer, error) {
	if l.Via == Direct {
		if err := j.clock.Observe(l.Stamp); err != nil {
			return nil, err
		}
	}
	next := j.clock.Next()
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, barred := j.barred[l.Write]; l.Via == Direct && (barred || l.Stamp <= j.floor(l.Index)) {
		return nil, ErrStale
	}
	j.last = max(next, j.last+1)
	hold := l.Stamp
	if l.Via != Direct {
		hold = j.last // its operations are older, and in order already
	}
	j.flying[j.last] = flight{l, hold}
	w := &Writer{j: j, lists: map[uint16][]byte{}}
	w.entry = Entered{Leg: l, Place: j.last}
	if l.Kind.Wide() {
		w.entry.Low, w.entry.High = guard.Version{Stamp: l.Stamp}, guard.Version{Stamp: l.Stamp}
	}
	return w, nil
}

// Place is where the leg stands in the journal.
func (w *Writer) Place() hlc.Stamp { return w.entry.Place }

// Write is the dispatch id of the leg.
func (w *Writer) Write() string { return w.entry.Write }

// Count is how many operations the leg has.
func (w *Writer) Count() int { return w.entry.Count }

// Leave says how many documents of the write the engine does not get with the leg.
func (w *Writer) Leave(documents int) { w.entry.Left = documents }

// Add takes one operation.
func (w *Writer) Add(op Op) error {
	if w.err != nil {
		return w.err
	}
	e := entry{id: op.ID, version: op.Version, floor: op.Floor, includes: op.Includes, write: op.Write, late: op.Late, deleted: w.entry.Kind == guard.Delete, ordinal: uint32(w.entry.Count)} //nolint:gosec // bodies are bounded
	if len(op.Body) > 0 {
		e.body = span{w.next, uint32(len(w.piece)), uint32(len(op.Body))} //nolint:gosec // bounded by the largest body
		w.piece = append(w.piece, op.Body...)
		w.entry.Bytes += int64(len(op.Body))
	}
	shard := uint16(op.Shard) //nolint:gosec // below MaxShards
	w.lists[shard] = appendEntry(w.lists[shard], e)
	if w.entry.Count == 0 || op.Version.Compare(w.entry.Low) < 0 {
		w.entry.Low = op.Version
	}
	if op.Version.Compare(w.entry.High) > 0 {
		w.entry.High = op.Version
	}
	w.entry.Count++
	if len(w.piece) >= pieceSize {
		b := w.j.db.NewBatch()
		_ = b.Set(bodyKey(w.entry.Place, w.next), w.piece, nil)
		w.err = errors.Join(commit(b, pebble.NoSync), b.Close())
		w.next++
		w.piece = w.piece[:0]
	}
	return w.err
}

// Prepare makes the leg durable. Concurrent ones share a sync of the disk.
func (w *Writer) Prepare() error {
	if w.err != nil {
		return fmt.Errorf("journal leg: %w", w.err)
	}
	begin := w.j.Now()
	b := w.j.db.NewBatch()
	defer func() { _ = b.Close() }()
	if len(w.piece) > 0 {
		_ = b.Set(bodyKey(w.entry.Place, w.next), w.piece, nil)
	}
	for shard, list := range w.lists {
		_ = b.Set(changeKey(w.entry.Index, w.entry.Place, shard), list, nil)
	}
	if w.entry.Kind.Wide() {
		_ = b.Set(changeKey(w.entry.Index, w.entry.Place, wideShard), []byte{byte(w.entry.Kind)}, nil)
	}
	_ = b.Set(legKey(w.entry.Place), appendLeg(nil, w.entry), nil)
	failpoint.Before("journal", "prepare")
	if w.err = commit(b, w.j.write); w.err != nil {
		return fmt.Errorf("journal leg: %w", w.err)
	}
	failpoint.After("journal", "prepare")
	w.piece = nil
	e := w.entry
	w.j.mu.Lock()
	w.j.enter(&e)
	w.j.mu.Unlock()
	w.j.Metrics.prepared(e, w.j.Now().Sub(begin))
	return nil
}

// Register says which task of the engine a prepared leg became. From now on its operations are found. The leg is in flight
// until Abandon.
func (w *Writer) Register(task uint32) error {
	return w.j.register(w.entry.Place, task, func(visit func(uint16, entry) error) error {
		for shard, list := range w.lists {
			if err := entries(list, func(e entry) error { return visit(shard, e) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// Discard ends a leg of which the engine has nothing.
func (w *Writer) Discard() error {
	defer w.j.land(w.entry.Place)
	return w.j.Void(w.entry.Place)
}

// Abandon ends the writer of a prepared leg. Where it is not registered, Resume or Void follow later.
func (w *Writer) Abandon() { w.j.land(w.entry.Place) }

func (j *Journal) land(place hlc.Stamp) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.flying, place)
}

// Resume registers a prepared leg of which no writer is left.
func (j *Journal) Resume(place hlc.Stamp, task uint32) error {
	e, ok := j.Leg(place)
	if !ok {
		return nil
	}
	return j.register(place, task, func(visit func(uint16, entry) error) error { return j.eachEntry(e, visit) })
}

// eachEntry visits the entries of a leg as they stand in the store.
func (j *Journal) eachEntry(e Entered, visit func(shard uint16, e entry) error) error {
	from := changeKey(e.Index, e.Place, 0)
	return j.between(from, changeKey(e.Index, e.Place+1, 0), func(key, value []byte) error {
		_, shard, ok := placeOf(key)
		if !ok {
			return ErrCorrupt
		}
		if shard == wideShard {
			return nil
		}
		return entries(value, func(e entry) error { return visit(shard, e) })
	})
}

// register writes the operations of a leg so that they are found by document. A crash in the middle of it is made good
// by doing it again: the header is written last.
func (j *Journal) register(place hlc.Stamp, task uint32, all func(func(uint16, entry) error) error) error {
	j.mu.Lock()
	known, ok := j.legs[place]
	if !ok {
		j.mu.Unlock()
		return fmt.Errorf("register leg: %w", pebble.ErrNotFound)
	}
	e := *known
	j.mu.Unlock()
	j.taking.RLock()
	defer j.taking.RUnlock()
	batches := batcher{j: j, b: j.db.NewBatch()}
	defer func() { _ = batches.b.Close() }()
	deleted := e.Kind == guard.Delete
	var key, value []byte
	err := all(func(shard uint16, op entry) error {
		key = append(key[:0], tagOp)
		key = append(append(key, e.Index...), 0)
		key = append(appendDocument(key, shard, op.id), 0)
		key = appendPlace(key, place, op.ordinal)
		value = appendRest(value[:0], op)
		_ = batches.b.Set(key, value, nil)
		key = append(key[:0], tagNewest)
		key = appendDocument(append(append(key, e.Index...), 0), shard, op.id)
		value = appendLatest(value[:0], latestOf(op.version, deleted, place))
		_ = batches.b.Merge(key, value, nil)
		return batches.full()
	})
	if err != nil {
		return fmt.Errorf("register leg: %w", err)
	}
	e.Task, e.Registered = task, true
	_ = batches.b.Set(legKey(place), appendLeg(nil, e), nil)
	if e.Kind.Wide() {
		j.raise(batches.b, e.Index, e.High.Stamp)
	}
	j.numbered(batches.b, e.Index, Task{task, e.Write})
	failpoint.Before("journal", "register")
	if err := commit(batches.b, pebble.NoSync); err != nil {
		return fmt.Errorf("register leg: %w", err)
	}
	failpoint.After("journal", "register")
	j.mu.Lock()
	defer j.mu.Unlock()
	if known, ok := j.legs[place]; ok {
		*known = e
		delete(j.coming, place)
		j.surpass(known)
		j.awaited[place] = e
	}
	return nil
}

// raise lifts the floor of an index, in memory at once.
func (j *Journal) raise(b *pebble.Batch, index string, to hlc.Stamp) {
	j.mu.Lock()
	m := j.marksOf(index)
	m.Floor = max(m.Floor, to)
	j.marks[index] = m
	j.mu.Unlock()
	_ = b.Set(indexKey(index), appendMarks(nil, m), nil)
}

// Void takes back a leg of which the engine has nothing.
func (j *Journal) Void(place hlc.Stamp) error {
	b := j.db.NewBatch()
	defer func() { _ = b.Close() }()
	_ = b.DeleteRange(bodyKey(place, 0), bodyKey(place, math.MaxUint32), nil)
	j.mu.Lock()
	if e, ok := j.legs[place]; ok {
		_ = b.DeleteRange(changeKey(e.Index, place, 0), changeKey(e.Index, place+1, 0), nil)
		_ = b.Delete(legKey(place), nil)
		j.drop(place)
	}
	j.mu.Unlock()
	failpoint.Before("journal", "void")
	if err := commit(b, pebble.NoSync); err != nil {
		return fmt.Errorf("void leg: %w", err)
	}
	failpoint.After("journal", "void")
	return nil
}

// drop takes a leg out of memory. The lock is held.
func (j *Journal) drop(place hlc.Stamp) {
	if e, ok := j.legs[place]; ok {
		j.bytes -= e.Bytes
		delete(j.legs, place)
		delete(j.coming, place)
		if at, found := slices.BinarySearch(j.order, place); found {
			j.order = slices.Delete(j.order, at, at+1)
		}
	}
}

// batcher writes a batch that became large and begins another.
type batcher struct {
	j *Journal
	b *pebble.Batch
}

func (b *batcher) remove(key []byte) error {
	_ = b.b.Delete(key, nil)
	return b.full()
}

func (b *batcher) full() error {
	if b.b.Len() < batchSize {
		return nil
	}
	if err := commit(b.b, pebble.NoSync); err != nil {
		return err
	}
	err := b.b.Close()
	b.b = b.j.db.NewBatch()
	return err
}

func reader64(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
