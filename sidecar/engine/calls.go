package engine

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Codes of the engine that callers act on.
const (
	CodeIndexNotFound       = "index_not_found"
	CodeTaskNotFound        = "task_not_found"
	CodeInvalidRankingRules = "invalid_settings_ranking_rules"
)

// Index is one index of the engine.
type Index struct {
	UID        string    `json:"uid"`
	PrimaryKey *string   `json:"primaryKey"`
	CreatedAt  time.Time `json:"createdAt"`
}

// Task is what the sidecar reads of an engine task.
type Task struct {
	UID            uint32    `json:"uid"`
	IndexUID       *string   `json:"indexUid"`
	Status         string    `json:"status"`
	Type           string    `json:"type"`
	EnqueuedAt     time.Time `json:"enqueuedAt"`
	CustomMetadata *string   `json:"customMetadata"`
	Error          *Error    `json:"error"`
}

// Finished says whether the task's status is final.
func (t Task) Finished() bool {
	return t.Status == "succeeded" || t.Status == "failed" || t.Status == "canceled"
}

// Enqueued is the answer to a write.
type Enqueued struct {
	TaskUID uint32 `json:"taskUid"`
}

// Page is one page of tasks: newest first, Next is where the following page starts.
type Page struct {
	Results []json.RawMessage `json:"results"`
	Total   int               `json:"total"`
	Next    *uint32           `json:"next"`
}

// Health asks whether the engine is available.
func (c *Client) Health(ctx context.Context) error {
	return c.Call(ctx, http.MethodGet, "/health", nil, nil)
}

// Version is the engine's version.
func (c *Client) Version(ctx context.Context) (string, error) {
	var v struct {
		Version string `json:"pkgVersion"`
	}
	err := c.Call(ctx, http.MethodGet, "/version", nil, &v)
	return v.Version, err
}

// Index finds one index; CodeIndexNotFound when it does not exist.
func (c *Client) Index(ctx context.Context, uid string) (Index, error) {
	var ix Index
	err := c.Call(ctx, http.MethodGet, indexPath(uid), nil, &ix)
	return ix, err
}

// Indexes lists all indexes.
func (c *Client) Indexes(ctx context.Context) ([]Index, error) {
	const page = 1000
	var all []Index
	for {
		var p struct {
			Results []Index `json:"results"`
			Total   int     `json:"total"`
		}
		path := "/indexes?limit=" + strconv.Itoa(page) + "&offset=" + strconv.Itoa(len(all))
		if err := c.Call(ctx, http.MethodGet, path, nil, &p); err != nil {
			return nil, err
		}
		all = append(all, p.Results...)
		if len(p.Results) == 0 || len(all) >= p.Total {
			return all, nil
		}
	}
}

// CreateIndex enqueues the creation of an index; primaryKey may be empty.
func (c *Client) CreateIndex(ctx context.Context, uid, primaryKey string) (uint32, error) {
	in := map[string]string{"uid": uid}
	if primaryKey != "" {
		in["primaryKey"] = primaryKey
	}
	return c.enqueue(ctx, http.MethodPost, "/indexes", in)
}

// SetPrimaryKey enqueues the setting of an index's primary key.
func (c *Client) SetPrimaryKey(ctx context.Context, uid, primaryKey string) (uint32, error) {
	return c.enqueue(ctx, http.MethodPatch, indexPath(uid), map[string]string{"primaryKey": primaryKey})
}

// DeleteIndex enqueues the deletion of an index.
func (c *Client) DeleteIndex(ctx context.Context, uid string) (uint32, error) {
	return c.enqueue(ctx, http.MethodDelete, indexPath(uid), nil)
}

// Settings are all settings of an index as the engine shows them.
func (c *Client) Settings(ctx context.Context, uid string) (map[string]json.RawMessage, error) {
	var s map[string]json.RawMessage
	err := c.Call(ctx, http.MethodGet, indexPath(uid)+"/settings", nil, &s)
	return s, err
}

// RawSettings returns the settings of an index as the engine writes them.
func (c *Client) RawSettings(ctx context.Context, uid string) (json.RawMessage, error) {
	var s json.RawMessage
	err := c.Call(ctx, http.MethodGet, indexPath(uid)+"/settings", nil, &s)
	return s, err
}

// PatchSettings enqueues a change of settings.
func (c *Client) PatchSettings(ctx context.Context, uid string, patch map[string]json.RawMessage) (uint32, error) {
	return c.enqueue(ctx, http.MethodPatch, indexPath(uid)+"/settings", patch)
}

// CountMatching counts the documents that match a filter.
func (c *Client) CountMatching(ctx context.Context, uid, filter string) (int, error) {
	var p struct {
		Total int `json:"total"`
	}
	in := map[string]any{"filter": filter, "limit": 0}
	err := c.Call(ctx, http.MethodPost, indexPath(uid)+"/documents/fetch", in, &p)
	return p.Total, err
}

// DeleteDocuments enqueues the deletion of documents by their ids.
func (c *Client) DeleteDocuments(ctx context.Context, uid string, ids []string) (uint32, error) {
	return c.enqueue(ctx, http.MethodPost, indexPath(uid)+"/documents/delete-batch", ids)
}

// Tasks lists tasks by the parameters of GET /tasks.
func (c *Client) Tasks(ctx context.Context, query url.Values) (Page, error) {
	var p Page
	err := c.Call(ctx, http.MethodGet, "/tasks?"+query.Encode(), nil, &p)
	return p, err
}

// Task finds one task.
func (c *Client) Task(ctx context.Context, uid uint32) (Task, error) {
	var t Task
	err := c.Call(ctx, http.MethodGet, "/tasks/"+strconv.FormatUint(uint64(uid), 10), nil, &t)
	return t, err
}

// NewestTask is the number of the newest task of all; 0 when there is none.
func (c *Client) NewestTask(ctx context.Context) (uint32, error) {
	p, err := c.Tasks(ctx, url.Values{"limit": {"1"}})
	if err != nil || len(p.Results) == 0 {
		return 0, err
	}
	var t Task
	err = json.Unmarshal(p.Results[0], &t)
	return t.UID, err
}

// LatestTask is the newest task, or the oldest with reverse, that matches; ok is false when there is none.
func (c *Client) LatestTask(ctx context.Context, index, types string, statuses []string, reverse bool) (t Task, ok bool, err error) {
	q := url.Values{"indexUids": {index}, "limit": {"1"}}
	if types != "" {
		q.Set("types", types)
	}
	if len(statuses) > 0 {
		q.Set("statuses", strings.Join(statuses, ","))
	}
	if reverse {
		q.Set("reverse", "true")
	}
	p, err := c.Tasks(ctx, q)
	if err != nil || len(p.Results) == 0 {
		return t, false, err
	}
	err = json.Unmarshal(p.Results[0], &t)
	return t, err == nil, err
}

func (c *Client) enqueue(ctx context.Context, method, path string, in any) (uint32, error) {
	var e Enqueued
	err := c.Call(ctx, method, path, in, &e)
	return e.TaskUID, err
}

func indexPath(uid string) string { return "/indexes/" + url.PathEscape(uid) }
