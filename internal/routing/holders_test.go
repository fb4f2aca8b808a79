package routing

import (
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/miroir-search/miroir/internal/shardmap"
)

// cluster has one group of nodes, and indexes of many shards with two copies each.
func cluster(t *testing.T, nodes, indexes, shards int) *View {
	t.Helper()
	b := NewBuilder()
	put := func(key, value string) {
		if err := b.Put(key, []byte(value), 1); err != nil {
			t.Fatal(err)
		}
	}
	put("groups/0", `{"v":1,"id":0,"state":"active","rf":2}`)
	for n := range nodes {
		put(fmt.Sprintf("nodes/n%d", n), fmt.Sprintf(`{"v":1,"id":"n%d","address":"http://n%d","state":"active"}`, n, n))
		put(fmt.Sprintf("health/n%d", n), `{"v":1,"ok":true}`)
	}
	for i := range indexes {
		copies := ""
		for s := range shards {
			copies += fmt.Sprintf(`[{"node":"n%d","state":"active"},{"node":"n%d","state":"active"}],`, s%nodes, (s+1+s/nodes)%nodes)
		}
		put(fmt.Sprintf("indexes/i%d", i), fmt.Sprintf(`{"v":1,"uid":"i%d","physical":"i%d--1","shards":%d}`, i, i, shards))
		put(fmt.Sprintf("placement/i%d--1", i), fmt.Sprintf(`{"v":1,"physical":"i%d--1","shards":%d,"groups":{"0":[%s]}}`, i, shards, copies[:len(copies)-1]))
	}
	return b.View()
}

// F4: what a view remembers is what would be found anew, by whatever goroutine, and there is a bound to it.
func TestF4CoversAreRemembered(t *testing.T) {
	v := cluster(t, 5, 2, 64)
	var all sync.WaitGroup
	for g := range uint64(4) {
		all.Go(func() {
			for seed := range uint64(2000) {
				ix := v.Indexes[fmt.Sprint("i", seed%2)]
				legs, missing := v.Cover(ix, 0, seed*g, nil)
				want, lacks := shardmap.CoveringSet(ix.Shards, v.Holders(ix, 0, nil), seed*g)
				if !reflect.DeepEqual(legs, want) || len(missing) != len(lacks) {
					t.Errorf("seed %d: %v, want %v", seed*g, legs, want)
					return
				}
			}
		})
	}
	all.Wait()
	if v.Indexes["i0"].memo.budget.Load() >= coverBudget {
		t.Error("nothing was remembered")
	}
	v.Indexes["i0"].memo.budget.Store(100)
	before := v.Indexes["i1"].memo
	for seed := range uint64(2000) {
		v.Cover(v.Indexes["i1"], 0, seed<<32|seed, nil)
	}
	kept := 0
	before.covers.Range(func(any, any) bool { kept++; return true })
	if kept > 240 {
		t.Errorf("%d covering sets are kept", kept)
	}
	legs, _ := v.Cover(v.Indexes["i0"], 0, 3, func(n string) bool { return n == "n1" })
	for _, l := range legs {
		if l.Node == "n1" {
			t.Error("a node is asked that was to be avoided")
		}
	}
}
