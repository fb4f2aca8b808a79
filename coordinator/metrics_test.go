package coordinator

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/miroir-search/miroir/coordinator/view"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

type counted int

func (c counted) Len() int { return int(c) }

// OB-2, WQ-6, SH-6: what an alarm is for has a figure under the name of the specification: a node that does not answer, shards that nobody can
// answer for, copies that missed writes, copies in the wrong place, a store that is gone, a task that does not end.
func TestOB2CensusShowsWhatIsWrong(t *testing.T) {
	b := routing.NewBuilder()
	for key, value := range map[string]string{
		"config/cluster": `{"v":1,"shards":2}`, "groups/0": `{"v":1,"id":0,"state":"active","rf":2}`,
		"nodes/a": `{"v":1,"id":"a","address":"http://a","replica_group":0,"state":"active"}`, "health/a": `{"v":1,"ok":true}`,
		"nodes/b":        `{"v":1,"id":"b","address":"http://b","replica_group":0,"state":"active"}`,
		"nodes/c":        `{"v":1,"id":"c","address":"http://c","replica_group":0,"state":"removed"}`,
		"indexes/x":      `{"v":1,"uid":"x","physical":"x--0","shards":2}`,
		"settings/x--0":  `{"v":1,"version":7,"client_view":{}}`,
		"placement/x--0": `{"v":1,"physical":"x--0","shards":2,"groups":{"0":[[{"node":"a","state":"active"},{"node":"b","state":"active"}],[{"node":"b","state":"active"}]]}}`,
		"dirty/x--0/0/b": `{"v":1,"reason":"missed a write"}`, "dirty/x--0/1/b": `{"v":1,"reason":"missed a write"}`,
	} {
		if err := b.Put(key, []byte(value), 9); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	up := false
	registry := prometheus.NewRegistry()
	registry.MustRegister(&census{
		snapshot: func() view.Snapshot {
			return view.Snapshot{Routing: b.View(), Open: []task.Record{{EnqueuedAt: now.Add(-90 * time.Second)}, {EnqueuedAt: now}}}
		},
		tasks: counted(12), reached: func() bool { return up }, now: func() time.Time { return now },
	})
	for name, want := range map[string]string{
		"miroir_node_healthy":             `{node_id="a"} 1` + "|" + `{node_id="b"} 0`,
		"miroir_shard_distribution":       `{node_id="a"} 1` + "|" + `{node_id="b"} 2`,
		"miroir_shard_coverage":           " 0",
		"miroir_degraded_shards_total":    " 1",
		"miroir_dirty_copies":             " 2",
		"miroir_placement_drift":          " 1",
		"miroir_etcd_up":                  " 0",
		"miroir_task_registry_size":       " 12",
		"miroir_task_oldest_open_seconds": " 90",
		"miroir_settings_version":         `{index="x"} 7`,
	} {
		if err := testutil.GatherAndCompare(registry, strings.NewReader(text(t, registry, name, want)), name); err != nil {
			t.Error(err)
		}
	}
	up = true
	if err := testutil.GatherAndCompare(registry, strings.NewReader(text(t, registry, "miroir_etcd_up", " 1")), "miroir_etcd_up"); err != nil {
		t.Error(err)
	}
}

// text is what is exposed of a gauge, with the help that it has: every one must have some.
func text(t *testing.T, from prometheus.Gatherer, name, samples string) string {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name && f.GetHelp() != "" {
			out := "# HELP " + name + " " + f.GetHelp() + "\n# TYPE " + name + " gauge\n"
			for sample := range strings.SplitSeq(samples, "|") {
				out += name + sample + "\n"
			}
			return out
		}
	}
	t.Fatalf("there is no %s", name)
	return ""
}
