package ctl

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// workflow is what this tool reads of a workflow.
type workflow struct {
	ID        string     `json:"workflow_id"`
	Scope     string     `json:"scope"`
	State     string     `json:"state"`
	Phase     string     `json:"phase"`
	Error     *taskError `json:"error"`
	UpdatedAt time.Time  `json:"updated_at"`
	History   []struct {
		Phase string    `json:"phase"`
		At    time.Time `json:"at"`
		By    string    `json:"by"`
	} `json:"history"`
}

func (t *tool) workflowCommand() *cobra.Command {
	var limit int
	list := leaf("list", "List workflows", "miroir-ctl workflow list", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		var all struct{ Results []workflow }
		document, err := t.do(c.Context(), http.MethodGet, "/_miroir/workflows?limit="+strconv.Itoa(limit), nil, &all)
		if err != nil {
			return err
		}
		return t.print(document, func(bool) [][]string { return workflowRows(all.Results...) })
	})
	list.Flags().IntVar(&limit, "limit", 100, "most workflows to list, up to 1000")
	return t.group("workflow", "Look at operations of several steps", "miroir-ctl workflow list", list,
		leaf("show ID", "Show one workflow with its history", "miroir-ctl workflow show dump_create.cluster", cobra.ExactArgs(1),
			func(c *cobra.Command, args []string) error {
				var one workflow
				document, err := t.do(c.Context(), http.MethodGet, "/_miroir/workflows/"+url.PathEscape(args[0]), nil, &one)
				if err != nil {
					return err
				}
				return t.print(document, func(bool) [][]string {
					rows := append(workflowRows(one), []string{}, []string{"PHASE", "AT", "BY"})
					for _, h := range one.History {
						rows = append(rows, []string{first(h.Phase, "(end)"), h.At.Format(time.RFC3339Nano), h.By})
					}
					return rows
				})
			}))
}

func workflowRows(list ...workflow) [][]string {
	rows := [][]string{{"WORKFLOW", "SCOPE", "STATE", "PHASE", "UPDATED", "ERROR"}}
	for _, w := range list {
		rows = append(rows, []string{w.ID, w.Scope, w.State, w.Phase, w.UpdatedAt.Format(time.RFC3339), w.Error.String()})
	}
	return rows
}
