package ensure

import (
	"reflect"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/routing"
)

// What is marked when an engine has lost an index: every copy that another one has, or may have, more of than the empty
// one, and never one of which nothing better is left (WQ-6).
func TestWQ6LostCopiesAreMarkedWhereAnotherOneHasMore(t *testing.T) {
	missed := func(from hlc.Stamp) routing.DirtyRecord { return routing.DirtyRecord{From: from} }
	wiped := routing.DirtyRecord{Whole: true}
	type marks map[string]routing.DirtyRecord
	for name, c := range map[string]struct {
		copies string // of one shard: nodes by letter, building ones in upper case; groups apart by a blank
		marks  marks
		keep   string
		marked bool
		last   bool
	}{
		"another one is complete":              {"ab", nil, "b", true, false},
		"one in another group is complete":     {"a b", nil, "b", true, false},
		"one is complete, another one is not":  {"abc", marks{"b": missed(5)}, "c", true, false},
		"the other one only missed writes":     {"ab", marks{"b": missed(5)}, "", true, false},
		"the other one may lack anything new":  {"ab", marks{"b": {Whole: true, From: 5}}, "", true, false},
		"the other one is lost too":            {"ab", marks{"b": wiped}, "", false, true},
		"all others are lost but one":          {"abc", marks{"b": wiped, "c": missed(0)}, "", true, false},
		"the only one":                         {"a", nil, "", false, true},
		"the other one is being built":         {"aB", nil, "", false, true},
		"marked before, the other is complete": {"ab", marks{"a": missed(5)}, "b", true, false},
		"marked before, nothing better":        {"a", marks{"a": missed(5)}, "", true, false},
		"being built here":                     {"Ab", nil, "", false, false},
		"not here":                             {"bc", nil, "", false, false},
	} {
		ix := &routing.Index{Placement: routing.PlacementRecord{Groups: map[int][][]routing.Copy{}}}
		for g, nodes := range strings.Fields(c.copies) {
			var list []routing.Copy
			for _, n := range nodes {
				one := routing.Copy{Node: strings.ToLower(string(n)), State: routing.CopyActive}
				if one.Node != string(n) {
					one.State = routing.CopyBuilding
				}
				list = append(list, one)
			}
			ix.Placement.Groups[g] = [][]routing.Copy{nil, list}
		}
		m, last := forfeit(ix, "a", func(shard int, node string) (routing.DirtyRecord, bool) {
			rec, dirty := c.marks[node]
			return rec, dirty && shard == 1
		})
		if got := len(m.Nodes["a"]) == 1 && m.Nodes["a"][0] == 1; got != c.marked || m.Keep[1] != c.keep || len(m.Nodes) > 1 {
			t.Errorf("%s: %+v", name, m)
		}
		if want := []int{1}; c.last != reflect.DeepEqual(last, want) {
			t.Errorf("%s: last %v", name, last)
		}
	}
}
