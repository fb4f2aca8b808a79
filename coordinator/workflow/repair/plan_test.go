package repair

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// cluster makes a view of two groups, with nodes a, b, c in the first and d in the second. Every shard of the index has
// copies on the nodes that its letters name; down lists nodes whose engine does not answer.
func cluster(t *testing.T, copies []string, down string) (*routing.View, *routing.Index) {
	t.Helper()
	b := routing.NewBuilder()
	put := func(key, value string) {
		if err := b.Put(key, []byte(value), 1); err != nil {
			t.Fatal(err)
		}
	}
	group := map[rune]int{'a': 0, 'b': 0, 'c': 0, 'd': 1}
	for n, g := range group {
		put("nodes/"+string(n), fmt.Sprintf(`{"v":1,"id":%q,"address":"http://%c","replica_group":%d,"state":"active"}`, string(n), n, g))
		put("health/"+string(n), fmt.Sprintf(`{"v":1,"ok":%v}`, string(n) != down))
	}
	put("groups/0", `{"v":1,"id":0,"state":"active","rf":2}`)
	put("groups/1", `{"v":1,"id":1,"state":"active","rf":1}`)
	near, far := "", ""
	for _, names := range copies {
		one := map[int]string{}
		for _, n := range names {
			if one[group[n]] != "" {
				one[group[n]] += ","
			}
			one[group[n]] += fmt.Sprintf(`{"node":%q,"state":"active"}`, string(n))
		}
		if near != "" {
			near, far = near+",", far+","
		}
		near, far = near+"["+one[0]+"]", far+"["+one[1]+"]"
	}
	put("indexes/x", fmt.Sprintf(`{"v":1,"uid":"x","physical":"x--0","shards":%d}`, len(copies)))
	put("placement/x--0", fmt.Sprintf(`{"v":1,"physical":"x--0","shards":%d,"groups":{"0":[%s],"1":[%s]}}`, len(copies), near, far))
	v := b.View()
	return v, v.Indexes["x"]
}

func mark(shard int, node string, from hlc.Stamp, whole bool) state.Mark {
	return state.Mark{Shard: shard, Node: node, Revision: 7, Record: routing.DirtyRecord{V: 1, From: from, Whole: whole}}
}

func TestPlan(t *testing.T) {
	for name, c := range map[string]struct {
		copies  []string
		down    string
		marks   []state.Mark
		jobs    []Job
		waiting []int
	}{
		"nothing dirty here": {[]string{"ab"}, "", []state.Mark{mark(0, "b", 5, false)}, nil, nil},
		"from the neighbour": {[]string{"ab", "ab", "bc"}, "", []state.Mark{mark(0, "a", 9, false), mark(1, "a", 5, false)},
			[]Job{{"b", "changes", "0,1", 5}}, nil},
		"near before far": {[]string{"abd"}, "", []state.Mark{mark(0, "a", 5, false)}, []Job{{"b", "changes", "0", 5}}, nil},
		"far when the neighbour is down": {[]string{"abd"}, "b", []state.Mark{mark(0, "a", 5, false)},
			[]Job{{"d", "changes", "0", 5}}, nil},
		"far when the neighbour is dirty": {[]string{"abd"}, "", []state.Mark{mark(0, "a", 5, false), mark(0, "b", 4, false)},
			[]Job{{"d", "changes", "0", 5}}, nil},
		"load is spread": {[]string{"abc", "abc"}, "", []state.Mark{mark(0, "a", 5, false), mark(1, "a", 5, false)},
			[]Job{{"b", "changes", "0", 5}, {"c", "changes", "1", 5}}, nil},
		"whole": {[]string{"ab", "ab", "ab"}, "", []state.Mark{mark(0, "a", 5, true), mark(1, "a", 0, false), mark(2, "a", 6, false)},
			[]Job{{"b", "changes", "2", 6}, {"b", "whole", "0,1", 0}}, nil},
		"the only copy":            {[]string{"a"}, "", []state.Mark{mark(0, "a", 5, true)}, []Job{{"", "", "0", 0}}, nil},
		"the complete one is down": {[]string{"ab"}, "b", []state.Mark{mark(0, "a", 5, false)}, nil, []int{0}},
		"no complete one, this one knows more": {[]string{"ab"}, "", []state.Mark{mark(0, "a", 9, false), mark(0, "b", 5, false)},
			[]Job{{"", "", "0", 0}}, nil},
		"no complete one, the other knows more": {[]string{"ab"}, "", []state.Mark{mark(0, "a", 9, true), mark(0, "b", 5, false)},
			nil, []int{0}},
		"no complete one, and one is down": {[]string{"abd"}, "d", []state.Mark{mark(0, "a", 9, false), mark(0, "b", 5, false), mark(0, "d", 5, false)},
			[]Job{{"", "", "0", 0}}, nil},
		"no complete one, and one is down that may know as much": {[]string{"abd"}, "d", []state.Mark{mark(0, "a", 5, false), mark(0, "b", 5, false), mark(0, "d", 5, false)},
			nil, []int{0}},
		"no complete one, this one lost its data": {[]string{"ad"}, "d", []state.Mark{mark(0, "a", 9, true), mark(0, "d", 5, true)},
			nil, []int{0}},
		"not held any more": {[]string{"bc"}, "", []state.Mark{mark(0, "a", 5, false)}, nil, nil},
	} {
		v, ix := cluster(t, c.copies, c.down)
		for range 5 {
			jobs, waiting := plan(v, ix, "a", c.marks)
			if !reflect.DeepEqual(jobs, c.jobs) || !reflect.DeepEqual(waiting, c.waiting) {
				t.Fatalf("%s: %+v, waiting %v", name, jobs, waiting)
			}
		}
	}
}

// Of copies that are all dirty exactly one counts as the fullest.
func TestOneDirtyCopyIsElected(t *testing.T) {
	v, ix := cluster(t, []string{"abc"}, "")
	for _, froms := range [][3]hlc.Stamp{{1, 2, 3}, {3, 3, 3}, {0, 0, 1}} {
		marks := []state.Mark{mark(0, "a", froms[0], false), mark(0, "b", froms[1], false), mark(0, "c", froms[2], true)}
		elected := 0
		for _, node := range []string{"a", "b", "c"} {
			if jobs, _ := plan(v, ix, node, marks); len(jobs) == 1 && jobs[0].Source == "" {
				elected++
			}
		}
		if elected != 1 {
			t.Errorf("%v: %d are elected", froms, elected)
		}
	}
}
