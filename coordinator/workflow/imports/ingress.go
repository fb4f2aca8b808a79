package imports

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
)

// Ingress is the cluster's own door, used as any client uses it.
type Ingress struct {
	url    string
	bearer string
	http   *http.Client
}

const (
	requestTimeout = 5 * time.Minute // of one request, upload included
	maxAnswer      = 4 << 20
)

// NewIngress returns a client of the ingress at a base URL. Without a master key requests carry no credential.
func NewIngress(base, masterKey string) *Ingress {
	i := &Ingress{
		url: strings.TrimSuffix(base, "/"),
		http: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, Proxy: nil},
			Timeout:       requestTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if masterKey != "" {
		i.bearer = "Bearer " + masterKey
	}
	return i
}

// Close ends idle connections.
func (i *Ingress) Close() { i.http.CloseIdleConnections() }

// errUnanswered says that the ingress gave no answer, or one that only says that it can not serve now. What became of the
// request is unknown.
var errUnanswered = errors.New("the ingress did not answer")

// send sends a request and returns the answer to it. An *apierr.Error is the cluster's refusal. once is its idempotency key,
// empty for none.
func (i *Ingress) send(ctx context.Context, once, method, path, contentType string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, i.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ingress: %w", err)
	}
	if i.bearer != "" {
		r.Header.Set("Authorization", i.bearer)
	}
	if once != "" {
		r.Header.Set("Idempotency-Key", once)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	res, err := i.http.Do(r)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case err != nil:
		return nil, unanswered(ctx, err)
	case res.StatusCode >= http.StatusInternalServerError && res.StatusCode != http.StatusNotImplemented,
		res.StatusCode == http.StatusTooManyRequests:
		return nil, fmt.Errorf("%w: status %d", errUnanswered, res.StatusCode)
	case res.StatusCode >= http.StatusMultipleChoices:
		return nil, apierr.Parse(res.StatusCode, answer)
	}
	return answer, nil
}

func unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the URL
	}
	return errors.Join(errUnanswered, err)
}

// enqueue sends a request that becomes a task.
func (i *Ingress) enqueue(ctx context.Context, method, path, contentType string, body []byte) (uid uint32, err error) {
	return i.enqueueOnce(ctx, "", method, path, contentType, body)
}

// enqueueOnce is enqueue with an idempotency key: the same key is the same task.
func (i *Ingress) enqueueOnce(ctx context.Context, once, method, path, contentType string, body []byte) (uid uint32, err error) {
	answer, err := i.send(ctx, once, method, path, contentType, body)
	if err != nil {
		return 0, err
	}
	var t struct {
		TaskUID *uint32 `json:"taskUid"`
	}
	if err := json.Unmarshal(answer, &t); err != nil || t.TaskUID == nil {
		return 0, errors.New("ingress: the answer names no task")
	}
	return *t.TaskUID, nil
}

// documents counts the documents of an index; 0 when there is no such index.
func (i *Ingress) documents(ctx context.Context, index string) (int64, error) {
	answer, err := i.send(ctx, "", http.MethodGet, "/indexes/"+url.PathEscape(index)+"/stats", "", nil)
	var refused *apierr.Error
	if errors.As(err, &refused) && refused.Code == apierr.IndexNotFound {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var stats struct {
		Documents int64 `json:"numberOfDocuments"`
	}
	return stats.Documents, json.Unmarshal(answer, &stats)
}
