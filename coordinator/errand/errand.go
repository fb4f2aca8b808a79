package errand

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

// Pauses between two looks at a node, and how long one request may take.
const (
	PollFirst    = 20 * time.Millisecond
	pollLongest  = 250 * time.Millisecond
	retryFirst   = 50 * time.Millisecond
	RetryLongest = 2 * time.Second
	CallTimeout  = 10 * time.Second
)

// ErrBehind says that a node is down, or answers nobody.
var ErrBehind = errors.New("node is behind")

// Refusal says that an engine did not carry a request out, and why: it does not want it, or was told to stop it.
type Refusal struct {
	Cause   *apierr.Error
	Stopped bool
}

// Error implements error.
func (r Refusal) Error() string { return "engine refused: " + string(r.Cause.Code) }

// Nodes sends legs; *client.Client does.
type Nodes interface {
	client.Doer
	Dispatches(ctx context.Context, address string, ids []string) ([]nodeapi.Dispatch, error)
}

// Runner is one node in the course of one workflow. It is not safe for concurrent use.
type Runner struct {
	Nodes       Nodes
	View        func() *routing.View
	Now         func() time.Time
	Unreachable time.Duration // how long a node with a lease may answer nothing until it counts as behind
	Node        string
	Index       string // as clients call it; empty for an errand about the whole node
	Physical    string

	quiet time.Time // since when the node gives no usable answer, zero while it does
}

// Quiet says since when the node gives no usable answer, the zero time while it does.
func (r *Runner) Quiet() time.Time { return r.quiet }

// address is where the node is now; ErrBehind when it is down.
func (r *Runner) address() (routing.Node, int64, error) {
	v := r.View()
	n, ok := v.Nodes[r.Node]
	if !ok || !n.OK {
		return n, 0, ErrBehind
	}
	return n, v.Epoch, nil
}

// Call asks the node until it gives a usable answer; ErrBehind when it is down, or was unreachable for too long. Address and
// epoch of the request are filled in.
func (r *Runner) Call(ctx context.Context, request client.Request) (client.Answer, error) {
	for pause := retryFirst; ; pause = min(2*pause, RetryLongest) {
		n, epoch, err := r.address()
		if err != nil {
			return client.Answer{}, err
		}
		request.Address, request.Leg.Epoch = n.Address, epoch
		one, cancel := context.WithTimeout(ctx, CallTimeout)
		answer, err := r.Nodes.Do(one, request)
		cancel()
		if err == nil && usable(answer.Status) {
			r.quiet = time.Time{}
			return answer, nil
		}
		if err := r.pause(ctx, pause); err != nil {
			return client.Answer{}, err
		}
	}
}

// pause waits before the next attempt; ErrBehind when the node had enough of them.
func (r *Runner) pause(ctx context.Context, d time.Duration) error {
	now := r.Now()
	if r.quiet.IsZero() {
		r.quiet = now
	} else if now.Sub(r.quiet) > r.Unreachable {
		return ErrBehind
	}
	return Sleep(ctx, d)
}

// Sleep waits, or returns the cause of the context's end.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// usable tells an answer of the engine from one that only says that it could not be asked.
func usable(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict,
		http.StatusTooManyRequests:
		return false
	case http.StatusNotImplemented:
		return true
	}
	return status < http.StatusInternalServerError
}

// Carry sends a request that becomes a task of the engine, and returns how that ended. The errors are ErrBehind and Refusal, a
// canceled task's included, and that of ctx.
func (r *Runner) Carry(ctx context.Context, request client.Request) (nodeapi.Dispatch, error) {
	for {
		a, err := r.Call(ctx, request)
		if err != nil {
			return nodeapi.Dispatch{}, err
		}
		if a.Status >= http.StatusBadRequest {
			return nodeapi.Dispatch{}, r.refused(apierr.Parse(a.Status, a.Body))
		}
		d, known, err := r.finished(ctx, request.Leg.Dispatch)
		if err != nil || known {
			return d, err
		}
	}
}

// finished waits for the engine's task. known is false when the node has forgotten the dispatch: it must be sent again.
func (r *Runner) finished(ctx context.Context, dispatch string) (d nodeapi.Dispatch, known bool, err error) {
	for poll, pause := PollFirst, retryFirst; ; {
		n, _, err := r.address()
		if err != nil {
			return d, false, err
		}
		one, cancel := context.WithTimeout(ctx, CallTimeout)
		found, err := r.Nodes.Dispatches(one, n.Address, []string{dispatch})
		cancel()
		if err != nil {
			if err := r.pause(ctx, pause); err != nil {
				return d, false, err
			}
			pause = min(2*pause, RetryLongest)
			continue
		}
		r.quiet, pause = time.Time{}, retryFirst
		switch found[0].State {
		case nodeapi.StateUnknown:
			return d, false, Sleep(ctx, poll)
		case task.Succeeded:
			return found[0], true, nil
		case task.Failed:
			return found[0], true, r.refused(failureOf(found[0]))
		case task.Canceled:
			return found[0], true, Refusal{failureOf(found[0]), true}
		}
		if err := Sleep(ctx, poll); err != nil {
			return d, false, err
		}
		poll = min(2*poll, pollLongest)
	}
}

func failureOf(d nodeapi.Dispatch) *apierr.Error {
	o, err := task.ReadOutcome("", d.Task)
	if err != nil || o.Error == nil {
		return apierr.New(apierr.MiroirInternal, "A node ended a task without saying why.")
	}
	return o.Error
}

func (r *Runner) refused(e *apierr.Error) error {
	shown := *e
	if r.Physical != "" {
		shown.Message = strings.ReplaceAll(e.Message, r.Physical, r.Index)
	}
	return Refusal{Cause: &shown}
}
