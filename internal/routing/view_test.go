package routing

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/shardmap"
)

// A suspect node is asked only for what nobody else in its group can answer for (NS-2).
func TestNS2SuspectNodesAreAskedLast(t *testing.T) {
	const placement = `{"v":1,"physical":"x--1","shards":3,"groups":{"0":[
		[{"node":"a","state":"active"},{"node":"b","state":"active"}],
		[{"node":"b","state":"active"},{"node":"c","state":"active"}],
		[{"node":"c","state":"active"},{"node":"a","state":"active"}]]}}`
	for health, want := range map[string][]shardmap.Holder{
		"a b c":      {{Node: "a", Shards: []int{0, 2}}, {Node: "b", Shards: []int{0, 1}}, {Node: "c", Shards: []int{1, 2}}},
		"a b? c":     {{Node: "a", Shards: []int{0, 2}}, {Node: "c", Shards: []int{1, 2}}},
		"a b?":       {{Node: "a", Shards: []int{0, 2}}, {Node: "b", Shards: []int{1}}},
		"a? b? c":    {{Node: "a", Shards: []int{0}}, {Node: "b", Shards: []int{0}}, {Node: "c", Shards: []int{1, 2}}},
		"a? b? c?":   {{Node: "a", Shards: []int{0, 2}}, {Node: "b", Shards: []int{0, 1}}, {Node: "c", Shards: []int{1, 2}}},
		"b? c dirty": {{Node: "b", Shards: []int{0, 1}}, {Node: "c", Shards: []int{2}}},
	} {
		b := NewBuilder()
		put := func(key, value string) {
			if err := b.Put(key, []byte(value), 1); err != nil {
				t.Fatal(err)
			}
		}
		put("indexes/x", `{"v":1,"uid":"x","physical":"x--1","shards":3}`)
		put("placement/x--1", placement)
		for _, id := range []string{"a", "b", "c"} {
			put("nodes/"+id, fmt.Sprintf(`{"v":1,"id":%q,"state":"active"}`, id))
		}
		for _, one := range strings.Fields(health) {
			if one == "dirty" {
				put("dirty/x--1/1/c", `{"v":1}`)
				continue
			}
			id, suspect := strings.CutSuffix(one, "?")
			put("health/"+id, fmt.Sprintf(`{"v":1,"ok":true,"suspect":%v}`, suspect))
		}
		v := b.View()
		if got := v.Holders(v.Indexes["x"], 0, nil); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", health, got, want)
		}
	}
}
