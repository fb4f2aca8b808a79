//go:build dataplane

package sidecar

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// lost are the shards of an index that are marked as lost, with the revisions of the markers.
func (b *bench) lost(physical string) map[int]int64 {
	b.t.Helper()
	marks, err := b.store.Marks(b.t.Context(), physical)
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[int]int64{}
	for _, m := range marks {
		if m.Node != "node-0" || !m.Record.Whole || m.Record.From != 0 {
			b.t.Errorf("%+v", m)
		}
		out[m.Shard] = m.Revision
	}
	return out
}

// wipe kills the engine and starts it again without its data.
func (b *bench) wipe(between func()) {
	b.t.Helper()
	b.engine.kill()
	if err := os.RemoveAll(filepath.Join(b.engine.dir, "data")); err != nil {
		b.t.Fatal(err)
	}
	between()
	b.engine.start()
}

// An engine that lost its data takes its copies out of service before it gets an empty index, whether the sidecar went on
// meanwhile, was down too, or the first that comes is a write, which the engine would make an index for. Copies of which
// there is no other stay (WQ-6).
func TestWQ6EngineLosesItsData(t *testing.T) {
	b := newBench(t)
	const physical, shards = "movies--1", 4 // of the last two shards there is one copy only
	copies := make([][]routing.Copy, shards)
	for s := range copies {
		copies[s] = []routing.Copy{{Node: "node-0", State: routing.CopyActive}}
		if s < 2 {
			copies[s] = append(copies[s], routing.Copy{Node: "node-9", State: routing.CopyActive})
		}
	}
	b.place("movies", "id", physical, copies)
	var docs []string
	for n := range 40 {
		docs = append(docs, fmt.Sprintf(`{"id":%d}`, n))
	}
	b.add(physical, "first", shards, docs...)
	if got := b.lost(physical); len(got) > 0 {
		t.Fatalf("a new index is lost: %v", got)
	}
	search := func(some ...int) answer {
		return b.leg("POST", "/indexes/"+physical+"/search", `{}`, nodeapi.Leg{Shards: some, Count: shards})
	}
	check := func(what string, documents int, before map[int]int64) map[int]int64 {
		t.Helper()
		var after map[int]int64
		eventually(t, what, func() error {
			if a := search(0); a.status != http.StatusConflict || a.field("code") != nodeapi.CodeStalePlacement {
				return fmt.Errorf("a read of a lost copy: %d %s", a.status, a.body)
			}
			if after = b.lost(physical); len(after) != 2 || after[0] <= before[0] || after[1] <= before[1] {
				return fmt.Errorf("marked: %v, before: %v", after, before)
			}
			if a := search(2, 3); a.status != http.StatusOK || strings.Count(a.body, `"id"`) != documents {
				return fmt.Errorf("a read of last copies: %d %s", a.status, a.body)
			}
			return nil
		})
		s := b.direct("GET", "/indexes/"+physical+"/settings", nil)
		if !strings.Contains(s.body, `"_miroir_shard"`) {
			t.Errorf("%s: %s", what, s.body)
		}
		return after
	}
	b.wipe(func() {})
	marked := check("found by a read", 0, nil)
	metrics := b.leg("GET", "/metrics", nil, nodeapi.Leg{})
	for _, line := range []string{`miroir_sidecar_lost_copies_total{outcome="marked"} 2`, `miroir_sidecar_lost_copies_total{outcome="last"} 2`} {
		if !strings.Contains(metrics.body, line) {
			t.Errorf("no metric %s", line)
		}
	}
	if log := b.log.String(); !strings.Contains(log, "there is no other copy") {
		t.Error("nothing is said about the last copies")
	}

	b.wipe(func() {})
	n := 0
	for shardmap.ShardOf(fmt.Append(nil, n), shards) < 2 {
		n++
	}
	b.add(physical, "second", shards, docs[n])
	marked = check("found by a write", 1, marked)

	b.stop()
	b.wipe(func() {})
	b.start()
	check("found by a sidecar that starts", 0, marked)
}

// An engine that is restored from a backup still has the index, without what was written since: its copies serve no reads until
// they are repaired, whether the sidecar went on meanwhile or begins with it. The same engine that only was away is not
// taken for one (WQ-6).
func TestWQ6EngineAtAnOlderState(t *testing.T) {
	b := newBench(t)
	const physical, shards = "movies--1", 2
	copies := make([][]routing.Copy, shards)
	for s := range copies {
		copies[s] = []routing.Copy{{Node: "node-0", State: routing.CopyActive}, {Node: "node-9", State: routing.CopyActive}}
	}
	b.place("movies", "id", physical, copies)
	b.add(physical, "first", shards, `{"id":1}`, `{"id":2}`)
	data, backup := filepath.Join(b.engine.dir, "data"), filepath.Join(t.TempDir(), "backup")
	restore := func(between func()) {
		b.engine.kill()
		for _, err := range []error{os.RemoveAll(data), os.CopyFS(data, os.DirFS(backup))} {
			if err != nil {
				t.Fatal(err)
			}
		}
		between()
		b.engine.start()
	}
	b.engine.kill()
	if err := os.CopyFS(backup, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	b.engine.start()
	b.known(physical)
	b.add(physical, "second", shards, `{"id":3}`)
	if got := b.lost(physical); len(got) > 0 {
		t.Fatalf("an engine that was away has lost %v", got)
	}
	check := func(what string, before map[int]int64) (after map[int]int64) {
		t.Helper()
		eventually(t, what, func() error {
			if a := b.leg("POST", "/indexes/"+physical+"/search", `{}`, nodeapi.Leg{Shards: []int{0}, Count: shards}); a.field("code") != nodeapi.CodeStalePlacement {
				return fmt.Errorf("a read of an old copy: %d %s", a.status, a.body)
			}
			if after = b.lost(physical); len(after) != 2 || after[0] <= before[0] {
				return fmt.Errorf("marked: %v", after)
			}
			return nil
		})
		return after
	}
	restore(func() {})
	marked := check("found by a sidecar that went on", nil)
	b.add(physical, "third", shards, `{"id":4}`) // numbers go on from those of the backup
	restore(b.stop)
	b.start()
	check("found by a sidecar that starts", marked)
}

// What the journal keeps of an index goes with it.
func TestJournalForgetsDeletedIndexes(t *testing.T) {
	b := newBench(t)
	gone, stays := b.index("gone", "id", 2), b.index("stays", "id", 2)
	b.add(gone, "one", 2, `{"id":1}`)
	b.add(stays, "two", 2, `{"id":1}`)
	if _, err := b.store.DeleteIndex(t.Context(), "gone", gone, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the journal forgets", func() error {
		if !strings.Contains(b.log.String(), "journal of an index that is gone forgotten") {
			return fmt.Errorf("nothing is said about it")
		}
		return nil
	})
	b.stop()
	j, err := journal.Open(b.journal, hlc.New(time.Now), journal.Options{Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	if got := j.Indexes(); !slices.Equal(got, []string{stays}) {
		t.Errorf("%v is left, %s is gone", got, gone)
	}
	if _, known, err := j.Newest(gone, shardmap.ShardOf([]byte("1"), 2), []byte("1")); known || err != nil {
		t.Errorf("a document of an index that is gone is known: %v", err)
	}
}
