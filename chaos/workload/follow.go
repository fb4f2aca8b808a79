package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/miroir-search/miroir/chaos/history"
)

// ended is the part of a task that says how it ended.
type ended struct {
	UID    int64
	Status string
	Error  *struct{ Code string }
}

func (c *Client) note(t ended) {
	switch t.Status {
	case "succeeded", "failed", "canceled":
		reason := ""
		if t.Error != nil {
			reason = t.Error.Code
		}
		c.Log.End(t.UID+1, t.Status, reason)
	}
}

// await asks for a task until it has ended, as an SDK does, or for too long.
func (c *Client) await(ctx context.Context, task int64) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	for ctx.Err() == nil && c.Log.IsOpen(task) {
		var t ended
		status, _, answer, err := c.send(http.MethodGet, fmt.Sprint("/tasks/", task-1), nil)
		switch {
		case err != nil:
		case status == http.StatusNotFound:
			// What was acknowledged is there. The record of it stays open, and so the run fails.
			c.Log.Add(history.Op{Number: -task, Kind: history.Task, Status: status, Outcome: history.Wrong, Message: string(answer), Start: c.Log.Now(), End: c.Log.Now()})
			return
		case status == http.StatusOK && json.Unmarshal(answer, &t) == nil:
			c.note(t)
		}
		pause(ctx, lookEvery)
	}
}

// FollowTasks learns how all tasks end that nobody waits for, until ctx ends.
func (c *Client) FollowTasks(ctx context.Context) {
	for ctx.Err() == nil {
		if open := c.Log.Open(); len(open) > 0 {
			c.lookAt(open[:min(len(open), 200)])
		}
		pause(ctx, lookEvery)
	}
}

// Unended says whether the cluster has tasks that have not ended, those included that no client was told of: what they leave is
// found out when they end.
func (c *Client) Unended() error {
	status, _, answer, err := c.send(http.MethodGet, "/tasks?limit=1&statuses=enqueued,processing", nil)
	var page struct{ Total int }
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", status, answer)
	}
	if err == nil {
		err = json.Unmarshal(answer, &page)
	}
	if err == nil && page.Total > 0 {
		err = fmt.Errorf("%d tasks of the cluster have not ended", page.Total)
	}
	return err
}

func (c *Client) lookAt(open []int64) {
	uids := make([]string, len(open))
	for i, t := range open {
		uids[i] = fmt.Sprint(t - 1)
	}
	query := url.Values{"limit": {"1000"}, "statuses": {"succeeded,failed,canceled"}, "uids": {strings.Join(uids, ",")}}
	status, _, answer, err := c.send(http.MethodGet, "/tasks?"+query.Encode(), nil)
	var page struct{ Results []ended }
	if err != nil || status != http.StatusOK || json.Unmarshal(answer, &page) != nil {
		return
	}
	for _, t := range page.Results {
		c.note(t)
	}
}
