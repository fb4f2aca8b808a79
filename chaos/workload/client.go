package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/meilisearch/meilisearch-go"

	"github.com/miroir-search/miroir/chaos/history"
)

// Bounds of a client.
const (
	answerTime = 15 * time.Second       // for one request; what takes longer is unknown
	firstWait  = 100 * time.Millisecond // before a request is sent again
	calm       = 30 * time.Millisecond  // after a request that was refused
	closed     = 100 * time.Millisecond // after a connection that was refused
	lookEvery  = 50 * time.Millisecond  // at tasks
)

// Client sends requests to the ingress and records what comes of them.
type Client struct {
	URL   string
	Key   string
	Index string // of all requests about documents
	// Admin is where operators send requests, and AdminKey the key of those.
	Admin    string
	AdminKey string
	// Retries is how often a request is sent again that had no good answer, after 0.1 s first and then twice as long each time.
	Retries int
	HTTP    *http.Client
	Log     *Recorder
	sdk     meilisearch.ServiceManager // nil: requests are made here
}

// Play sends requests one after the other until they are through or ctx ends. After some writes it waits for their tasks, as
// applications do.
func (c *Client) Play(ctx context.Context, ops []history.Op) {
	for _, o := range ops {
		if ctx.Err() != nil {
			return
		}
		done := c.carry(ctx, o)
		switch {
		case done.Outcome != history.Acknowledged:
			pause(ctx, calm)
		case done.Task != 0 && o.Number%4 == 0:
			c.await(ctx, done.Task)
		}
	}
}

// carry sends a request, and again if the client does that, and records every time. What was not even sent is sent
// again in any case.
func (c *Client) carry(ctx context.Context, o history.Op) history.Op {
	wait := firstWait
	for tries := 0; ; tries++ {
		done := c.Do(o)
		if done.Outcome == history.Unsent && c.Retries == 0 && c.sdk == nil && ctx.Err() == nil {
			if o.Unsent == 0 {
				o.Tried = done.Start
			}
			o.Unsent++
			pause(ctx, closed)
			continue
		}
		over := done.Outcome == history.Acknowledged || done.Outcome == history.Wrong
		done.Last = over || tries >= c.Retries
		c.Log.Add(done)
		if done.Last || ctx.Err() != nil {
			return done
		}
		pause(ctx, wait)
		wait *= 2
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Do sends one request and returns it with what came of it.
func (c *Client) Do(o history.Op) history.Op {
	carry := c.directly
	if c.sdk != nil {
		carry = c.bySDK
	}
	o.Start = c.Log.Now()
	status, header, answer, err := carry(o)
	o.End, o.Status = c.Log.Now(), status
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		o.Outcome = history.Unsent
		return o
	case err != nil:
		o.Outcome, o.End, o.Message = history.Unknown, history.Never, err.Error()
		return o
	case status >= http.StatusBadRequest:
		return refusal(o, answer)
	}
	o.Outcome, o.Degraded = history.Acknowledged, header.Get("X-Miroir-Degraded")
	if err := read(&o, answer); err != nil {
		o.Outcome, o.Message = history.Wrong, err.Error()
	}
	return o
}

// refusal tells answers that faults explain from those that nothing does.
func refusal(o history.Op, answer []byte) history.Op {
	var e struct{ Code, Message string }
	if err := json.Unmarshal(answer, &e); err != nil {
		e.Message = string(answer)
	}
	o.Code, o.Message = e.Code, e.Message
	switch {
	case o.Status == http.StatusServiceUnavailable || o.Status == http.StatusGatewayTimeout:
		o.Outcome = history.Refused
	case o.Kind == history.Get && o.Status == http.StatusNotFound && e.Code == "document_not_found",
		(o.Kind == history.Show || o.Kind == history.Follow) && o.Status == http.StatusNotFound && e.Code == "index_not_found":
		o.Outcome = history.Acknowledged
	default:
		o.Outcome = history.Wrong
	}
	return o
}

func (c *Client) directly(o history.Op) (int, http.Header, []byte, error) {
	method, path, body := c.request(o)
	return c.send(method, path, body)
}

// most is how many documents are read at once, more than there are.
const most = 1000

// listed lists the documents of a write as they are sent.
func listed(o history.Op) (list []map[string]any) {
	for id, d := range o.Docs {
		fields := map[string]any{"id": id}
		for k, v := range d {
			fields[k] = v
		}
		list = append(list, fields)
	}
	return list
}

func groupFilter(o history.Op) string { return fmt.Sprint("group = ", o.Group) }

func (c *Client) request(o history.Op) (method, path string, body any) {
	documents := "/indexes/" + c.Index + "/documents"
	switch o.Kind {
	case history.Put:
		return http.MethodPost, documents, listed(o)
	case history.Merge:
		return http.MethodPut, documents, listed(o)
	case history.Delete:
		return http.MethodPost, documents + "/delete-batch", o.IDs
	case history.Filter:
		return http.MethodPost, documents + "/delete", map[string]any{"filter": groupFilter(o)}
	case history.Clear:
		return http.MethodDelete, documents, nil
	case history.Get:
		return http.MethodGet, documents + "/" + o.IDs[0], nil
	case history.List:
		return http.MethodPost, documents + "/fetch", map[string]any{"limit": most}
	case history.Search:
		return http.MethodPost, "/indexes/" + c.Index + "/search", map[string]any{
			"q": "", "page": 1, "hitsPerPage": most, "facets": []string{history.Group}}
	case history.Create:
		return http.MethodPost, "/indexes", map[string]any{"uid": o.Index, "primaryKey": o.Identity}
	case history.Drop:
		return http.MethodDelete, "/indexes/" + o.Index, nil
	case history.Swap:
		return http.MethodPost, "/swap-indexes", []map[string]any{{"indexes": []string{o.Index, o.Other}}}
	case history.Flip:
		return http.MethodPut, operators + "aliases/" + o.Index, map[string]any{"target": o.Other, "force": true}
	}
	return http.MethodGet, "/indexes/" + o.Index, nil
}

// operators begins the paths of operators.
const operators = "/_miroir/"

// send sends a request; a body that is nil is none.
func (c *Client) send(method, path string, body any) (int, http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, nil, nil, err
		}
		// Not a bytes.Reader: a request that can be sent again would be, behind our back.
		reader = io.MultiReader(bytes.NewReader(raw))
	}
	url, key := c.URL, c.Key
	if strings.HasPrefix(path, operators) {
		url, key = c.Admin, c.AdminKey
	}
	req, err := http.NewRequestWithContext(ctx, method, url+path, reader)
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, answer, err
}

// Tell sends a request that makes a task, without waiting for it or recording it.
func (c *Client) Tell(method, path string, body any) error {
	status, _, answer, err := c.send(method, path, body)
	if err == nil && status != http.StatusAccepted {
		err = fmt.Errorf("status %d: %s", status, answer)
	}
	return err
}

// Direct makes an alias of a target. It is for what surrounds a run and is not recorded.
func (c *Client) Direct(alias, target string) error {
	return c.operate(http.MethodPost, "aliases/"+alias, map[string]any{"target": target})
}

// Forget removes an alias.
func (c *Client) Forget(alias string) error {
	return c.operate(http.MethodDelete, "aliases/"+alias, nil)
}

func (c *Client) operate(method, path string, body any) error {
	status, _, answer, err := c.send(method, operators+path, body)
	if err == nil && status >= http.StatusBadRequest {
		err = fmt.Errorf("status %d: %s", status, answer)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// Carry sends a request that makes a task, and waits for its success. It is for what surrounds a run and is not recorded.
func (c *Client) Carry(ctx context.Context, method, path string, body any) error {
	status, _, answer, err := c.send(method, path, body)
	var task struct {
		TaskUID int64
		Status  string
		Error   json.RawMessage
	}
	if err == nil && status != http.StatusAccepted {
		err = fmt.Errorf("status %d: %s", status, answer)
	}
	if err == nil {
		err = json.Unmarshal(answer, &task)
	}
	for path := fmt.Sprint("/tasks/", task.TaskUID); err == nil && task.Status != "succeeded"; {
		pause(ctx, lookEvery)
		if _, _, answer, err = c.send(http.MethodGet, path, nil); err == nil {
			err = json.Unmarshal(answer, &task)
		}
		if err == nil && task.Status == "failed" {
			err = fmt.Errorf("its task failed: %s", task.Error)
		}
		err = errors.Join(err, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
