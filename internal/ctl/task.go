package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// taskError is an error as the API shows it.
type taskError struct {
	Message string `json:"message"`
	Code    string `json:"code"`
}

func (e *taskError) String() string {
	if e == nil {
		return ""
	}
	return e.Message + " (" + e.Code + ")"
}

// shownTask is what this tool reads of a task.
type shownTask struct {
	UID        uint32          `json:"uid"`
	Type       string          `json:"type"`
	Index      *string         `json:"index"`
	Status     string          `json:"status"`
	Details    json.RawMessage `json:"details"`
	Error      *taskError      `json:"error"`
	EnqueuedAt time.Time       `json:"enqueued_at"`
	StartedAt  *time.Time      `json:"started_at"`
	FinishedAt *time.Time      `json:"finished_at"`
	Nodes      int             `json:"nodes"`
	Parts      []struct {
		Node    string     `json:"node"`
		Group   int        `json:"group"`
		Shards  string     `json:"shards"`
		TaskUID *uint32    `json:"node_task_uid"`
		State   string     `json:"state"`
		Error   *taskError `json:"error"`
	} `json:"parts"`
}

func (s shownTask) done() bool { return s.FinishedAt != nil }

func (t *tool) taskCommand() *cobra.Command {
	return t.group("task", "Look at tasks, and at what each node makes of them", "miroir-ctl task show 391", t.taskList(), t.taskShow(),
		leaf("cancel UID", "Cancel a task that has not ended", "miroir-ctl task cancel 391", cobra.ExactArgs(1),
			func(c *cobra.Command, args []string) error {
				uid, err := taskUID(args[0])
				if err != nil {
					return err
				}
				if err := t.confirm(fmt.Sprintf("Cancel task %d?", uid)); err != nil {
					return err
				}
				document, err := t.do(c.Context(), http.MethodPost, taskPath(uid)+"/cancel", nil, nil)
				if err != nil {
					return err
				}
				return t.print(document, func(bool) [][]string { return [][]string{{fmt.Sprintf("task %d is being canceled", uid)}} })
			}))
}

// taskUID reads a uid: 391 or mtask-00391 (TK-1).
func taskUID(s string) (uint32, error) {
	uid, err := strconv.ParseUint(strings.TrimPrefix(s, "mtask-"), 10, 32)
	if err != nil {
		return 0, lifecycle.UsageError("%q is no uid of a task", s)
	}
	return uint32(uid), nil
}

func taskPath(uid uint32) string { return "/_miroir/tasks/" + strconv.FormatUint(uint64(uid), 10) }

func (t *tool) taskList() *cobra.Command {
	var limit int
	filters := map[string]*string{"status": new(string), "type": new(string), "index": new(string), "cursor": new(string)}
	c := leaf("list", "List tasks, the newest first", "miroir-ctl task list --status enqueued,processing", cobra.NoArgs,
		func(c *cobra.Command, _ []string) error {
			q := url.Values{"limit": {strconv.Itoa(limit)}}
			for name, value := range filters {
				if *value != "" {
					q.Set(name, *value)
				}
			}
			var all struct {
				Results []shownTask
				Cursor  string
			}
			document, err := t.do(c.Context(), http.MethodGet, "/_miroir/tasks?"+q.Encode(), nil, &all)
			if err != nil {
				return err
			}
			if all.Cursor != "" && t.plain() {
				defer t.say("there are more: --cursor %s", all.Cursor)
			}
			return t.print(document, func(wide bool) [][]string { return taskRows(all.Results, wide) })
		})
	c.Flags().IntVar(&limit, "limit", 20, "most tasks to list, up to 1000")
	c.Flags().StringVar(filters["status"], "status", "", "only tasks of these statuses, with commas between them")
	c.Flags().StringVar(filters["type"], "type", "", "only tasks of these types")
	c.Flags().StringVar(filters["index"], "index", "", "only tasks of these indexes")
	c.Flags().StringVar(filters["cursor"], "cursor", "", "go on where an earlier list ended")
	return c
}

func taskRows(tasks []shownTask, wide bool) [][]string {
	head := []string{"UID", "TYPE", "INDEX", "STATUS", "ENQUEUED", "TOOK", "ERROR"}
	if wide {
		head = append(head, "NODES", "DETAILS")
	}
	rows := [][]string{head}
	for _, one := range tasks {
		index, took := "", ""
		if one.Index != nil {
			index = *one.Index
		}
		if one.StartedAt != nil && one.FinishedAt != nil {
			took = one.FinishedAt.Sub(*one.StartedAt).Round(time.Millisecond).String()
		}
		row := []string{
			strconv.FormatUint(uint64(one.UID), 10), one.Type, index, one.Status, one.EnqueuedAt.Format(time.RFC3339), took, one.Error.String(),
		}
		if wide {
			row = append(row, strconv.Itoa(one.Nodes), string(one.Details))
		}
		rows = append(rows, row)
	}
	return rows
}

func (t *tool) taskShow() *cobra.Command {
	return leaf("show UID", "Show a task with the state of its part on every node", "miroir-ctl task show 391 --wait", cobra.ExactArgs(1),
		func(c *cobra.Command, args []string) error {
			uid, err := taskUID(args[0])
			if err != nil {
				return err
			}
			one, document, err := t.task(c.Context(), uid)
			if err == nil && t.wait && !one.done() {
				one, document, err = t.ended(c.Context(), uid)
			}
			if err != nil {
				return err
			}
			return t.print(document, func(bool) [][]string { return one.rows() })
		})
}

// rows shows a task and its parts.
func (s shownTask) rows() [][]string {
	rows := append(taskRows([]shownTask{s}, false), []string{}, []string{"NODE", "GROUP", "SHARDS", "STATE", "NODE TASK", "ERROR"})
	for _, p := range s.Parts {
		uid := ""
		if p.TaskUID != nil {
			uid = strconv.FormatUint(uint64(*p.TaskUID), 10)
		}
		rows = append(rows, []string{p.Node, strconv.Itoa(p.Group), p.Shards, p.State, uid, p.Error.String()})
	}
	return rows
}

func (t *tool) task(ctx context.Context, uid uint32) (shownTask, json.RawMessage, error) {
	var one shownTask
	document, err := t.do(ctx, http.MethodGet, taskPath(uid), nil, &one)
	return one, document, err
}

// ended waits for a task.
func (t *tool) ended(ctx context.Context, uid uint32) (shownTask, json.RawMessage, error) {
	const first, longest = 100 * time.Millisecond, 2 * time.Second
	for pause := first; ; pause = min(2*pause, longest) {
		one, document, err := t.task(ctx, uid)
		if err != nil || one.done() {
			return one, document, err
		}
		select {
		case <-ctx.Done():
			return one, document, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}
