package doctor

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/state"
)

// healthy is a cluster of one index on one node.
func healthy() map[string]string {
	return map[string]string{
		"meta/schema":             `{"v":1,"version":1,"min_reader":1}`,
		"config/cluster":          `{"v":1,"shards":1}`,
		"groups/0":                `{"v":1,"id":0,"state":"active","rf":1}`,
		"nodes/a":                 `{"v":1,"id":"a","replica_group":0,"state":"active"}`,
		"nodes/old":               `{"v":1,"id":"old","replica_group":9,"state":"removed"}`,
		"health/a":                `{"v":1,"ok":true}`,
		"indexes/m":               `{"v":1,"uid":"m","physical":"m--0","shards":1}`,
		"placement/m--0":          `{"v":1,"physical":"m--0","shards":1,"groups":{"0":[[{"node":"a","state":"active"}]]}}`,
		"settings/m--0":           `{"v":1,"version":1,"engine_hash":"h"}`,
		"node_settings/m--0/a":    `{"v":1,"version":1,"hash":"h"}`,
		"dirty/m--0/0/a":          `{"v":1}`,
		"keys/u":                  `{"v":1,"actions":["*"]}`,
		"features":                `{"v":1,"features":{"metrics":true}}`,
		"tasks/open/0000000007":   `{"v":1,"uid":7,"status":"enqueued"}`,
		"tasks/done/0000000003":   `{"v":1,"uid":3,"status":"failed"}`,
		"workflows/settings/m--0": `{"v":1,"kind":"settings","id":"m--0","state":"running","phase":"verify","token":5}`,
		"members/coordinator/c":   `{"v":1}`,
		"elections/topology/694d": `{"v":1,"holder":"coordinator-0"}`,
		"seq/task":                `{"v":1,"next":8}`,
	}
}

func examine(all map[string]string) string {
	var entries []state.Entry
	for k, v := range all {
		leased := strings.HasPrefix(k, "members/") || strings.HasPrefix(k, "elections/") || strings.HasPrefix(k, "health/")
		entries = append(entries, state.Entry{Key: k, Value: []byte(v), Revision: 1, Leased: leased})
	}
	var text []string
	for _, f := range Examine(entries) {
		text = append(text, fmt.Sprintf("%s %s: %s", f.Severity, f.Key, f.Text))
	}
	return strings.Join(text, "\n")
}

func TestET5EveryRecordIsChecked(t *testing.T) {
	if got := examine(healthy()); got != "" {
		t.Errorf("a healthy cluster: %s", got)
	}
	for want, change := range map[string][2]string{
		"wrong nodes/a: decode":                                        {"nodes/a", `{`},
		"wrong nodes/a: its replica group 3 does not exist":            {"nodes/a", `{"v":1,"id":"a","replica_group":3,"state":"active"}`},
		"wrong settings/m--0: decode routing.SettingsRecord version 2": {"settings/m--0", `{"v":2}`},
		"loose settings/x--1: no index points to it":                   {"settings/x--1", `{"v":1}`},
		"loose node_settings/x--1/a: no index points to it":            {"node_settings/x--1/a", `{"v":1}`},
		"note node_settings/m--0/a: shows other settings than":         {"node_settings/m--0/a", `{"v":1,"version":1,"hash":"i"}`},
		"loose dirty/x--1/0/a: no index points to it":                  {"dirty/x--1/0/a", `{"v":1}`},
		"loose placement/x--1: no index points to it":                  {"placement/x--1", `{"v":1,"shards":0}`},
		"wrong placement/m--0: shard 0 has a copy on old, which is no": {"placement/m--0", `{"v":1,"shards":1,"groups":{"0":[[{"node":"old"}]]}}`},
		"wrong placement/m--0: shard 0 has no copy in group 0":         {"placement/m--0", `{"v":1,"shards":1,"groups":{"0":[[]]}}`},
		"wrong placement/m--0: group 0 has 1 of 2 shards":              {"placement/m--0", `{"v":1,"shards":2,"groups":{"0":[[{"node":"a"}]]}}`},
		"wrong indexes/m: has 2 shards, its placement has 1":           {"indexes/m", `{"v":1,"uid":"m","physical":"m--0","shards":2}`},
		"wrong indexes/n: points to m--0, as m does":                   {"indexes/n", `{"v":1,"uid":"n","physical":"m--0","shards":1}`},
		"wrong indexes/n: it is the record of index z":                 {"indexes/n", `{"v":1,"uid":"z","physical":"z--0","shards":1}`},
		"wrong indexes/n: its physical index n--0 has no placement":    {"indexes/n", `{"v":1,"uid":"n","physical":"n--0","shards":1}`},
		"wrong aliases/x: it is the record of alias y":                 {"aliases/x", `{"v":1,"name":"y","kind":"single","current_uid":"m"}`},
		"wrong aliases/m: an index has the same name":                  {"aliases/m", `{"v":1,"name":"m","kind":"single","current_uid":"m"}`},
		"loose aliases/x: it stands for z, which does not exist":       {"aliases/x", `{"v":1,"name":"x","kind":"multi","target_uids":["m","z"]}`},
		"wrong keys/u: decode key: version 9":                          {"keys/u", `{"v":9}`},
		"wrong tasks/open/0000000007: its status canceled does not":    {"tasks/open/0000000007", `{"v":1,"uid":7,"status":"canceled"}`},
		"wrong tasks/done/0000000003: its status enqueued does not":    {"tasks/done/0000000003", `{"v":1,"uid":3,"status":"enqueued"}`},
		"wrong tasks/done/0000000003: it is the record of task 4":      {"tasks/done/0000000003", `{"v":1,"uid":4,"status":"failed"}`},
		"wrong tasks/done/0000000003: version 2":                       {"tasks/done/0000000003", `{"v":2,"uid":3,"status":"failed"}`},
		"wrong workflows/settings/m--0: it runs and has no phase":      {"workflows/settings/m--0", `{"v":1,"kind":"settings","id":"m--0","state":"running","token":5}`},
		"wrong workflows/settings/m--0: it is the record of another":   {"workflows/settings/m--0", `{"v":1,"kind":"settings","id":"x","state":"failed","token":5}`},
		"wrong workflows/settings/m--0: no leader wrote it":            {"workflows/settings/m--0", `{"v":1,"kind":"settings","id":"m--0","state":"failed"}`},
		"wrong meta/schema: version 3":                                 {"meta/schema", `{"v":3}`},
		"wrong seq/task: version 3":                                    {"seq/task", `{"v":3}`},
		"wrong elections/topology/694d: version 0":                     {"elections/topology/694d", `{"holder":"x"}`},
		"loose seq/task: not on one line":                              {"seq/task", "{\"v\":1,\n\"next\":8}"},
		"note future/x: of a family that this program does not know":   {"future/x", `{"v":1}`},
		"wrong keys/u: larger than 1 MiB":                              {"keys/u", strings.Repeat(" ", maxValue+1)},
	} {
		all := healthy()
		all[change[0]] = change[1]
		if got := examine(all); !strings.Contains(got, want) {
			t.Errorf("%s:\n%s", want, got)
		}
	}
}

func TestKeysThatMustVanishBelongToASession(t *testing.T) {
	got := Examine([]state.Entry{{Key: "members/gateway/g", Value: []byte(`{"v":1}`)}, {Key: "health/a", Value: []byte(`{"v":1}`), Leased: true}})
	want := []Finding{{Loose, "members/gateway/g", "belongs to no session and would never vanish"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestTooManyTasks(t *testing.T) {
	var entries []state.Entry
	for i := range maxTasks + 1 {
		entries = append(entries, state.Entry{Key: fmt.Sprintf("tasks/done/%010d", i), Value: fmt.Appendf(nil, `{"v":1,"uid":%d,"status":"failed"}`, i)})
	}
	if got := Examine(entries); len(got) != 1 || !strings.Contains(got[0].Text, "50001 records") {
		t.Errorf("%+v", got)
	}
}
