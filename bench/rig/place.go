package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Place is something that serves Meilisearch's API.
type Place struct {
	Name string
	URL  string
	Key  string
}

// pollEvery is the time between two looks at something that is not done yet.
const pollEvery = 25 * time.Millisecond

// clients of a load keep their connections.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}

// Call sends a request and decodes the answer into out, which may be nil. An answer that is no success is an error.
func (p Place) Call(ctx context.Context, method, path, contentType string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, p.URL+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	request.Header.Set("Authorization", "Bearer "+p.Key)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s: %s %s: %w", p.Name, method, path, &StatusError{response.StatusCode, string(answer)})
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: %s %s: %w", p.Name, method, path, err)
	}
	return nil
}

// StatusError is an answer that is no success.
type StatusError struct {
	Status int
	Body   string
}

// Error shows the beginning of the answer.
func (e *StatusError) Error() string { return fmt.Sprintf("status %d: %.300s", e.Status, e.Body) }

// TaskUID sends a write and returns the uid of its task.
func (p Place) TaskUID(ctx context.Context, method, path, contentType string, body []byte) (int64, error) {
	var answer struct {
		TaskUID int64 `json:"taskUid"`
	}
	err := p.Call(ctx, method, path, contentType, body, &answer)
	return answer.TaskUID, err
}

// Finish waits until a task has ended, and returns an error unless it succeeded.
func (p Place) Finish(ctx context.Context, uid int64) error {
	again := time.NewTicker(pollEvery)
	defer again.Stop()
	for {
		var task struct {
			Status string
			Error  json.RawMessage
		}
		if err := p.Call(ctx, http.MethodGet, "/tasks/"+strconv.FormatInt(uid, 10), "", nil, &task); err != nil {
			return err
		}
		switch task.Status {
		case "succeeded":
			return nil
		case "failed", "canceled":
			return fmt.Errorf("%s: task %d %s: %s", p.Name, uid, task.Status, task.Error)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// do sends a write and waits for its task.
func (p Place) do(ctx context.Context, method, path string, body []byte) error {
	uid, err := p.TaskUID(ctx, method, path, "application/json", body)
	if err != nil {
		return err
	}
	return p.Finish(ctx, uid)
}

// Prepare makes an index with settings.
func (p Place) Prepare(ctx context.Context, index, settings string) error {
	body, err := json.Marshal(map[string]string{"uid": index, "primaryKey": "id"})
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if err := p.create(ctx, body); err != nil {
		return err
	}
	return p.do(ctx, http.MethodPatch, "/indexes/"+index+"/settings", []byte(settings))
}

// settling is how long a cluster that has just become ready may still refuse a new index.
const settling = 15 * time.Second

// create makes an index. A 503 asks for another try: the gateway of a new cluster may learn of the nodes a little later than
// those who wait for the cluster.
func (p Place) create(ctx context.Context, body []byte) error {
	again := time.NewTicker(pollEvery)
	defer again.Stop()
	for begin := time.Now(); ; {
		err := p.do(ctx, http.MethodPost, "/indexes", body)
		var refused *StatusError
		if !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable || time.Since(begin) > settling {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Drop deletes an index.
func (p Place) Drop(ctx context.Context, index string) error {
	return p.do(ctx, http.MethodDelete, "/indexes/"+index, nil)
}

// Documents waits until an index holds so many documents and indexes nothing any more.
func (p Place) Documents(ctx context.Context, index string, want int) error {
	again := time.NewTicker(pollEvery)
	defer again.Stop()
	for {
		var stats struct {
			NumberOfDocuments int
			IsIndexing        bool
		}
		if err := p.Call(ctx, http.MethodGet, "/indexes/"+index+"/stats", "", nil, &stats); err != nil {
			return err
		}
		if stats.NumberOfDocuments == want && !stats.IsIndexing {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %d documents, not %d: %w", p.Name, stats.NumberOfDocuments, want, context.Cause(ctx))
		}
	}
}
