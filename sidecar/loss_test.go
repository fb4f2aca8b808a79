//go:build dataplane

package sidecar

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
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
	now := time.Now().UTC()
	created, err := b.store.CreateIndex(t.Context(),
		routing.IndexRecord{V: 1, UID: "movies", Physical: physical, PrimaryKey: "id", Shards: shards, CreatedAt: now, UpdatedAt: now},
		routing.PlacementRecord{V: 1, Physical: physical, Shards: shards, Groups: map[int][][]routing.Copy{0: copies}},
		routing.SettingsRecord{V: 1},
	)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	b.known(physical)
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
