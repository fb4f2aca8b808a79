// Package explain says how a search would run: which shards of which nodes are asked, why, and what of the answer depends on
// the cluster. It is a pure function of a plan that was made as for a search, and of what the gateway knows at that moment.
//
// It asks no node and reads no store. Nodes are named by their ids, never by their addresses, and the text of filters that a
// credential adds is not shown.
package explain
