//go:build dataplane

package sidecar

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// operation is one client write to a few documents.
type operation struct {
	method   string // POST replaces, PUT updates, DELETE deletes
	stamp    hlc.Stamp
	dispatch string
	docs     []map[string]any
}

// drawOperations makes writes whose stamps ascend.
func drawOperations(dice *rand.Rand, n, documents int, from hlc.Stamp) []operation {
	list := make([]operation, n)
	for i := range list {
		o := operation{
			method: []string{http.MethodPost, http.MethodPut, http.MethodPut, http.MethodDelete}[dice.IntN(4)],
			stamp:  from + hlc.Stamp(i), dispatch: fmt.Sprint("op-", i), //nolint:gosec // small
		}
		for range 1 + dice.IntN(4) {
			d := map[string]any{"id": fmt.Sprint("d", dice.IntN(documents))}
			if o.method != http.MethodDelete {
				d[string(rune('a'+dice.IntN(4)))] = float64(dice.IntN(1000))
				d["by"] = o.dispatch
			}
			o.docs = append(o.docs, d)
		}
		list[i] = o
	}
	return list
}

// fold is what the operations make of no documents, one after the other.
func fold(list []operation) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, o := range list {
		for position, d := range o.docs {
			id := d["id"].(string)
			switch {
			case o.method == http.MethodDelete:
				delete(all, id)
				continue
			case o.method == http.MethodPost || all[id] == nil:
				all[id] = map[string]any{}
			}
			for k, v := range d {
				all[id][k] = v
			}
			all[id][nodeapi.FieldUpdatedAt] = string(nodeapi.AppendStamp(nil, o.stamp, uint64(position))) //nolint:gosec // an index
		}
	}
	return all
}

// leg sends an operation as a gateway does.
func (o operation) leg(b *bench, index string, shards int) answer {
	l := nodeapi.Leg{Shards: all(shards), Count: shards, PrimaryKey: "id", Dispatch: o.dispatch, Stamp: o.stamp}
	path := "/indexes/" + index + "/documents"
	if o.method == http.MethodDelete {
		ids := []string{}
		for _, d := range o.docs {
			ids = append(ids, d["id"].(string))
		}
		return b.leg(http.MethodPost, path+"/delete-batch", ids, l)
	}
	var body []byte
	for i, d := range o.docs {
		id := []byte(d["id"].(string))
		doc, err := json.Marshal(d)
		if err != nil {
			b.t.Fatal(err)
		}
		body = nodeapi.AppendDocument(body, nodeapi.Line{
			Shard: shardmap.ShardOf(id, shards), Position: uint64(i), ID: id, Document: doc, //nolint:gosec // an index
		})
	}
	return b.leg(o.method, path, body, l)
}

// stored reads all documents of the engine.
func (b *bench) stored(index string) map[string]map[string]any {
	b.t.Helper()
	var page struct{ Results []map[string]any }
	a := b.direct("POST", "/indexes/"+index+"/documents/fetch", map[string]any{"limit": 10_000})
	if err := json.Unmarshal([]byte(a.body), &page); err != nil {
		b.t.Fatalf("%d %s", a.status, a.body)
	}
	all := map[string]map[string]any{}
	for _, d := range page.Results {
		delete(d, nodeapi.FieldShard)
		all[d["id"].(string)] = d
	}
	return all
}

// idle waits until the engine has nothing left to do.
func (b *bench) idle() {
	b.t.Helper()
	eventually(b.t, "engine is idle", func() error {
		if n := b.direct("GET", "/tasks?statuses=enqueued,processing", nil).field("total"); n != 0.0 {
			return fmt.Errorf("%v tasks are left", n)
		}
		return nil
	})
}

// settled waits until the documents are what the order of the stamps makes of them.
func (b *bench) settled(index string, want map[string]map[string]any) {
	b.t.Helper()
	eventually(b.t, "documents are in the order of stamps", func() error {
		b.idle()
		got := b.stored(index)
		if reflect.DeepEqual(got, want) {
			return nil
		}
		for id := range want {
			if !reflect.DeepEqual(got[id], want[id]) {
				return fmt.Errorf("%s is %v instead of %v", id, got[id], want[id])
			}
		}
		return errors.New("documents are left that should be gone")
	})
}

// §6 "Order": writes that reach a node in any order, at once and more than once, and over a restart, leave what they
// would have left in the order of their stamps.
func TestOrderOfLateWrites(t *testing.T) {
	b := newBench(t)
	const shards, documents = 4, 12
	ix := b.index("movies", "id", shards)
	dice := rand.New(rand.NewPCG(1, 2))
	ops := drawOperations(dice, 400, documents, hlc.At(time.Now()))
	order := dice.Perm(len(ops))
	send := func(some []int) {
		work := make(chan operation)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for o := range work {
					if a := o.leg(b, ix, shards); a.status != http.StatusAccepted {
						t.Errorf("%s: %d %s", o.dispatch, a.status, a.body)
					}
				}
			})
		}
		for n, i := range some {
			work <- ops[i]
			if n%7 == 0 {
				work <- ops[i] // a sender that got no answer sends again
			}
		}
		close(work)
		wg.Wait()
	}
	send(order[:200])
	b.stop()
	b.start()
	send(order[200:])
	b.settled(ix, fold(ops))
	late := operation{method: http.MethodPut, stamp: hlc.At(time.Now().Add(-time.Hour)), dispatch: "old", docs: ops[0].docs}
	if a := late.leg(b, ix, shards); a.status != http.StatusServiceUnavailable || a.field("code") != nodeapi.CodeStaleStamp {
		t.Errorf("a write from before the journal began: %d %s", a.status, a.body)
	}
}

// §6 "Order": as soon as a write is told to have ended, nobody sees what was before it, whatever comes late, and in whatever order
// the engine gets it.
func TestNobodySeesBehindAWriteThatHasEnded(t *testing.T) {
	b := newBench(t)
	const shards, documents, senders = 4, 2, 8
	ix := b.index("movies", "id", shards)
	dice := rand.New(rand.NewPCG(3, 4))
	from := hlc.At(time.Now())
	ops := make([]operation, 160)
	for i := range ops {
		d := map[string]any{"id": fmt.Sprint("d", dice.IntN(documents)), "a": float64(i), "b": float64(i)}
		method := http.MethodPut
		switch dice.IntN(4) {
		case 0, 1:
			method = http.MethodPost
		case 2:
			delete(d, "a")
		}
		ops[i] = operation{method: method, stamp: from + hlc.Stamp(i), dispatch: fmt.Sprint("op-", i), docs: []map[string]any{d}} //nolint:gosec // small
	}
	for i := range ops { // some way out of order
		k := min(len(ops)-1, i+dice.IntN(2*senders))
		ops[i], ops[k] = ops[k], ops[i]
	}
	var mu sync.Mutex
	ended := map[string]map[string]float64{} // the newest that has ended, by document and field
	end := func(o operation) {
		mu.Lock()
		defer mu.Unlock()
		for _, d := range o.docs {
			id := d["id"].(string)
			if ended[id] == nil {
				ended[id] = map[string]float64{}
			}
			for _, field := range []string{"a", "b"} {
				if v, ok := d[field].(float64); ok {
					ended[id][field] = max(ended[id][field], v)
				}
			}
		}
	}
	work, told := make(chan operation), make(chan struct{})
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for o := range work {
				if a := o.leg(b, ix, shards); a.status != http.StatusAccepted {
					t.Errorf("%s: %d %s", o.dispatch, a.status, a.body)
					continue
				}
				wg.Go(func() {
					b.finished(o.dispatch)
					end(o)
				})
			}
		})
	}
	go func() {
		for i, o := range ops {
			work <- o
			if i%senders == senders-1 { // so that some have ended before the next ones come
				b.finished(ops[max(0, i-senders)].dispatch)
			}
		}
		close(work)
		wg.Wait()
		close(told)
	}()
	look := func() {
		mu.Lock()
		floor := map[string]map[string]float64{}
		for id, fields := range ended {
			floor[id] = maps.Clone(fields)
		}
		mu.Unlock()
		got := b.stored(ix)
		for id, fields := range floor {
			for field, least := range fields {
				// What replaces the document without the field is newer as well, and has it.
				if v, ok := got[id][field].(float64); !ok || v < least {
					t.Errorf("%s shows %s=%v, write %v has ended", id, field, got[id][field], least)
				}
			}
		}
	}
	for {
		look()
		select {
		case <-told:
			look()
			return
		default:
		}
	}
}

// TK-6: a write of which the engine got only a part, or nothing, because newer ones were there has indexed all its documents all the same,
// as on one node. That survives a restart.
func TestTK6LateDocumentsCountAsIndexed(t *testing.T) {
	b := newBench(t)
	const shards = 4
	ix := b.index("movies", "id", shards)
	stamp := hlc.At(time.Now())
	write := func(dispatch string, stamp hlc.Stamp, method string, ids ...string) {
		t.Helper()
		o := operation{method: method, stamp: stamp, dispatch: dispatch}
		for _, id := range ids {
			o.docs = append(o.docs, map[string]any{"id": id, "by": dispatch})
		}
		if a := o.leg(b, ix, shards); a.status != http.StatusAccepted {
			t.Fatalf("%s: %d %s", dispatch, a.status, a.body)
		}
	}
	indexed := func(dispatch string, want float64) {
		t.Helper()
		task := b.finished(dispatch)
		if details, _ := task["details"].(map[string]any); task["status"] != "succeeded" || details["indexedDocuments"] != want {
			t.Errorf("%s: %v, want %v documents", dispatch, task, want)
		}
	}
	write("newest", stamp+9, http.MethodPut, "a", "b")
	write("partly", stamp+5, http.MethodPost, "a", "c", "a")
	write("wholly", stamp+4, http.MethodPut, "a", "b")
	write("next", stamp+10, http.MethodPost, "a", "a", "d")
	for range 2 {
		indexed("newest", 2)
		indexed("partly", 2)
		indexed("wholly", 2)
		indexed("next", 2)
		b.stop()
		b.start()
	}
	b.settled(ix, map[string]map[string]any{
		"a": {"id": "a", "by": "next", nodeapi.FieldUpdatedAt: string(nodeapi.AppendStamp(nil, stamp+10, 1))},
		"b": {"id": "b", "by": "newest", nodeapi.FieldUpdatedAt: string(nodeapi.AppendStamp(nil, stamp+9, 1))},
		"c": {"id": "c", "by": "partly", nodeapi.FieldUpdatedAt: string(nodeapi.AppendStamp(nil, stamp+5, 1))},
		"d": {"id": "d", "by": "next", nodeapi.FieldUpdatedAt: string(nodeapi.AppendStamp(nil, stamp+10, 2))},
	})
}

// WQ-6: what was sent again to put documents in order never comes behind an operation on all of them, and what was before that is
// not sent with what comes after it.
func TestNothingIsSentAgainBehindAClear(t *testing.T) {
	b := newBench(t)
	const shards = 4
	ix := b.index("movies", "id", shards)
	stamp := hlc.At(time.Now())
	together := func(method string, docs ...map[string]any) { // at once, in whatever order
		t.Helper()
		var wg sync.WaitGroup
		for _, d := range docs {
			stamp++
			o := operation{method: method, stamp: stamp, dispatch: fmt.Sprint("op-", stamp), docs: []map[string]any{d}}
			wg.Go(func() {
				if a := o.leg(b, ix, shards); a.status != http.StatusAccepted {
					t.Errorf("%s: %d %s", o.dispatch, a.status, a.body)
				}
			})
		}
		wg.Wait()
	}
	for n := range 12 {
		together(http.MethodPost, map[string]any{"id": "d", "a": 1.0}, map[string]any{"id": "d", "a": 2.0})
		stamp++
		clearing := fmt.Sprint("clear-", n)
		a := b.leg(http.MethodDelete, "/indexes/"+ix+"/documents", nil, nodeapi.Leg{Shards: all(shards), Count: shards, Dispatch: clearing, Stamp: stamp})
		if a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		b.finished(clearing)
		b.idle()
		if left := b.stored(ix); len(left) > 0 {
			t.Fatalf("round %d: %v is left", n, left)
		}
		together(http.MethodPut, map[string]any{"id": "d", "b": 1.0, "c": 1.0}, map[string]any{"id": "d", "b": 2.0}, map[string]any{"id": "d", "d": 3.0})
		want := map[string]any{"id": "d", "b": 2.0, "c": 1.0, "d": 3.0, nodeapi.FieldUpdatedAt: string(nodeapi.AppendStamp(nil, stamp, 0))}
		b.settled(ix, map[string]map[string]any{"d": want})
	}
	if log := b.log.String(); strings.Contains(log, "missed a write") {
		t.Error("copies are marked, though nothing was missed")
	}
}
