package main

import (
	"context"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/dev/launch"
)

// legMetric counts what the gateway asked of each node.
const legMetric = "miroir_node_request_duration_seconds"

// legs reads from the gateway's metrics how many legs each node has served so far.
func (d *demo) legs(ctx context.Context) (map[string]uint64, error) {
	families, err := launch.Scrape(ctx, d.cluster.Metrics["gateway-0"])
	if err != nil {
		return nil, err
	}
	served := map[string]uint64{}
	for _, metric := range families[legMetric].GetMetric() {
		for _, label := range metric.GetLabel() {
			if label.GetName() == "node_id" {
				served[label.GetValue()] += metric.GetHistogram().GetSampleCount()
			}
		}
	}
	return served, nil
}

// answered lists the nodes that served a leg in between.
func answered(before, after map[string]uint64) []string {
	var nodes []string
	for _, node := range slices.Sorted(maps.Keys(after)) {
		if after[node] > before[node] {
			nodes = append(nodes, node)
		}
	}
	return nodes
}
