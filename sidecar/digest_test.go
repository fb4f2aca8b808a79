//go:build dataplane

package sidecar

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// digests asks for the digest of a shard.
func (b *bench) digest(q nodeapi.InventoryQuery) (d nodeapi.ShardDigest) {
	b.t.Helper()
	a := b.leg("POST", nodeapi.PathDigest, q, nodeapi.Leg{})
	if err := json.Unmarshal([]byte(a.body), &d); a.status != http.StatusOK || err != nil {
		b.t.Fatalf("digest: %d %s %v", a.status, a.body, err)
	}
	return d
}

// listed asks for leaves, and sorts them.
func (b *bench) listed(path string, q any) (list []nodeapi.Leaf) {
	b.t.Helper()
	a := b.leg("POST", path, q, nodeapi.Leg{})
	if a.status != http.StatusOK {
		b.t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
	if err := nodeapi.EachLine([]byte(a.body), false, func(line []byte) error {
		l, err := nodeapi.ParseLeaf(line)
		list = append(list, l)
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
	slices.SortStableFunc(list, func(x, y nodeapi.Leaf) int { return strings.Compare(string(x.ID), string(y.ID)) })
	return list
}

// F8: a digest stands for what the engine has, however it came there, and tells where two copies differ.
func TestF8DigestOfAnEngine(t *testing.T) {
	b := newBench(t)
	one, other := b.index("one", "id", 2), b.index("other", "id", 2)
	var docs []string
	shard := shardmap.ShardOf([]byte("d0"), 2)
	mine := 0
	for i := range 700 {
		id := fmt.Sprint("d", i)
		docs = append(docs, fmt.Sprintf(`{"id":%q,"n":%d,"nested":{"b":[1.50,"é"],"a":null}}`, id, i))
		if shardmap.ShardOf([]byte(id), 2) == shard {
			mine++
		}
	}
	now := hlc.At(time.Now())
	stamped := func(index, dispatch string, stamp hlc.Stamp, docs ...string) {
		t.Helper()
		a := b.leg("POST", "/indexes/"+index+"/documents", documents(2, docs...),
			nodeapi.Leg{Shards: all(2), Count: 2, PrimaryKey: "id", Dispatch: dispatch, Stamp: stamp})
		if a.status != http.StatusAccepted {
			t.Fatalf("add: %d %s", a.status, a.body)
		}
		b.finished(dispatch)
	}
	stamped(one, "one-1", now+1, docs...)
	stamped(other, "other-0", now, `{"zuerst":1,"nested":2,"n":3,"id":"d0"}`) // this engine meets the fields in another order
	stamped(other, "other-1", now+1, docs...)
	first := b.digest(nodeapi.InventoryQuery{Index: one, Shard: shard})
	if second := b.digest(nodeapi.InventoryQuery{Index: other, Shard: shard}); second.Root != first.Root || int(first.Count) != mine {
		t.Fatalf("%d and %d documents, %d are there: %s %s", first.Count, second.Count, mine, first.Root, second.Root)
	}
	light := b.digest(nodeapi.InventoryQuery{Index: one, Shard: shard, Light: true})
	if light.Root == first.Root || light.Count != first.Count || light.Newest != first.Newest || light.Newest[0] == 0 {
		t.Fatalf("light %+v", light)
	}

	// Behind the sidecar the content of a document changes, and one goes.
	changed := b.direct("PUT", "/indexes/"+other+"/documents", []map[string]any{{"id": "d0", "n": -1}})
	if changed.status != http.StatusAccepted {
		t.Fatalf("%d %s", changed.status, changed.body)
	}
	if same := b.digest(nodeapi.InventoryQuery{Index: other, Shard: shard, Light: true}); same.Root != light.Root {
		t.Error("a light digest looks at contents")
	}
	deep := b.digest(nodeapi.InventoryQuery{Index: other, Shard: shard})
	var differ []int
	for i := range deep.Buckets {
		if deep.Buckets[i] != first.Buckets[i] || deep.Counts[i] != first.Counts[i] {
			differ = append(differ, i)
		}
	}
	if len(differ) != 1 || deep.Root == first.Root {
		t.Fatalf("buckets %v differ", differ)
	}
	inventory := func(index string) []nodeapi.Leaf {
		return b.listed(nodeapi.PathInventory, nodeapi.InventoryQuery{Index: index, Shard: shard, Buckets: differ, Journaled: true})
	}
	a, c := inventory(one), inventory(other)
	if len(a) != len(c) || uint64(len(a)) != first.Counts[differ[0]] {
		t.Fatalf("%d and %d leaves of %d", len(a), len(c), first.Counts[differ[0]])
	}
	for i := range a {
		if string(a[i].ID) != string(c[i].ID) || a[i].Version != c[i].Version || (a[i].Sum == c[i].Sum) == (string(a[i].ID) == "d0") {
			t.Errorf("%+v %+v", a[i], c[i])
		}
	}

	// A deletion is in the journal, and what the engine lost is known to it.
	deleted := b.leg("DELETE", "/indexes/"+one+"/documents/d0", nil,
		nodeapi.Leg{Shards: []int{shard}, Count: 2, PrimaryKey: "id", Dispatch: "one-2", Stamp: now + 2})
	if deleted.status != http.StatusAccepted {
		t.Fatalf("%d %s", deleted.status, deleted.body)
	}
	b.finished("one-2")
	lost := b.direct("DELETE", "/indexes/"+other+"/documents/d0", nil)
	if lost.status != http.StatusAccepted {
		t.Fatalf("%d %s", lost.status, lost.body)
	}
	b.digest(nodeapi.InventoryQuery{Index: other, Shard: shard}) // waits for the engine
	q := nodeapi.LeavesQuery{Documents: []nodeapi.Document{{Shard: shard, ID: "d0"}, {Shard: shard, ID: "nobody"}}}
	for index, want := range map[string]nodeapi.LeafKind{one: nodeapi.LeafDeleted, other: nodeapi.LeafKnown} {
		q.Index = index
		got := b.listed(nodeapi.PathLeaves, q)
		if len(got) != 2 || got[0].Kind != want || got[0].Version[0] == 0 || got[1].Kind != nodeapi.LeafAbsent {
			t.Errorf("%s: %+v", index, got)
		}
		found := false
		for _, l := range inventory(index) {
			found = found || string(l.ID) == "d0" && l.Kind == want && l.Version == got[0].Version
		}
		if !found {
			t.Errorf("%s: the inventory does not tell of the document that is gone", index)
		}
	}
	if a := b.leg("POST", nodeapi.PathDigest, nodeapi.InventoryQuery{Index: one, Shard: 9}, nodeapi.Leg{}); a.status < 400 {
		t.Errorf("a shard that is not there: %d %s", a.status, a.body)
	}
	if a := b.leg("POST", nodeapi.PathInventory, nodeapi.InventoryQuery{Index: one, Shard: 0, Buckets: []int{256}}, nodeapi.Leg{}); a.status != http.StatusBadRequest {
		t.Errorf("a bucket that is not there: %d %s", a.status, a.body)
	}
}
