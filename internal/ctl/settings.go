package ctl

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"
)

// settingsStatus is what this tool reads of the settings of an index.
type settingsStatus struct {
	Index   string `json:"index"`
	Version uint64 `json:"version"`
	Phase   string `json:"phase"`
	Frozen  *struct {
		TaskUID uint32 `json:"task_uid"`
	} `json:"frozen"`
	Queue []uint32 `json:"queue"`
	Nodes []struct {
		ID      string `json:"id"`
		State   string `json:"state"`
		Version uint64 `json:"version"`
	} `json:"nodes"`
}

func (t *tool) settingsCommand() *cobra.Command {
	return t.group("settings", "Look at the settings of indexes", "miroir-ctl settings status movies", t.previewCommand(),
		t.againCommand("retry", "Make the last change again that failed", "Change the settings of %s again as the last change did that failed?"),
		t.againCommand("rollback", "Set the nodes of a frozen index back to its committed settings", "Send the committed settings to all nodes of %s?"),
		t.unfreezeCommand(),
		leaf("status INDEX", "Show the committed version, what every node has, and what is under way", "miroir-ctl settings status movies",
			cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
				var s settingsStatus
				document, err := t.do(c.Context(), http.MethodGet, settingsPath(args[0], "status"), nil, &s)
				if err != nil {
					return err
				}
				return t.print(document, func(bool) [][]string {
					rows := [][]string{
						{"INDEX", "VERSION", "PHASE", "WAITING"},
						{s.Index, strconv.FormatUint(s.Version, 10), first(s.Phase, "-"), strconv.Itoa(len(s.Queue))}, {},
					}
					if s.Frozen != nil {
						rows = append(rows, []string{fmt.Sprintf("no writes since task %d: see `miroir-ctl settings rollback`, `retry` and `unfreeze`", s.Frozen.TaskUID)}, nil)
					}
					rows = append(rows, [][]string{
						{"NODE", "STATE", "VERSION"},
					}...)
					for _, n := range s.Nodes {
						rows = append(rows, []string{n.ID, n.State, strconv.FormatUint(n.Version, 10)})
					}
					return rows
				})
			}))
}

func (t *tool) unfreezeCommand() *cobra.Command {
	return leaf("unfreeze INDEX", "Let an index take writes again whose nodes were left with different settings", "miroir-ctl settings unfreeze movies",
		cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
			if err := t.confirm(fmt.Sprintf("Let %s take writes? Its nodes may still have different settings.", args[0])); err != nil {
				return err
			}
			document, err := t.do(c.Context(), http.MethodPost, settingsPath(args[0], "unfreeze"), nil, nil)
			if err != nil {
				return err
			}
			return t.print(document, func(bool) [][]string { return [][]string{{args[0] + " takes writes again"}} })
		})
}
