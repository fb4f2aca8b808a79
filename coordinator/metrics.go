package coordinator

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/coordinator/detect"
	"github.com/miroir-search/miroir/coordinator/view"
	"github.com/miroir-search/miroir/internal/routing"
)

// maxIndexes bounds the values of the index label (OB-3).
const maxIndexes = 500

// taskCount tells how many tasks there are; *state.TaskWatch does.
type taskCount interface{ Len() int }

// census counts the cluster when metrics are fetched, so that the figures are never older than the view.
type census struct {
	snapshot func() view.Snapshot
	tasks    taskCount
	reached  func() bool // the state store
	now      func() time.Time
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("miroir_"+name, help, labels, nil)
}

// figures are the descriptions of what the census counts.
func figures() map[string]*prometheus.Desc {
	return map[string]*prometheus.Desc{
		"healthy":  desc("node_healthy", "1 while the node's sidecar lives and its engine answers.", "node_id"),
		"held":     desc("shard_distribution", "Shard copies that the placements give to the node.", "node_id"),
		"coverage": desc("shard_coverage", "1 while every index has a group that can answer for all of its shards."),
		"degraded": desc("degraded_shards_total", "Shards that some active group can not answer for."),
		"drift":    desc("placement_drift", "Shards whose copies stand somewhere else than they belong."),
		"dirty":    desc("dirty_copies", "Copies that missed writes and wait for repair."),
		"store":    desc("etcd_up", "1 while the state store answers."),
		"tasks":    desc("task_registry_size", "Tasks kept, open and finished."),
		"oldest":   desc("task_oldest_open_seconds", "Age of the oldest open task, 0 without one."),
		"version":  desc("settings_version", "Committed version of the settings.", "index"),
		"epoch":    desc("view_epoch", "Revision of the routing view."),
		"problems": desc("problems", "Things that are wrong, by kind.", "kind"),
	}
}

// Describe implements prometheus.Collector.
func (c *census) Describe(out chan<- *prometheus.Desc) {
	for _, d := range figures() {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *census) Collect(out chan<- prometheus.Metric) {
	s, f := c.snapshot(), figures()
	gauge := func(name string, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(f[name], prometheus.GaugeValue, v, labels...)
	}
	held := s.Copies()
	for _, n := range s.Nodes() {
		if n.State == routing.NodeRemoved {
			continue
		}
		gauge("healthy", number(n.OK), n.ID)
		gauge("held", float64(held[n.ID]), n.ID)
	}
	kinds, amounts := map[detect.Kind]int{}, map[detect.Kind]int{}
	for _, p := range detect.Problems(s) {
		kinds[p.Kind]++
		amounts[p.Kind] += p.Count
	}
	for kind, n := range kinds {
		gauge("problems", float64(n), string(kind))
	}
	gauge("coverage", number(s.FullyCovered()))
	gauge("degraded", float64(amounts[detect.ShardsUncovered]))
	gauge("drift", float64(amounts[detect.PlacementDrift]))
	gauge("dirty", float64(amounts[detect.CopiesDirty]))
	gauge("store", number(c.reached()))
	gauge("tasks", float64(c.tasks.Len()))
	oldest := 0.0
	if len(s.Open) > 0 {
		oldest = c.now().Sub(s.Open[0].EnqueuedAt).Seconds()
	}
	gauge("oldest", oldest)
	gauge("epoch", float64(s.Routing.Epoch))
	for _, uid := range s.Routing.UIDs[:min(len(s.Routing.UIDs), maxIndexes)] {
		gauge("version", float64(s.Routing.Indexes[uid].SettingsVersion), uid)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
