package translate

import (
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	aggregatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/aggregate/v3"
	previousv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/priority/previous_priorities/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/miroir-search/miroir/xds/ir"
)

// pairClusters are the ordered pairs of nodes, over the clusters of the nodes themselves: what Envoy knows of a node's
// health, its connections and its limits is shared by all of them. The gateway names the pair of the two owners that it
// would ask, and the request fails over without passing through the gateway again.
func (b *builder) pairClusters() []*clusterv3.Cluster {
	known := make(map[string]bool, len(b.cfg.Nodes))
	for _, n := range b.cfg.Nodes {
		known[n.ID] = true
	}
	var clusters []*clusterv3.Cluster
	for _, first := range b.cfg.Paired {
		for _, second := range b.cfg.Paired {
			members := slices.DeleteFunc([]string{first, second}, func(id string) bool { return !known[id] })
			if first != second && len(members) > 0 {
				clusters = append(clusters, b.pairCluster(ir.ClusterOfPair(first, second), members))
			}
		}
	}
	return clusters
}

func (b *builder) pairCluster(name string, members []string) *clusterv3.Cluster {
	list := &aggregatev3.ClusterConfig{}
	for _, id := range members {
		list.Clusters = append(list.Clusters, ir.ClusterOfNode(id))
	}
	return &clusterv3.Cluster{
		Name: name,
		ClusterDiscoveryType: &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
			Name: "envoy.clusters.aggregate", TypedConfig: b.pack(list),
		}},
		ConnectTimeout: durationpb.New(b.cfg.Timeouts.Connect),
		LbPolicy:       clusterv3.Cluster_CLUSTER_PROVIDED,
		// Requests count at the node they go to; the limit of retries is this cluster's own.
		CircuitBreakers: breakers(b.cfg.Limits.ClusterRequests),
	}
}

// retryOnce repeats a read that got no answer, or one that says that the node can not answer: an engine that is down
// (502, 503, 504), or a copy that is not where the gateway's view has it (409, which no read of an engine gives). Of a pair
// the other node is asked, also while the health checks still find nothing wrong with the first.
func (b *builder) retryOnce() *routev3.RetryPolicy {
	return &routev3.RetryPolicy{
		RetryOn:    "connect-failure,refused-stream,reset,gateway-error,retriable-4xx",
		NumRetries: wrapperspb.UInt32(1),
		RetryPriority: &routev3.RetryPolicy_RetryPriority{
			Name: "envoy.retry_priorities.previous_priorities",
			ConfigType: &routev3.RetryPolicy_RetryPriority_TypedConfig{
				TypedConfig: b.pack(&previousv3.PreviousPrioritiesConfig{UpdateFrequency: 1}),
			},
		},
	}
}
