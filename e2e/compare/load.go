package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/miroir-search/miroir/e2e/compare/corpus"
	"github.com/miroir-search/miroir/e2e/compare/judge"
)

const (
	batchSize    = 5000
	taskPause    = 20 * time.Millisecond
	taskDeadline = 5 * time.Minute
)

// load makes the index of a corpus on a server. Batches follow each other, so that documents arrive in one order.
func load(ctx context.Context, s judge.Server, c *corpus.Corpus) error {
	steps := []struct {
		method, path string
		body         []byte
	}{
		{http.MethodPost, "/indexes", fmt.Appendf(nil, `{"uid":%q,"primaryKey":%q}`, c.UID, c.PrimaryKey)},
		{http.MethodPatch, "/indexes/" + c.UID + "/settings", c.Settings},
	}
	for _, step := range steps {
		if err := perform(ctx, s, step.method, step.path, step.body); err != nil {
			return err
		}
	}
	for at := 0; at < len(c.Documents); at += batchSize {
		var batch bytes.Buffer
		for i, d := range c.Documents[at:min(at+batchSize, len(c.Documents))] {
			batch.WriteString([]string{"[", ","}[min(i, 1)])
			batch.Write(d.Raw)
		}
		batch.WriteByte(']')
		if err := perform(ctx, s, http.MethodPost, "/indexes/"+c.UID+"/documents", batch.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// perform sends a request and waits for its task to succeed.
func perform(ctx context.Context, s judge.Server, method, path string, body []byte) error {
	answer, err := s.Do(ctx, method, path, body)
	if err != nil {
		return err
	}
	var task struct {
		UID    *int64          `json:"taskUid"`
		Status string          `json:"status"`
		Error  json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(answer.Raw, &task); err != nil || task.UID == nil {
		return fmt.Errorf("%s %s: status %d, %.300s", method, path, answer.Status, answer.Raw)
	}
	ctx, cancel := context.WithTimeout(ctx, taskDeadline)
	defer cancel()
	tick := time.NewTicker(taskPause)
	defer tick.Stop()
	for {
		answer, err := s.Do(ctx, http.MethodGet, fmt.Sprintf("/tasks/%d", *task.UID), nil)
		if err != nil {
			return fmt.Errorf("task of %s %s: %w", method, path, err)
		}
		if err := json.Unmarshal(answer.Raw, &task); err != nil {
			return fmt.Errorf("task of %s %s: %w", method, path, err)
		}
		switch task.Status {
		case "succeeded":
			return nil
		case "failed", "canceled":
			return fmt.Errorf("%s %s: the task %s: %s", method, path, task.Status, task.Error)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("task of %s %s: %w", method, path, context.Cause(ctx))
		}
	}
}
