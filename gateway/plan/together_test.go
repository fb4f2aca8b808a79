package plan

import (
	"slices"
	"testing"

	"github.com/miroir-search/miroir/internal/routing"
)

// A11: indexes that lie alike are asked together; an index that does not, or that must not, is asked alone.
func TestCoverTogether(t *testing.T) {
	b := routing.NewBuilder()
	put := func(key, value string) {
		if err := b.Put(key, []byte(value), 1); err != nil {
			t.Fatal(err)
		}
	}
	put("groups/0", `{"v":1,"id":0,"state":"active","rf":1}`)
	for _, n := range []string{"n0", "n1"} {
		put("nodes/"+n, `{"v":1,"id":"`+n+`","state":"active"}`)
		put("health/"+n, `{"v":1,"ok":true}`)
	}
	const here, there = `[{"node":"n0","state":"active"}]`, `[{"node":"n1","state":"active"}]`
	for uid, copies := range map[string]string{"a": here + "," + there, "b": here + "," + there, "c": there + "," + here, "d": here + "," + there + "," + here} {
		shards := "2"
		if uid == "d" {
			shards = "3"
		}
		put("indexes/"+uid, `{"v":1,"uid":"`+uid+`","physical":"`+uid+`","shards":`+shards+`}`)
		put("placement/"+uid, `{"v":1,"physical":"`+uid+`","shards":`+shards+`,"groups":{"0":[`+copies+`]}}`)
	}
	v := b.View()
	var all []*routing.Index
	for _, uid := range v.UIDs {
		all = append(all, v.Indexes[uid])
	}
	joints := CoverTogether(v, all, Together{Seed: 3})
	var got [][]string
	for _, j := range joints {
		var uids []string
		for _, ix := range j.Indexes {
			uids = append(uids, ix.UID)
		}
		got = append(got, uids)
	}
	if want := [][]string{{"a", "b"}, {"c"}, {"d"}}; !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v, want %v", got, want)
	}
	if len(joints[0].Read.Legs) != 2 || joints[0].Shards != 2 || joints[2].Shards != 3 {
		t.Errorf("%+v", joints)
	}
	if n := len(CoverTogether(v, all, Together{Seed: 3, Apart: true})); n != 4 {
		t.Errorf("%d reads of indexes kept apart", n)
	}
	if j := CoverTogether(v, all, Together{Seed: 3, Avoid: func(node string) bool { return node == "n1" }}); len(j) == 0 || !slices.Equal(j[0].Read.Missing, []int{1}) {
		t.Errorf("%+v", j)
	}
}

// F4: an index is narrowed where that takes fewer requests, and else stays with the others that lie like it.
func TestF4NarrowedTogether(t *testing.T) {
	v, ix := spread(t, 1, 3, 1, 64)
	one := NarrowToIDs(ix, []string{"7"})
	if j := CoverTogether(v, []*routing.Index{ix}, Together{Of: func(*routing.Index) Narrowing { return one }}); len(j) != 1 || len(j[0].Read.Legs) != 1 {
		t.Errorf("%+v", j)
	}
	other := *ix
	other.UID, other.Physical = "b", "b--1"
	narrow := func(x *routing.Index) Narrowing {
		if x.UID == "a" {
			return one
		}
		return Narrowing{}
	}
	if j := CoverTogether(v, []*routing.Index{ix, &other}, Together{Of: narrow}); len(j) != 1 || len(j[0].Read.Legs) != 3 {
		t.Errorf("%+v", j)
	}
}
