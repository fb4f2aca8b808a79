package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// Exit codes beyond those of every binary (CT-4).
const (
	exitAuth     = 3
	exitDegraded = 4
	exitTimeout  = 5
	exitConflict = 6
)

// maxDocument bounds an answer of the API.
const maxDocument = 64 << 20

// client asks the admin API.
type client struct {
	server string
	key    string
	http   *http.Client
}

// get fetches a document.
func (c *client) get(ctx context.Context, path string) (json.RawMessage, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.server, "/")+path, nil)
	if err != nil {
		return nil, lifecycle.UsageError("--server: %v", err)
	}
	request.Header.Set("X-Admin-Key", c.key)
	response, err := c.http.Do(request)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, lifecycle.ExitError{Code: exitTimeout, Err: fmt.Errorf("no answer from %s in time", c.server)}
		}
		return nil, fmt.Errorf("ask the coordinator: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocument))
	if err != nil {
		return nil, fmt.Errorf("read the coordinator's answer: %w", err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return nil, refusal(response.StatusCode, body)
	}
	if !json.Valid(body) {
		return nil, fmt.Errorf("%s does not answer like a coordinator", c.server)
	}
	return body, nil
}

// refusal turns an error answer into an error with the right exit code.
func refusal(status int, body []byte) error {
	var told struct{ Message, Code string }
	if err := json.Unmarshal(body, &told); err != nil || told.Message == "" {
		told.Message = http.StatusText(status)
	}
	err := fmt.Errorf("%s (%d)", told.Message, status)
	if told.Code != "" {
		err = fmt.Errorf("%s (%s)", told.Message, told.Code)
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return lifecycle.ExitError{Code: exitAuth, Err: err}
	case http.StatusConflict:
		return lifecycle.ExitError{Code: exitConflict, Err: err}
	default:
		return err
	}
}
