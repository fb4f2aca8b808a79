package antientropy

import (
	"fmt"
	"maps"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// drift makes copies differ in every way that a rule is for; it says how many documents do, and in a light look.
func drift(w *world) (deep, light int) {
	for _, id := range ids(500) {
		w.put("abc", id, 5, "v")
	}
	w.drop("b", "d1", 0)            // R6 lost
	w.put("ac", "d2", 7, "new")     // R1 older on b
	w.drop("a", "d3", 9)            // R4 deleted on a
	w.put("c", "d4", 5, "altered")  // R5, deep only
	w.put("b", "extra", 6, "extra") // R6 lost on two
	w.drop("abc", "d5", 6)          // deleted everywhere
	w.put("c", "d5", 5, "v")        // and back on c, whose journal forgot
	delete(w.nodes["c"].deleted, "d5")
	return 6, 5
}

// A8.1, A8.6: what drifted is restored, reverted and removed on all copies, and counted; a light look sees what versions show.
func TestA8DriftIsFoundAndRepaired(t *testing.T) {
	w := newWorld("abc")
	deep, light := drift(w)
	before := map[string]nodeapi.ShardDigest{}
	for n, r := range w.nodes {
		before[n] = r.digest(nodeapi.InventoryQuery{})
	}
	// A8.7: a pass that only tells changes nothing.
	if out := w.compare(t, nil, Look{}); out.Mismatches != light || out.Repaired != 0 || out.Even() || !out.Compared {
		t.Errorf("light: %+v", out)
	}
	if out := w.compare(t, nil, Look{Deep: true}); out.Mismatches != deep || out.Rules[Content] != 1 || out.Incomplete {
		t.Errorf("deep: %+v", out)
	}
	for n, r := range w.nodes {
		if !reflect.DeepEqual(r.digest(nodeapi.InventoryQuery{}), before[n]) || w.mends > 0 {
			t.Errorf("a pass that only tells changed %s", n)
		}
	}
	out := w.compare(t, nil, Look{Deep: true, Repair: true})
	if want := map[Rule]int{Lost: 2, Newer: 1, Deleted: 2, Content: 1}; !maps.Equal(out.Rules, want) || out.Repaired != deep || !out.Even() {
		t.Errorf("repair: %+v", out)
	}
	for n, r := range w.nodes {
		if _, back := r.docs["d5"]; back || r.content["d1"] != "v" || r.content["d2"] != "new" || r.content["d4"] != "v" || r.content["extra"] != "extra" || r.content["d3"] != "v" && len(r.docs) != 499 {
			t.Errorf("%s: %d documents, %v", n, len(r.docs), r.content)
		}
	}
	if out := w.compare(t, nil, Look{Deep: true, Repair: true}); out.Mismatches != 0 || !out.Even() {
		t.Errorf("once more: %+v", out)
	}
}

// A8.2, properties: whatever one copy of two missed, both are equal afterwards, and no deletion is undone.
func TestA8MissedWrites(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld("ab")
		deleted := map[string]bool{}
		for version := range rapid.IntRange(1, 60).Draw(r, "writes") {
			id := fmt.Sprint("d", rapid.IntRange(0, 20).Draw(r, "id"))
			to := rapid.SampledFrom([]string{"ab", "a", "b"}).Draw(r, "to")
			if deleted[id] = rapid.Bool().Draw(r, "delete"); deleted[id] {
				w.drop(to, id, version+1)
				continue
			}
			w.put(to, id, version+1, fmt.Sprint(version))
			for _, n := range to {
				delete(w.nodes[string(n)].deleted, id) // the newest version is what a journal knows
			}
		}
		out := w.compare(t, nil, Look{Deep: true, Repair: true})
		a, b := w.nodes["a"], w.nodes["b"]
		if !maps.Equal(a.content, b.content) || out.Mismatches != out.Repaired {
			r.Fatalf("%v %v: %+v", a.content, b.content, out)
		}
		for id, gone := range deleted {
			if _, there := a.docs[id]; gone == there {
				r.Fatalf("%s: deleted %v, there %v", id, gone, there)
			}
		}
	})
}

// A8.3, A8.4: an expired document is gone everywhere, one whose expiry was extended is everywhere; what all copies have and
// is expired is no mismatch.
func TestA8Expired(t *testing.T) {
	w := newWorld("ab")
	expire := func(nodes, id string, version int, at uint64) {
		w.put(nodes, id, version, fmt.Sprint(at))
		for _, n := range nodes {
			l := w.nodes[string(n)].docs[id]
			l.Expires = at
			w.nodes[string(n)].docs[id] = l
		}
	}
	for _, id := range ids(300) {
		w.put("ab", id, 5, "v")
	}
	expire("a", "swept", 5, 50)
	expire("a", "extended", 5, 50)
	expire("b", "extended", 7, 500)
	expire("ab", "both", 5, 50)
	out := w.compare(t, nil, Look{Repair: true, Expired: 100})
	a, b := w.nodes["a"], w.nodes["b"]
	// An expired document that only one copy has left is in no digest: it goes with the next sweep, and nobody brings it back.
	if _, back := b.docs["swept"]; back || a.docs["extended"].Expires != 500 || b.docs["extended"].Expires != 500 || out.Mismatches != 1 || !out.Even() {
		t.Errorf("%+v: %v %v", out, a.docs["extended"], b.docs)
	}
}

// A8.5: what is being written is no mismatch, whether it arrives soon, or is written all the time.
func TestA8WritesUnderWay(t *testing.T) {
	w := newWorld("ab")
	for _, id := range ids(100) {
		w.put("ab", id, 5, "v")
	}
	w.put("a", "soon", 6, "v")
	w.asked = func(path string, w *world) {
		if path == nodeapi.PathLeaves {
			w.put("b", "soon", 6, "v")
		}
	}
	if out := w.compare(t, nil, Look{Repair: true}); out.Mismatches != 0 || out.Unsettled != 0 || w.mends > 0 {
		t.Errorf("a write that comes to one copy later: %+v", out)
	}
	version := 10
	w.asked = func(path string, w *world) {
		version++
		w.put("a", "busy", version, fmt.Sprint(version))
	}
	if out := w.compare(t, nil, Look{Repair: true}); out.Mismatches != 0 || out.Unsettled != 1 || w.mends > 0 {
		t.Errorf("a document that is written all the time: %+v", out)
	}
	// A write of a moment ago is not judged before the settle time, however often it looks the same.
	w.asked = nil
	w.drop("a", "busy", 0)
	now := hlc.At(time.Now().Add(time.Hour))
	w.nodes["a"].docs["fresh"] = nodeapi.Leaf{Kind: nodeapi.LeafStored, ID: []byte("fresh"), Version: nodeapi.Place{uint64(now), 0}}
	if out := w.compare(t, nil, Look{Repair: true}); out.Mismatches != 0 || out.Unsettled != 1 {
		t.Errorf("a fresh write: %+v", out)
	}
}

// Copies that are known not to be complete are left out and told, and so are those that do not answer.
func TestIncompleteCopies(t *testing.T) {
	for name, c := range map[string]struct {
		states     map[string]string
		breaks     func(*world)
		state      string
		mismatches int
		compared   bool
	}{
		"down":          {map[string]string{"c": "down"}, nil, copyUnreachable, 1, true},
		"dirty":         {map[string]string{"c": "dirty"}, nil, copyDirty, 1, true},
		"building":      {map[string]string{"c": "building"}, nil, copyBuilding, 1, true},
		"silent":        {nil, func(w *world) { w.nodes["c"].down = true }, copyUnreachable, 1, true},
		"dirty by now":  {nil, func(w *world) { w.nodes["c"].dirty = true }, copyDirty, 1, true},
		"two are dirty": {map[string]string{"c": "dirty", "b": "dirty"}, nil, copyDirty, 0, false},
	} {
		w := newWorld("abc")
		w.put("abc", "d1", 5, "v")
		w.put("a", "d2", 5, "v")
		if c.breaks != nil {
			c.breaks(w)
		}
		out := w.compare(t, c.states, Look{})
		if !out.Incomplete || out.Even() || out.Compared != c.compared || out.Mismatches != c.mismatches || out.Copies[2].State != c.state || out.Copies[0].State != copyComplete {
			t.Errorf("%s: %+v", name, out)
		}
	}
	w := newWorld("a")
	w.put("a", "d1", 5, "v")
	if out := w.compare(t, nil, Look{}); !out.Even() || out.Compared || len(out.Copies) != 1 {
		t.Errorf("an only copy: %+v", out)
	}
}

// R6: a document that only an engine at an older state has is a deleted one when that state is older than all deletions that
// are known, and else one that the others lost.
func TestR6OlderState(t *testing.T) {
	for name, c := range map[string]struct {
		low   hlc.Stamp // of a
		known bool      // b's journal knows what its engine does not show
		stays bool
	}{
		"behind all deletions": {50, true, false},
		"a knows them all":     {3, true, true},
		"nothing was lost":     {50, false, true},
	} {
		w := newWorld("ab")
		w.put("ab", "d0", 5, "v")
		w.put("a", "d1", 60, "new")
		w.put("b", "old", 5, "v")
		w.nodes["a"].low = c.low
		if c.known {
			w.nodes["b"].known["d1"] = place(60)
		}
		out := w.compare(t, nil, Look{Deep: true, Repair: true})
		_, a := w.nodes["a"].docs["old"]
		_, b := w.nodes["b"].docs["old"]
		if a != c.stays || b != c.stays || !out.Even() || w.nodes["b"].content["d1"] != "new" {
			t.Errorf("%s: on a %v, on b %v: %+v", name, a, b, out)
		}
	}
}

// Buckets that differ are listed in groups of bounded size, each once.
func TestGroups(t *testing.T) {
	w := newWorld("ab")
	for _, id := range ids(2000) {
		w.put("a", id, 5, "v")
	}
	digests := []copyDigest{{"a", w.nodes["a"].digest(nodeapi.InventoryQuery{})}, {"b", w.nodes["b"].digest(nodeapi.InventoryQuery{})}}
	seen := map[int]bool{}
	for _, g := range differing(digests, 100) {
		size := uint64(0)
		for _, b := range g {
			if seen[b] {
				t.Errorf("bucket %d twice", b)
			}
			seen[b] = true
			size += digests[0].Counts[b]
		}
		if size > 100 && len(g) > 1 {
			t.Errorf("a group of %d documents", size)
		}
	}
	if len(seen) != nodeapi.DigestBuckets {
		t.Errorf("%d buckets", len(seen))
	}
	if g := differing(append(digests[:1:1], digests[0]), 100); g != nil {
		t.Errorf("equal digests differ in %v", g)
	}
}
