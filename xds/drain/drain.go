package drain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// active is Envoy's count of requests in flight of clients.
const active = "http.ingress.downstream_rq_active"

// Times of one answer of the admin interface, and between two looks at what is in flight.
const (
	answerTime = 2 * time.Second
	lookEvery  = 20 * time.Millisecond
)

// ErrBusy says that requests were still in flight at the end of the limit.
var ErrBusy = errors.New("requests are still in flight")

// Options of a drain.
type Options struct {
	Admin string // base URL of Envoy's admin interface
	// Settle is how long clients are told to leave, by `Connection: close` or GOAWAY with each answer, and load balancers by
	// failing health checks, while new connections are still taken.
	Settle time.Duration
	// Limit is how long requests may be in flight after that.
	Limit time.Duration
}

// Drain returns when nothing is in flight any more. The listeners of this Envoy are closed then, and stay so.
func Drain(ctx context.Context, o Options) error {
	if _, err := ask(ctx, http.MethodPost, o.Admin+"/healthcheck/fail"); err != nil {
		return err
	}
	select {
	case <-time.After(o.Settle):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if _, err := ask(ctx, http.MethodPost, o.Admin+"/drain_listeners"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Limit, ErrBusy)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		n, err := inFlight(ctx, o.Admin)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err == nil && n == 0 {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// inFlight counts the requests of clients that Envoy works on.
func inFlight(ctx context.Context, admin string) (int, error) {
	answer, err := ask(ctx, http.MethodGet, admin+"/stats?filter=^"+active+"$")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(answer) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), active+": "); ok {
			return strconv.Atoi(value)
		}
	}
	return 0, nil // no listener ever was
}

func ask(ctx context.Context, method, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("drain: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("drain: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %d", url, response.StatusCode)
	}
	if err != nil {
		return "", fmt.Errorf("drain: %w", err)
	}
	return string(body), nil
}
