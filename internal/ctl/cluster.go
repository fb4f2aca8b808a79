package ctl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// topology is what this tool reads of GET /_miroir/topology.
type topology struct {
	Nodes        []node `json:"nodes"`
	Degraded     int    `json:"degraded_node_count"`
	Rebalancing  bool   `json:"rebalance_in_progress"`
	FullyCovered bool   `json:"fully_covered"`
}

// node is what this tool reads of a node.
type node struct {
	ID            string `json:"id"`
	Group         int    `json:"group"`
	Address       string `json:"address"`
	Status        string `json:"status"`
	State         string `json:"state"`
	Shards        int    `json:"shard_count"`
	LastSeenMS    *int64 `json:"last_seen_ms"`
	EngineVersion string `json:"engine_version"`
	TasksInFlight int    `json:"tasks_in_flight"`
	Error         string `json:"error"`
}

// errUncovered is why status fails on a degraded cluster.
var errUncovered = errors.New("some shards have no copy that can be searched")

// watchPause is the time between two looks of --watch.
const watchPause = 2 * time.Second

func (t *tool) statusCommand() *cobra.Command {
	var watch bool
	c := leaf("status", "Say in one line how the cluster is; exit code 4 when shards are not covered", "miroir-ctl status --watch",
		cobra.NoArgs, func(c *cobra.Command, _ []string) error {
			for {
				err := t.status(c.Context())
				if !watch || err != nil && !errors.Is(err, errUncovered) {
					return err
				}
				select {
				case <-c.Context().Done():
					return err
				case <-time.After(watchPause):
				}
			}
		})
	c.Flags().BoolVar(&watch, "watch", false, "go on telling until interrupted")
	return c
}

func (t *tool) status(ctx context.Context) error {
	var now topology
	document, err := t.do(ctx, http.MethodGet, "/_miroir/topology", nil, &now)
	if err != nil {
		return err
	}
	err = t.print(document, func(wide bool) [][]string {
		rows := [][]string{{now.line()}}
		if wide {
			rows = append(rows, nodeRows(now.Nodes, true)...)
		}
		return rows
	})
	if err == nil && !now.FullyCovered {
		return lifecycle.ExitError{Code: exitDegraded, Err: errUncovered}
	}
	return err
}

// line is the whole cluster in one line.
func (t topology) line() string {
	covered, rebalance := "all shards covered", "no rebalance"
	if !t.FullyCovered {
		covered = "NOT all shards covered"
	}
	if t.Rebalancing {
		rebalance = "rebalance running"
	}
	return fmt.Sprintf("%d nodes healthy, %d degraded; %s; %s", len(t.Nodes)-t.Degraded, t.Degraded, covered, rebalance)
}

func (t *tool) nodeCommand() *cobra.Command {
	return t.group("node", "Look at nodes", "miroir-ctl node list",
		leaf("list", "List all nodes", "miroir-ctl node list -o wide", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
			var all struct{ Results []node }
			document, err := t.do(c.Context(), http.MethodGet, "/_miroir/nodes", nil, &all)
			if err != nil {
				return err
			}
			return t.print(document, func(wide bool) [][]string { return nodeRows(all.Results, wide) })
		}),
		leaf("show ID", "Show one node", "miroir-ctl node show node-0", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
			var one node
			document, err := t.do(c.Context(), http.MethodGet, "/_miroir/nodes/"+url.PathEscape(args[0]), nil, &one)
			if err != nil {
				return err
			}
			return t.print(document, func(wide bool) [][]string { return nodeRows([]node{one}, wide) })
		}))
}

func nodeRows(nodes []node, wide bool) [][]string {
	head := []string{"NODE", "GROUP", "STATUS", "SHARDS", "TASKS", "ENGINE", "ADDRESS", "ERROR"}
	if wide {
		head = append(head, "STATE", "SEEN")
	}
	rows := [][]string{head}
	for _, n := range nodes {
		row := []string{
			n.ID, strconv.Itoa(n.Group), n.Status, strconv.Itoa(n.Shards), strconv.Itoa(n.TasksInFlight), n.EngineVersion, n.Address, n.Error,
		}
		if wide {
			seen := "never"
			if n.LastSeenMS != nil {
				seen = (time.Duration(*n.LastSeenMS) * time.Millisecond).Round(time.Second).String() + " ago"
			}
			row = append(row, n.State, seen)
		}
		rows = append(rows, row)
	}
	return rows
}
