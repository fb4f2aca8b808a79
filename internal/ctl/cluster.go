package ctl

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// topology is what this tool reads of GET /_miroir/topology.
type topology struct {
	Shards       int    `json:"shards"`
	Replicas     int    `json:"replication_factor"`
	Groups       int    `json:"replica_groups"`
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
	Shards        int    `json:"shard_count"`
	EngineVersion string `json:"engine_version"`
	TasksInFlight int    `json:"tasks_in_flight"`
	Error         string `json:"error"`
}

// errUncovered is why status fails on a degraded cluster.
var errUncovered = errors.New("some shards have no copy that can be searched")

func (t *tool) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say in one line how the cluster is; exit code 4 when shards are not covered",
		Example: "  miroir-ctl status",
		Args:    func(c *cobra.Command, args []string) error { return usage(cobra.NoArgs(c, args)) },
		RunE: func(c *cobra.Command, _ []string) error {
			var now topology
			printed, err := t.fetch(c.Context(), "/_miroir/topology", &now)
			if err == nil && !printed {
				_, err = fmt.Fprintln(t.stdio.Out, now.line())
			}
			if err == nil && !now.FullyCovered {
				return lifecycle.ExitError{Code: exitDegraded, Err: errUncovered}
			}
			return err
		},
	}
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
	parent := &cobra.Command{
		Use: "node", Short: "Look at nodes", Example: "  miroir-ctl node list",
		Args: func(c *cobra.Command, args []string) error { return usage(cobra.NoArgs(c, args)) },
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	list := &cobra.Command{
		Use: "list", Short: "List all nodes", Example: "  miroir-ctl node list -o json",
		Args: func(c *cobra.Command, args []string) error { return usage(cobra.NoArgs(c, args)) },
		RunE: func(c *cobra.Command, _ []string) error {
			var all struct{ Results []node }
			printed, err := t.fetch(c.Context(), "/_miroir/nodes", &all)
			if err != nil || printed {
				return err
			}
			return t.printNodes(all.Results)
		},
	}
	show := &cobra.Command{
		Use: "show ID", Short: "Show one node", Example: "  miroir-ctl node show node-0",
		Args: func(c *cobra.Command, args []string) error { return usage(cobra.ExactArgs(1)(c, args)) },
		RunE: func(c *cobra.Command, args []string) error {
			var one node
			printed, err := t.fetch(c.Context(), "/_miroir/nodes/"+url.PathEscape(args[0]), &one)
			if err != nil || printed {
				return err
			}
			return t.printNodes([]node{one})
		},
	}
	parent.AddCommand(list, show)
	return parent
}

func (t *tool) printNodes(nodes []node) error {
	rows := [][]string{{"NODE", "GROUP", "STATUS", "SHARDS", "TASKS", "ENGINE", "ADDRESS", "ERROR"}}
	for _, n := range nodes {
		rows = append(rows, []string{
			n.ID, strconv.Itoa(n.Group), n.Status, strconv.Itoa(n.Shards), strconv.Itoa(n.TasksInFlight), n.EngineVersion, n.Address, n.Error,
		})
	}
	return table(t.stdio.Out, rows)
}
