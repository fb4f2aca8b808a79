package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// Known is an operation of the window that the engine has.
type Known struct {
	guard.Op
	Place   hlc.Stamp
	ordinal uint32
	body    span
}

// Operations lists the operations of the window on one document, in the order in which the engine carries them out.
func (j *Journal) Operations(index string, shard int, id []byte) ([]Known, error) {
	s := uint16(shard) //nolint:gosec // below MaxShards
	newest, ok, err := j.Newest(index, shard, id)
	if err != nil || !ok {
		return nil, err
	}
	j.mu.Lock()
	_, recent := j.legs[newest.Place]
	j.mu.Unlock()
	if !recent {
		return nil, nil
	}
	var list []Known
	err = j.operations(opPrefix(index, s, id), func(k Known) { list = append(list, k) })
	slices.SortStableFunc(list, func(a, b Known) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Place, b.Place), cmp.Compare(a.ordinal, b.ordinal))
	})
	return list, err
}

// operations visits the operations of the window on the document of a prefix, in the order of their places.
func (j *Journal) operations(prefix []byte, visit func(Known)) error {
	return j.each(prefix, func(key, value []byte) error {
		k := Known{Place: hlc.Stamp(reader64(key[len(prefix):]))}
		if len(key) != len(prefix)+12 {
			return ErrCorrupt
		}
		r := reader{b: value}
		e := r.rest()
		if r.bad {
			return ErrCorrupt
		}
		leg, ok := j.Leg(k.Place)
		if !ok || !leg.Registered {
			return nil
		}
		k.ordinal = uint32(reader64(append([]byte{0, 0, 0, 0}, key[len(key)-4:]...))) //nolint:gosec // four bytes
		k.Op = guard.Op{Version: e.version, Write: cmp.Or(e.write, leg.Write), Kind: leg.Kind, Floor: e.floor, Includes: e.includes, Late: e.late}
		k.Task, k.Copied, k.body = leg.Task, leg.Via == Copied, e.body
		visit(k)
		return nil
	})
}

// Body reads what the engine got for an operation; empty for a deletion.
func (j *Journal) Body(k Known) ([]byte, error) {
	if k.body.length == 0 {
		return nil, nil
	}
	piece, closer, err := j.db.Get(bodyKey(k.Place, k.body.piece))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	defer func() { _ = closer.Close() }()
	if uint64(k.body.offset)+uint64(k.body.length) > uint64(len(piece)) {
		return nil, fmt.Errorf("read body: %w", ErrCorrupt)
	}
	return slices.Clone(piece[k.body.offset : k.body.offset+k.body.length]), nil
}

// Newest is the newest version of a document that the journal knows of; ok is false when it knows of none.
func (j *Journal) Newest(index string, shard int, id []byte) (n Newest, ok bool, err error) {
	l, ok, err := j.latest(newestKey(index, uint16(shard), id)) //nolint:gosec // below MaxShards
	return l.newest(), ok, err
}

func (j *Journal) latest(key []byte) (l latest, ok bool, err error) {
	value, closer, err := j.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return l, false, nil
	}
	if err != nil {
		return l, false, fmt.Errorf("read newest version: %w", err)
	}
	defer func() { _ = closer.Close() }()
	l, err = parseLatest(value)
	return l, err == nil, err
}

// Documents visits the documents that the operations of a leg are about, or were before it was taken back.
func (j *Journal) Documents(index string, place hlc.Stamp, visit func(shard int, id []byte) error) error {
	e := Entered{Leg: Leg{Index: index}, Place: place}
	return j.eachEntry(e, func(shard uint16, e entry) error { return visit(int(shard), e.id) })
}

// Leg finds a leg whose bodies are kept.
func (j *Journal) Leg(place hlc.Stamp) (Entered, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e, ok := j.legs[place]
	if !ok {
		return Entered{}, false
	}
	return *e, true
}

// Legs lists the legs whose bodies are kept, in the order of their places.
func (j *Journal) Legs() []Entered {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := make([]Entered, 0, len(j.order))
	for _, place := range j.order {
		list = append(list, *j.legs[place])
	}
	return list
}

// Flying says whether a writer of a write with this dispatch id is at work.
func (j *Journal) Flying(write string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, f := range j.flying {
		if f.Write == write {
			return true
		}
	}
	return false
}

// Coming lists the legs of an index that the engine may still get and that may have older operations than a version. Those of
// one write are left out. Of those whose writers are at work only headers and places are told.
func (j *Journal) Coming(index, write string, before guard.Version) (list []Entered) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for place, f := range j.flying {
		// What is no client's leg has operations of any age.
		if f.Index == index && f.Write != write && (f.Via != Direct || f.Stamp <= before.Stamp) {
			list = append(list, Entered{Leg: f.Leg, Place: place})
		}
	}
	for place, e := range j.coming {
		if _, flying := j.flying[place]; !flying && e.Index == index && e.Write != write && e.Low.Compare(before) <= 0 {
			list = append(list, *e)
		}
	}
	return list
}

// Hold keeps the bodies of operations from a stamp on until it is released, once.
func (j *Journal) Hold(from hlc.Stamp) (release func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.held[from]++
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.held[from]--; j.held[from] == 0 {
			delete(j.held, from)
		}
	}
}

// InFlight says whether a writer of the leg is still at work.
func (j *Journal) InFlight(place hlc.Stamp) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.flying[place]
	return ok
}

// Surpassed says whether the index has operations that are newer than a stamp, or may have.
func (j *Journal) Surpassed(index string, s hlc.Stamp) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.newest[index].Stamp >= s || j.floor(index) >= s
}

// Floor is the stamp up to which the operations of an index can not be put in order.
func (j *Journal) Floor(index string) hlc.Stamp {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.floor(index)
}

func (j *Journal) floor(index string) hlc.Stamp { return j.marksOf(index).Floor }

// Wide is the newest operation on an index that names no document, as far as this process knows: one that left the window before
// it began is not told. The floor is not below it.
func (j *Journal) Wide(index string) guard.Wide {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.wide[index]
}

// Wides is the stamp of the newest operation on an index that names no document, those included that the engine does not have
// yet, and whether there is one of those.
func (j *Journal) Wides(index string) (newest hlc.Stamp, coming bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	newest = j.wide[index].Stamp
	for _, e := range j.coming {
		if e.Index == index && e.Kind.Wide() {
			newest, coming = max(newest, e.Stamp), true
		}
	}
	return newest, coming
}

// LowWater is the place from which on all changes of an index are here.
func (j *Journal) LowWater(index string) hlc.Stamp {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.marksOf(index).Low
}

func (j *Journal) marksOf(index string) marks {
	m := j.marks[index]
	return marks{max(m.Floor, j.birth.Floor), max(m.Low, j.birth.Low)}
}

// Change is a document that changed.
type Change struct {
	Shard int
	ID    string
}

// Page is a part of the changes of an index.
type Page struct {
	Changes []Change
	Wide    bool      // an operation that names no document is among them
	Through hlc.Stamp // everything up to here is in this page or was in one before
	More    bool
}

// Changes lists the documents of some shards that changed from a place on, each once a page, in pages of about so many.
// It ends before the first leg that is still on its way: whoever wants to know whether that one matters asks again.
func (j *Journal) Changes(index string, shards []int, from hlc.Stamp, limit int) (Page, error) {
	wanted := map[uint16]bool{wideShard: true}
	for _, s := range shards {
		wanted[uint16(s)] = true //nolint:gosec // below MaxShards
	}
	p := Page{Through: j.settledThrough()}
	seen := map[Change]bool{}
	var at hlc.Stamp
	err := j.between(changeKey(index, from, 0), changeKey(index, p.Through+1, 0), func(key, value []byte) error {
		place, shard, ok := placeOf(key)
		if !ok {
			return ErrCorrupt
		}
		if place != at && len(p.Changes) >= limit {
			p.More, p.Through = true, place-1
			return io.EOF
		}
		at = place
		if !wanted[shard] {
			return nil
		}
		if shard == wideShard {
			p.Wide = true
			return nil
		}
		return entries(value, func(e entry) error {
			c := Change{int(shard), string(e.id)}
			if !seen[c] {
				seen[c] = true
				p.Changes = append(p.Changes, c)
			}
			return nil
		})
	})
	return p, err
}

// settledThrough is the last place before the first leg in flight; legs that begin later stand behind it.
func (j *Journal) settledThrough() hlc.Stamp {
	next := j.clock.Next()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last = max(j.last, next)
	through := j.last
	for place := range j.flying {
		through = min(through, place-1)
	}
	return through
}
