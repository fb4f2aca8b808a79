package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// wall is a clock that a test moves.
type wall struct{ t time.Time }

func (w *wall) now() time.Time { return w.t }

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

type failer interface {
	Helper()
	Fatal(args ...any)
}

func open(t failer, dir string, w *wall) *Journal {
	t.Helper()
	return openOn(t, nil, dir, w)
}

func openOn(t failer, fs vfs.FS, dir string, w *wall) *Journal {
	t.Helper()
	j, err := Open(dir, hlc.New(w.now), Options{Log: zerolog.Nop(), NoSync: fs == nil, Now: w.now, files: fs})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// put registers a leg of operations that all stand in shard 1, with one body each.
func put(t failer, j *Journal, l Leg, task uint32, ids ...string) hlc.Stamp {
	t.Helper()
	w, err := j.Begin(l)
	if err == nil {
		for i, id := range ids {
			op := Op{Shard: 1, ID: []byte(id), Version: guard.Version{Stamp: l.Stamp, Position: uint32(i)}} //nolint:gosec // small
			if l.Kind != guard.Delete {
				op.Body = fmt.Appendf(nil, "%s@%d", id, l.Stamp)
			}
			err = errors.Join(err, w.Add(op))
		}
		err = errors.Join(err, w.Prepare(), w.Register(task))
		w.Abandon()
	}
	if err != nil {
		t.Fatal(err)
	}
	return w.Place()
}

func TestOperationsAreFoundInTheEnginesOrder(t *testing.T) {
	w := &wall{noon}
	j := open(t, t.TempDir(), w)
	defer func() { _ = j.Close() }()
	s := hlc.At(noon)
	put(t, j, Leg{Index: "a--1", Write: "1", Stamp: s + 5, Kind: guard.Replace}, 11, "x", "y")
	put(t, j, Leg{Index: "a--1", Write: "2", Stamp: s + 3, Kind: guard.Update}, 10, "x", "x")
	put(t, j, Leg{Index: "a--1", Write: "3", Stamp: s + 7, Kind: guard.Delete}, 12, "y")
	put(t, j, Leg{Index: "a--12", Write: "4", Stamp: s + 7, Kind: guard.Delete}, 13, "x")
	list, err := j.Operations("a--1", 1, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range list {
		body, err := j.Body(k)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d/%d %s %s", k.Task, k.Position, k.Write, body))
	}
	want := []string{fmt.Sprintf("10/0 2 x@%d", s+3), fmt.Sprintf("10/1 2 x@%d", s+3), fmt.Sprintf("11/0 1 x@%d", s+5)}
	if !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	n, ok, err := j.Newest("a--1", 1, []byte("y"))
	if err != nil || !ok || !n.Deleted || n.Stamp != s+7 {
		t.Fatalf("%+v %v %v", n, ok, err)
	}
	if list, err := j.Operations("a--1", 2, []byte("x")); err != nil || len(list) != 0 {
		t.Fatalf("another shard: %v %v", list, err)
	}
	if !j.Surpassed("a--1", s+7) || j.Surpassed("a--1", s+8) || j.Surpassed("b", s+1) {
		t.Error("what is newer than a stamp is not told right")
	}
}

// A leg that never reached the engine leaves nothing; one of unknown outcome is found again.
func TestVoidAndResume(t *testing.T) {
	w := &wall{noon}
	dir := t.TempDir()
	j := open(t, dir, w)
	var places []hlc.Stamp
	for i, name := range []string{"void", "unknown", "cut off"} {
		writer, err := j.Begin(Leg{Index: "a--1", Write: name, Stamp: hlc.At(noon) + 1, Kind: guard.Replace})
		if err != nil {
			t.Fatal(err)
		}
		big := bytes.Repeat([]byte("z"), pieceSize+1)
		if err := writer.Add(Op{Shard: 1, ID: []byte(name), Version: guard.Version{Stamp: 1}, Body: big}); err != nil {
			t.Fatal(err)
		}
		if i < 2 {
			if err := writer.Prepare(); err != nil {
				t.Fatal(err)
			}
		}
		if i == 0 {
			if err := writer.Discard(); err != nil {
				t.Fatal(err)
			}
		}
		places = append(places, writer.Place())
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, w)
	defer func() { _ = j.Close() }()
	legs := j.Legs()
	if len(legs) != 1 || legs[0].Write != "unknown" || legs[0].Registered || j.InFlight(legs[0].Place) {
		t.Fatalf("%+v", legs)
	}
	bodies := map[hlc.Stamp]bool{}
	if err := j.each([]byte{tagBody}, func(key, _ []byte) error {
		bodies[hlc.Stamp(reader64(key[1:]))] = true
		return nil
	}); err != nil || len(bodies) != 1 || !bodies[places[1]] {
		t.Fatalf("bodies of %v are left, of %v: %v", bodies, places, err)
	}
	if list, err := j.Operations("a--1", 1, []byte("unknown")); err != nil || len(list) != 0 {
		t.Fatalf("found before it is registered: %v %v", list, err)
	}
	if err := j.Resume(legs[0].Place, 8); err != nil {
		t.Fatal(err)
	}
	list, err := j.Operations("a--1", 1, []byte("unknown"))
	if err != nil || len(list) != 1 || list[0].Task != 8 {
		t.Fatalf("%v %v", list, err)
	}
	if next, err := j.Begin(Leg{Index: "a--1", Stamp: hlc.At(noon) + 2}); err != nil || next.Place() <= places[2] {
		t.Fatalf("a place is given twice: %v %v", next, err)
	}
}

// The bodies of a leg go when it leaves the window, in order, and the floor rises before.
func TestFloorRisesWithTheWindow(t *testing.T) {
	w := &wall{noon}
	dir := t.TempDir()
	j := open(t, dir, w)
	w.t = noon.Add(time.Second)
	s := hlc.At(w.t)
	put(t, j, Leg{Index: "a--1", Write: "1", Stamp: s, Kind: guard.Replace}, 1, "x")
	slow, err := j.Begin(Leg{Index: "b--1", Write: "2", Stamp: s + 1, Kind: guard.Replace})
	if err != nil {
		t.Fatal(err)
	}
	put(t, j, Leg{Index: "a--1", Write: "3", Stamp: s + 2, Kind: guard.Replace}, 3, "x", "y")
	w.t = w.t.Add(3 * time.Minute)
	if err := j.Expire(); err != nil {
		t.Fatal(err)
	}
	if legs := j.Legs(); len(legs) != 1 || legs[0].Write != "3" || j.Floor("a--1") != s {
		t.Fatalf("%+v, floor %d", legs, j.Floor("a--1")-s)
	}
	if _, err := j.Begin(Leg{Index: "a--1", Stamp: s}); !errors.Is(err, ErrStale) {
		t.Fatalf("a write below the floor: %v", err)
	}
	if err := slow.Discard(); err != nil {
		t.Fatal(err)
	}
	if err := j.Expire(); err != nil {
		t.Fatal(err)
	}
	page, err := j.Changes("a--1", []int{1}, s, 10)
	if err != nil || len(page.Changes) != 2 || page.More || j.Floor("a--1") != s+2 {
		t.Fatalf("%+v %v, floor %d", page, err, j.Floor("a--1")-s)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, w)
	defer func() { _ = j.Close() }()
	if len(j.Legs()) != 0 || j.Floor("a--1") != s+2 || !j.Surpassed("a--1", s+2) {
		t.Fatal("the floor is lost with a restart")
	}
	for _, tag := range []byte{tagBody, tagLeg, tagOp} {
		if err := j.each([]byte{tag}, func(key, _ []byte) error { return fmt.Errorf("%q is left", key) }); err != nil {
			t.Error(err)
		}
	}
}

// Changes go when they are old or too many, and the low-water mark says so.
func TestLowWater(t *testing.T) {
	w := &wall{noon}
	dir := t.TempDir()
	j := open(t, dir, w)
	defer func() { _ = j.Close() }()
	birth := j.LowWater("a--1")
	if birth <= hlc.At(noon) {
		t.Error("an empty journal claims to know what was before")
	}
	var stamps []hlc.Stamp
	for i := range 5 {
		w.t = noon.Add(time.Duration(i+1) * 10 * time.Minute)
		stamps = append(stamps, hlc.At(w.t))
		put(t, j, Leg{Index: "a--1", Stamp: stamps[i], Kind: guard.Delete}, uint32(i), fmt.Sprint("x", i), "same") //nolint:gosec // small
	}
	w.t = w.t.Add(time.Hour)
	if err := j.Expire(); err != nil {
		t.Fatal(err)
	}
	if j.LowWater("a--1") != birth {
		t.Fatal("changes went before their time")
	}
	j.MaxAge = 85 * time.Minute
	if err := j.Expire(); err != nil {
		t.Fatal(err)
	}
	page, err := j.Changes("a--1", []int{1}, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range page.Changes {
		ids = append(ids, c.ID)
	}
	if low := j.LowWater("a--1"); !slices.Equal(ids, []string{"x2", "same", "x3", "x4"}) || low <= stamps[1] || low > stamps[2] {
		t.Fatalf("%v from %s", ids, low.Time())
	}
	for id, want := range map[string]bool{"x0": false, "x1": false, "x2": true, "same": true} {
		if _, ok, err := j.Newest("a--1", 1, []byte(id)); err != nil || ok != want {
			t.Errorf("%s: %v %v", id, ok, err)
		}
	}
	if err := j.Forget("a--1"); err != nil {
		t.Fatal(err)
	}
	if page, err := j.Changes("a--1", []int{1}, 0, 100); err != nil || len(page.Changes) > 0 {
		t.Fatalf("%+v %v", page, err)
	}
}

// Of an index that the engine has lost nothing is known: neither what changed, nor what is in it, nor what is older.
func TestLostIndexBeginsAnew(t *testing.T) {
	w := &wall{noon}
	dir := t.TempDir()
	j := open(t, dir, w)
	w.t = noon.Add(time.Hour)
	s := hlc.At(w.t)
	put(t, j, Leg{Index: "a--1", Write: "1", Stamp: s, Kind: guard.Replace}, 1, "x")
	put(t, j, Leg{Index: "b--1", Write: "2", Stamp: s + 1, Kind: guard.Replace}, 2, "x")
	w.t = w.t.Add(time.Second)
	if err := j.Lose("a--1"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for index, left := range map[string]int{"a--1": 0, "b--1": 1} {
			page, err := j.Changes(index, []int{1}, 0, 10)
			ops, wrong := j.Operations(index, 1, []byte("x"))
			_, newest, bad := j.Newest(index, 1, []byte("x"))
			if errors.Join(err, wrong, bad) != nil || len(page.Changes) != left || len(ops) != left || newest != (left == 1) {
				t.Errorf("%s: %d changes, %d operations, %v", index, len(page.Changes), len(ops), errors.Join(err, wrong, bad))
			}
		}
		if j.LowWater("a--1") <= hlc.At(w.t) || j.LowWater("b--1") > s || j.Floor("a--1") < hlc.At(w.t) || j.Floor("b--1") > s {
			t.Error("the marks of the lost index say too much, or those of another one too little")
		}
		if _, err := j.Begin(Leg{Index: "a--1", Stamp: s + 5}); !errors.Is(err, ErrStale) {
			t.Errorf("a write from before the loss: %v", err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, dir, w)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// model is the journal as a naive list.
type model struct {
	ops    []modelOp
	latest map[modelDocument]latest
	failed map[hlc.Stamp]bool
	// touched are operations that were taken back: catch-up looks at their documents all the same.
	touched []modelOp
	legs    int
	dead    map[hlc.Stamp]bool
	places  []hlc.Stamp
	tasks   map[hlc.Stamp]uint32
}

type modelDocument struct {
	index, id string
	shard     int
}

type modelOp struct {
	index, id string
	shard     int
	version   guard.Version
	task      uint32
	place     hlc.Stamp
	ordinal   int
	kind      guard.Kind
	body      string
}

// newest is what is known of a document: of written versions those that were not taken back, and of those before them only
// what was still in the window then.
func (m *model) newest(index string, shard int, id string) (best Newest, ok bool) {
	l, ok := m.latest[modelDocument{index, id, shard}]
	return l.newest(), ok
}

// note takes the operations of a leg in.
func (m *model) note(ops []modelOp) {
	for _, o := range ops {
		d := modelDocument{o.index, o.id, o.shard}
		m.latest[d] = m.latest[d].and(latestOf(o.version, o.kind == guard.Delete, o.place))
	}
}

// fail takes a leg back.
func (m *model) fail(place hlc.Stamp) {
	var gone []modelOp
	m.ops = slices.DeleteFunc(m.ops, func(o modelOp) bool {
		if o.place == place {
			gone = append(gone, o)
		}
		return o.place == place
	})
	m.touched = append(m.touched, gone...)
	for _, o := range slices.Backward(gone) { // the last one on a document first
		d := modelDocument{o.index, o.id, o.shard}
		was := m.latest[d]
		now := was
		var window, all latest
		for _, p := range m.ops {
			if (modelDocument{p.index, p.id, p.shard}) == d {
				one := latestOf(p.version, p.kind == guard.Delete, p.place)
				if all = all.and(one); !m.dead[p.place] {
					window = window.and(one)
				}
			}
		}
		if window.place != 0 {
			now.place = window.place
		}
		switch {
		case o.kind == guard.Delete && was.deleted == o.version:
			now.deleted = all.deleted
		case o.kind != guard.Delete && was.written == o.version:
			now.written = window.written
		}
		if m.latest[d] = now; now.newest().Version == (guard.Version{}) {
			delete(m.latest, d)
		}
	}
}

// A random walk over legs, restarts and time, against a list.
func TestJournalLikeANaiveList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk, dice := vfs.NewCrashableMem(), rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "dice"), 1))
		w := &wall{noon.Add(-time.Hour)}
		j := openOn(t, disk, "j", w)
		w.t = noon
		defer func() { _ = j.Close() }()
		m := &model{dead: map[hlc.Stamp]bool{}, tasks: map[hlc.Stamp]uint32{}, latest: map[modelDocument]latest{}, failed: map[hlc.Stamp]bool{}}
		index := rapid.SampledFrom([]string{"a--1", "a--11", "b-a--1"})
		ids := rapid.SampledFrom([]string{"1", "10", "a", "a-b", "_"})
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				w.t = w.t.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
				l := Leg{Index: index.Draw(t, "index"), Write: fmt.Sprint(m.legs), Kind: rapid.SampledFrom([]guard.Kind{guard.Replace, guard.Update, guard.Delete}).Draw(t, "kind")}
				l.Stamp = hlc.At(w.t) - hlc.Stamp(rapid.IntRange(0, 60_000).Draw(t, "late")<<11) //nolint:gosec // positive
				m.legs++
				writer, err := j.Begin(l)
				if errors.Is(err, ErrStale) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				var ops []modelOp
				for i := range rapid.IntRange(0, 4).Draw(t, "ops") {
					o := modelOp{
						index: l.Index, id: ids.Draw(t, "id"), shard: rapid.IntRange(0, 1).Draw(t, "shard"), kind: l.Kind, place: writer.Place(),
						version: guard.Version{Stamp: l.Stamp, Position: uint32(i)}, ordinal: i, task: uint32(m.legs), //nolint:gosec // small
					}
					if l.Kind != guard.Delete {
						o.body = fmt.Sprintf("%s in %d at %d", o.id, o.shard, m.legs)
					}
					if err := writer.Add(Op{Shard: o.shard, ID: []byte(o.id), Version: o.version, Body: []byte(o.body)}); err != nil {
						t.Fatal(err)
					}
					ops = append(ops, o)
				}
				if rapid.IntRange(0, 5).Draw(t, "fails") == 0 {
					if err := errors.Join(writer.Prepare(), writer.Discard()); err != nil {
						t.Fatal(err)
					}
					return
				}
				if err := errors.Join(writer.Prepare(), writer.Register(uint32(m.legs))); err != nil { //nolint:gosec // small
					t.Fatal(err)
				}
				writer.Abandon()
				m.ops, m.places = append(m.ops, ops...), append(m.places, writer.Place())
				m.tasks[writer.Place()] = uint32(m.legs) //nolint:gosec // small
				m.note(ops)
			},
			"end": func(t *rapid.T) {
				waiting := j.Awaited(index.Draw(t, "index"))
				if len(waiting) == 0 {
					return
				}
				e := rapid.SampledFrom(waiting).Draw(t, "leg")
				if rapid.Bool().Draw(t, "succeeds") {
					if err := j.Succeed([]hlc.Stamp{e.Place}); err != nil {
						t.Fatal(err)
					}
					return
				}
				if err := j.Fail(e.Place); err != nil {
					t.Fatal(err)
				}
				m.fail(e.Place)
				m.failed[e.Place] = true
			},
			"expire": func(t *rapid.T) {
				if err := j.Expire(); err != nil {
					t.Fatal(err)
				}
				for _, p := range m.places {
					m.dead[p] = m.dead[p] || p.Time().Before(w.t.Add(-j.Window))
				}
			},
			"restart": func(t *rapid.T) {
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				j = openOn(t, disk, "j", w)
			},
			"power loss": func(t *rapid.T) {
				after := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rapid.IntRange(0, 100).Draw(t, "unsynced"), RNG: dice})
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				disk, j = after, openOn(t, after, "j", w)
				m.recover(t, j)
			},
			"look": func(t *rapid.T) {
				m.compare(t, j, index.Draw(t, "index"), rapid.IntRange(0, 1).Draw(t, "shard"), ids.Draw(t, "id"))
			},
			"changes": func(t *rapid.T) {
				m.compareChanges(t, j, index.Draw(t, "index"), w.t.Add(-time.Duration(rapid.IntRange(0, 100).Draw(t, "s"))*time.Second), rapid.IntRange(1, 5).Draw(t, "limit"))
			},
			"": func(*rapid.T) {},
		})
	})
}

// recover does what the sidecar does after the machine lost power: the engine knows what it has. What was dropped may be
// there again.
func (m *model) recover(t *rapid.T, j *Journal) {
	for _, e := range j.Legs() {
		delete(m.dead, e.Place)
		task, taken := m.tasks[e.Place]
		var err error
		switch {
		case !taken:
			err = j.Void(e.Place)
		case !e.Registered:
			err = j.Resume(e.Place, task)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for place := range m.failed {
		if err := j.Fail(place); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *model) compare(t *rapid.T, j *Journal, index string, shard int, id string) {
	list, err := j.Operations(index, shard, []byte(id))
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, k := range list {
		body, err := j.Body(k)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(k.Version, k.Task, k.Kind, string(body)))
	}
	alive := slices.DeleteFunc(slices.Clone(m.ops), func(o modelOp) bool {
		return o.index != index || o.shard != shard || o.id != id || m.dead[o.place]
	})
	slices.SortFunc(alive, func(a, b modelOp) int { return cmp.Or(cmp.Compare(a.task, b.task), cmp.Compare(a.ordinal, b.ordinal)) })
	for _, o := range alive {
		want = append(want, fmt.Sprint(o.version, o.task, o.kind, o.body))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("operations %q, want %q", got, want)
	}
	n, ok, err := j.Newest(index, shard, []byte(id))
	best, known := m.newest(index, shard, id)
	// A written version from before the window may be known or not, once a newer one was taken back.
	var all latest
	for _, o := range m.ops {
		if o.index == index && o.shard == shard && o.id == id {
			all = all.and(latestOf(o.version, o.kind == guard.Delete, o.place))
		}
	}
	same := func(a Newest) bool { return a.Version == n.Version && a.Deleted == n.Deleted }
	if err != nil || ok != known && (ok != (all != latest{})) || ok && !same(best) && !same(all.newest()) {
		t.Fatalf("newest %+v %v %v, want %+v %v or %+v", n, ok, err, best, known, all.newest())
	}
}

func (m *model) compareChanges(t *rapid.T, j *Journal, index string, since time.Time, limit int) {
	from, got := hlc.At(since), map[Change]bool{}
	for at := from; ; {
		p, err := j.Changes(index, []int{0}, at, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Changes {
			got[c] = true
		}
		if at = p.Through + 1; !p.More {
			break
		}
	}
	want := map[Change]bool{}
	for _, o := range slices.Concat(m.ops, m.touched) {
		if o.index == index && o.shard == 0 && o.place >= from {
			want[Change{0, o.id}] = true
		}
	}
	if !maps.Equal(got, want) {
		t.Fatalf("changes %v, want %v", got, want)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(appendEntry(nil, entry{id: []byte("a"), version: guard.Version{Stamp: 7, Position: 3}, body: span{1, 2, 3}}))
	f.Add(appendEntry(nil, entry{id: []byte("b"), floor: guard.Version{Stamp: 7}, includes: []guard.Version{{Stamp: 8}, {Stamp: 9, Position: 1}}, write: "7"}))
	f.Add(appendLeg(nil, Entered{Leg: Leg{Index: "a--1", Write: "7", Stamp: 5, Kind: guard.Update, Via: Copied}, Count: 3, Bytes: 9, Task: 4, Registered: true}))
	f.Add(appendLeg(nil, Entered{Leg: Leg{Index: "a--1", Write: "8", Stamp: 6, Kind: guard.Replace}, Left: 2, Count: 1}))
	f.Add(appendLatest(nil, latest{guard.Version{Stamp: 5, Position: 1}, guard.Version{Stamp: 4}, 9}))
	f.Add(make([]byte, formerSize))
	f.Add(appendMarks(nil, marks{1, 2}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var back []byte
		if entries(b, func(e entry) error { back = appendEntry(back, e); return nil }) == nil {
			var again []byte
			if err := entries(back, func(e entry) error { again = appendEntry(again, e); return nil }); err != nil || !bytes.Equal(again, back) {
				t.Fatalf("%x came back as %x, %v", back, again, err)
			}
		}
		if e, err := parseLeg(5, b); err == nil {
			if got, err := parseLeg(5, appendLeg(nil, e)); err != nil || got != e {
				t.Fatalf("%+v came back as %+v, %v", e, got, err)
			}
		}
		if l, err := parseLatest(b); err == nil {
			if got, err := parseLatest(appendLatest(nil, l)); err != nil || got != l {
				t.Fatalf("%+v came back as %+v, %v", l, got, err)
			}
		}
		_, _ = parseMarks(b)
	})
}

// §6 "Order": several legs may be one task, one after the other; that the engine did not get a late operation is not forgotten.
func TestPartsOfOneTask(t *testing.T) {
	w := &wall{noon}
	dir := t.TempDir()
	j := open(t, dir, w)
	s := hlc.At(noon)
	id := []byte("x")
	put(t, j, Leg{Index: "a--1", Write: "1", Stamp: s + 2, Kind: guard.Update}, 11, "y", "x")
	late, err := j.Begin(Leg{Index: "a--1", Write: "2", Stamp: s + 1, Kind: guard.Replace})
	if err == nil {
		err = errors.Join(late.Add(Op{Shard: 1, ID: id, Version: guard.Version{Stamp: s + 1}, Late: true, Body: []byte("b")}), late.Prepare(), late.Register(12))
		late.Abandon()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []guard.Kind{guard.Replace, guard.Update} {
		part, err := j.Begin(Leg{Index: "a--1", Write: "miroir-1", Stamp: s + 3, Kind: kind, Via: Settled})
		if err == nil && kind == guard.Replace {
			err = part.Add(Op{Shard: 1, ID: []byte("other"), Version: guard.Version{Stamp: s}})
		}
		if err == nil {
			err = errors.Join(part.Add(Op{Shard: 1, ID: id, Version: guard.Version{Stamp: s + hlc.Stamp(kind)}, Write: "2"}), part.Prepare(), part.Register(13))
			part.Abandon()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		list, err := j.Operations("a--1", 1, id)
		var got []string
		for _, k := range list {
			got = append(got, fmt.Sprint(k.Task, k.Kind, k.Late))
		}
		want := []string{fmt.Sprint(11, guard.Update, false), fmt.Sprint(12, guard.Replace, true), fmt.Sprint(13, guard.Replace, false), fmt.Sprint(13, guard.Update, false)}
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v %v, want %v", got, err, want)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, dir, w)
	}
	_ = j.Close()
}

// Bodies that somebody holds stay when they leave the window, and go when they are released.
func TestHeldBodiesStay(t *testing.T) {
	w := &wall{noon}
	j := open(t, t.TempDir(), w)
	defer func() { _ = j.Close() }()
	w.t = noon.Add(time.Second)
	s := hlc.At(w.t)
	for i, write := range []string{"1", "2", "3"} {
		put(t, j, Leg{Index: "a--1", Write: write, Stamp: s + hlc.Stamp(i), Kind: guard.Update}, uint32(i+1), "x") //nolint:gosec // small
	}
	one, other := j.Hold(s+1), j.Hold(s+1)
	w.t = w.t.Add(3 * time.Minute)
	for _, c := range []struct {
		release func()
		left    int
	}{{func() {}, 2}, {one, 2}, {other, 0}} {
		c.release()
		if err := j.Expire(); err != nil {
			t.Fatal(err)
		}
		if legs := j.Legs(); len(legs) != c.left {
			t.Fatalf("%d legs are left, want %d", len(legs), c.left)
		}
	}
}

// WQ-4, WQ-6: what a refused write did to some documents is taken back, of settled legs as well, and nothing else.
func TestWithdrawnWritesAreNotFound(t *testing.T) {
	w := &wall{noon}
	dir := t.TempDir()
	j := open(t, dir, w)
	s := hlc.At(noon)
	put(t, j, Leg{Index: "a--1", Write: "1", Stamp: s + 1, Kind: guard.Replace}, 11, "x", "y")
	put(t, j, Leg{Index: "a--1", Write: "2", Stamp: s + 2, Kind: guard.Delete}, 12, "z")
	put(t, j, Leg{Index: "a--1", Write: "3", Stamp: s + 3, Kind: guard.Delete}, 13, "x", "y", "z")
	leg, err := j.Begin(Leg{Index: "a--1", Write: "miroir-1", Stamp: s + 4, Kind: guard.Delete, Via: Settled})
	if err == nil {
		err = errors.Join(leg.Add(Op{Shard: 1, ID: []byte("x"), Version: guard.Version{Stamp: s + 3}, Write: "3"}), leg.Prepare(), leg.Register(14))
		leg.Abandon()
	}
	if err != nil {
		t.Fatal(err)
	}
	some := []Change{{1, "x"}, {1, "z"}, {1, "nobody"}}
	if err := errors.Join(j.Withdraw("a--1", some, []string{"3", "9"}), j.Withdraw("a--1", some, []string{"3"}), j.Close()); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, w)
	defer func() { _ = j.Close() }()
	for id, want := range map[string]struct {
		operations int
		newest     Newest
	}{
		"x": {1, Newest{Version: guard.Version{Stamp: s + 1}}},
		"y": {2, Newest{Version: guard.Version{Stamp: s + 3, Position: 1}, Deleted: true}},
		"z": {1, Newest{Version: guard.Version{Stamp: s + 2}, Deleted: true}},
	} {
		list, err := j.Operations("a--1", 1, []byte(id))
		n, ok, wrong := j.Newest("a--1", 1, []byte(id))
		if n.Place = 0; err != nil || wrong != nil || !ok || len(list) != want.operations || n != want.newest {
			t.Errorf("%s: %d operations, %+v", id, len(list), n)
		}
	}
	// The deletion of y is the only one of the leg that is left.
	for _, e := range j.Awaited("a--1") {
		if e.Write == "2" {
			if err := j.Fail(e.Place); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n, ok, err := j.Newest("a--1", 1, []byte("z")); err != nil || ok && n.Deleted {
		t.Errorf("a deletion that was withdrawn came back: %+v", n)
	}
}
