package antientropy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// idIn is the n-th of the ids that belong to a shard of two.
func idIn(shard, n int) string {
	for i := 0; ; i++ {
		if id := fmt.Sprint("s", i); shardmap.ShardOf([]byte(id), 2) == shard {
			if n--; n < 0 {
				return id
			}
		}
	}
}

// halves is a view of an index with two shards: a and b hold the first one, b and c the second.
func halves(t *testing.T, dirty string) *routing.View {
	t.Helper()
	b := routing.NewBuilder()
	records := map[string]string{
		"groups/0": `{"v":1,"id":0,"state":"active","rf":2}`, "indexes/x": `{"v":1,"uid":"x","physical":"x--0","shards":2}`,
		"placement/x--0": `{"v":1,"physical":"x--0","shards":2,"groups":{"0":[
			[{"node":"a","state":"active"},{"node":"b","state":"active"}],[{"node":"b","state":"active"},{"node":"c","state":"active"}]]}}`,
	}
	for _, n := range []string{"a", "b", "c"} {
		records["nodes/"+n] = fmt.Sprintf(`{"v":1,"id":%q,"address":"http://%s","replica_group":0,"state":"active"}`, n, n)
		records["health/"+n] = `{"v":1,"ok":true}`
	}
	if dirty != "" {
		records["dirty/x--0/0/"+dirty] = `{"v":1,"reason":"test"}`
	}
	for key, value := range records {
		if err := b.Put(key, []byte(value), 1); err != nil {
			t.Fatal(err)
		}
	}
	return b.View()
}

// F8, R7, R9: a document on a node that does not hold its shard goes when all who hold it have it as new, or know that it was deleted, or
// when it never passed a sidecar; it stays where that can not be told, or it may be on its way, and in a pass that only tells.
func TestR7StraysGoWhereNothingIsLost(t *testing.T) {
	id := idIn(0, 0)
	for name, c := range map[string]struct {
		version int // of the stray, which is on c
		has     func(w *world)
		dirty   string
		rule    Rule
	}{
		"all have it":              {5, func(w *world) { w.put("ab", id, 5, "v") }, "", Left},
		"all have a newer one":     {5, func(w *world) { w.put("ab", id, 6, "v") }, "", Left},
		"all know its deletion":    {5, func(w *world) { w.drop("ab", id, 6) }, "", Left},
		"at that version":          {5, func(w *world) { w.drop("a", id, 5); w.put("b", id, 5, "v") }, "", Left},
		"one has an older one":     {5, func(w *world) { w.put("a", id, 5, "v"); w.put("b", id, 4, "v") }, "", Same},
		"one lacks it":             {5, func(w *world) { w.put("a", id, 5, "v") }, "", Same},
		"nobody has it":            {5, func(*world) {}, "", Same},
		"one is dirty":             {5, func(w *world) { w.put("ab", id, 5, "v") }, "b", Same},
		"one is silent":            {5, func(w *world) { w.put("ab", id, 5, "v"); w.nodes["b"].down = true }, "", Same},
		"one is dirty by now":      {5, func(w *world) { w.put("ab", id, 5, "v"); w.nodes["b"].dirty = true }, "", Same},
		"written behind a sidecar": {0, func(*world) {}, "", Foreign},
		"and there is a real one":  {0, func(w *world) { w.put("ab", id, 5, "v") }, "", Foreign},
	} {
		w := newWorld("abc")
		c.has(w)
		w.nodes["c"].strays = []nodeapi.Stray{{ID: id, Version: place(c.version)}}
		a := &AntiEntropy{Nodes: w, Now: time.Now, Log: zerolog.Nop()}
		v := halves(t, c.dirty)
		if found, removed, err := a.strays(t.Context(), v, v.Indexes["x"], Look{}); err != nil || found != 1 || removed != 0 || w.mends > 0 {
			t.Errorf("%s, only told: %d %d %v", name, found, removed, err)
		}
		found, removed, err := a.strays(t.Context(), v, v.Indexes["x"], Look{Repair: true})
		gone := len(w.nodes["c"].strays) == 0
		if err != nil || found != 1 || gone != (c.rule != Same) || (removed == 1) != gone {
			t.Errorf("%s: found %d, removed %d, gone %v, %v", name, found, removed, gone, err)
		}
		if gone && w.nodes["c"].log[0].Rule != string(c.rule) {
			t.Errorf("%s: by %s", name, w.nodes["c"].log[0].Rule)
		}
	}
}

// R7, R9: what stands on a node of its shard without saying so goes like any document when nobody else has it, and is written over by the
// comparison when somebody does. What is new may be on its way.
func TestR9StraysOnANodeOfTheirShard(t *testing.T) {
	now := time.Now()
	fresh := nodeapi.Place{uint64(hlc.At(now)), 0}
	for name, c := range map[string]struct {
		others []Holding
		at     nodeapi.Place
		held   bool
		want   Rule
	}{
		"nobody has it":            {on(Holding{}), place(0), true, Foreign},
		"somebody has it":          {on(doc(5, "x")), place(0), true, Same},
		"it is being written":      {on(Holding{Unsettled: true}), place(0), true, Same},
		"stamped, nobody":          {on(Holding{}), place(5), true, Same},
		"stamped, deleted":         {on(gone(5)), place(5), true, Left},
		"stamped, deleted earlier": {on(gone(4)), place(5), true, Same},
		"elsewhere, not asked":     {nil, place(5), false, Same},
	} {
		if got := judgeStray(nodeapi.Stray{ID: "d", Version: c.at}, c.others, c.held); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	w := newWorld("abc")
	id := idIn(0, 1)
	w.put("ab", id, 0, "v")
	for _, n := range []string{"a", "b"} {
		l := w.nodes[n].docs[id]
		l.Version = fresh
		w.nodes[n].docs[id] = l
	}
	w.nodes["c"].strays = []nodeapi.Stray{{ID: id, Version: fresh}}
	w.nodes["a"].strays = []nodeapi.Stray{{ID: idIn(0, 2)}}
	a := &AntiEntropy{Nodes: w, Now: func() time.Time { return now }, Log: zerolog.Nop()}
	v := halves(t, "")
	if found, removed, err := a.strays(t.Context(), v, v.Indexes["x"], Look{Repair: true, Settle: time.Minute}); err != nil || found != 2 || removed != 1 {
		t.Errorf("found %d, removed %d, %v", found, removed, err)
	}
	if w.mends != 1 || !slices.Equal(w.nodes["c"].strays, []nodeapi.Stray{{ID: id, Version: fresh}}) {
		t.Errorf("%d mends, left %v", w.mends, w.nodes["c"].strays)
	}
}
