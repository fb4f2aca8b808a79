package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// Doer sends requests; *Client does.
type Doer interface {
	Do(ctx context.Context, r Request) (Answer, error)
}

// Refusal is an answer that is no success.
type Refusal struct {
	Status int
	Code   apierr.Code
}

// Error implements error.
func (r Refusal) Error() string { return fmt.Sprintf("it answered %d %s", r.Status, r.Code) }

// Ask puts a question to a sidecar as JSON and waits for the answer, as long as patience lasts. It returns the answer's body;
// any other one than a 200 is a Refusal.
func Ask(ctx context.Context, to Doer, address, path string, question any, patience time.Duration) ([]byte, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a, err := to.Do(ctx, Request{Address: address, Method: http.MethodPost, Path: path, ContentType: "application/json", Body: body})
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, Refusal{a.Status, apierr.Parse(a.Status, a.Body).Code}
	}
	return a.Body, nil
}

// Into reads an answer that is one JSON object; an error that came instead of it is passed on.
func Into[A any](body []byte, err error) (answer A, _ error) {
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	return answer, err
}

// Disown asks a node which of some writes it does not have and will never take, and returns their dispatch ids.
func Disown(ctx context.Context, to Doer, address string, q nodeapi.DisownQuery, patience time.Duration) ([]string, error) {
	out, err := Into[nodeapi.Disowned](Ask(ctx, to, address, nodeapi.PathDisown, q, patience))
	return out.Writes, err
}
