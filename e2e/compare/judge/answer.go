package judge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/miroir-search/miroir/e2e/compare/query"
	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

// maxAnswer bounds an answer.
const maxAnswer = 256 << 20

// Answer is what a server said.
type Answer struct {
	Status int
	Header http.Header
	Raw    []byte
	Body   any // decoded; numbers are json.Number
}

// member is a member of the body, nil where there is none.
func (a Answer) member(name string) any {
	object, _ := a.Body.(map[string]any)
	return object[name]
}

// whole is a value as a whole number; -1 where it is none.
func whole(value any) int64 {
	number, ok := value.(json.Number)
	if !ok {
		return -1
	}
	n, err := number.Int64()
	if err != nil {
		return -1
	}
	return n
}

// total is how many documents matched, as the answer has it.
func (a Answer) total() int64 {
	return max(whole(a.member("estimatedTotalHits")), whole(a.member("totalHits")))
}

// parts are the results of a multi-search, each as the answer to a search.
func (a Answer) parts() ([]Answer, error) {
	var multi struct {
		Results []json.RawMessage `json:"results"`
	}
	if err := json.Unmarshal(a.Raw, &multi); err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	var parts []Answer
	for _, raw := range multi.Results {
		body, err := jsondiff.Decode(raw)
		if err != nil {
			return nil, fmt.Errorf("results: %w", err)
		}
		parts = append(parts, Answer{Status: a.Status, Header: a.Header, Raw: raw, Body: body})
	}
	return parts, nil
}

// Server is one of the two sides.
type Server struct {
	URL    string
	Key    string
	Client *http.Client
}

// Ask sends a query.
func (s Server) Ask(ctx context.Context, q query.Query) (Answer, error) {
	return s.Do(ctx, q.Method, q.Target(), q.Payload())
}

// Do sends a request with a JSON body, or without one.
func (s Server) Do(ctx context.Context, method, target string, payload []byte) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.URL+target, bytes.NewReader(payload))
	if err != nil {
		return Answer{}, fmt.Errorf("ask: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+s.Key)
	if payload != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := s.Client.Do(request)
	if err != nil {
		return Answer{}, fmt.Errorf("ask: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return Answer{}, fmt.Errorf("ask: %w", err)
	}
	a := Answer{Status: response.StatusCode, Header: response.Header, Raw: raw}
	if a.Body, err = jsondiff.Decode(raw); err != nil {
		a.Body = string(raw) // not JSON: will be a difference like any other
	}
	return a, nil
}
