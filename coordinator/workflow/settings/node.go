package settings

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

// Pauses between two looks at a node.
const (
	pollFirst    = 20 * time.Millisecond
	pollLongest  = 250 * time.Millisecond
	retryFirst   = 50 * time.Millisecond
	retryLongest = 2 * time.Second
	callTimeout  = 10 * time.Second
)

// errBehind says that a node is down, or answers nobody: it is left to its own sidecar.
var errBehind = errors.New("node is behind")

// refusal says that an engine did not take the change, and why: it does not want it, or was told to stop it.
type refusal struct {
	cause   *apierr.Error
	stopped bool
}

func (r refusal) Error() string { return "engine refused the settings: " + string(r.cause.Code) }

// contact is one node in the course of one change.
type contact struct {
	b     *Broadcast
	node  string
	index string // as clients call it
	phys  string
	quiet time.Time // since when the node gives no usable answer, zero while it does
}

// address is where the node is now; errBehind when it is down.
func (c *contact) address() (routing.Node, int64, error) {
	v := c.b.Views.View()
	n, ok := v.Nodes[c.node]
	if !ok || !n.OK {
		return n, 0, errBehind
	}
	return n, v.Epoch, nil
}

// call asks the node until it gives a usable answer, is down, or was unreachable for too long.
func (c *contact) call(ctx context.Context, request func(n routing.Node, epoch int64) client.Request) (client.Answer, error) {
	for pause := retryFirst; ; pause = min(2*pause, retryLongest) {
		n, epoch, err := c.address()
		if err != nil {
			return client.Answer{}, err
		}
		one, cancel := context.WithTimeout(ctx, callTimeout)
		answer, err := c.b.Nodes.Do(one, request(n, epoch))
		cancel()
		if err == nil && usable(answer.Status) {
			c.quiet = time.Time{}
			return answer, nil
		}
		if err := c.pause(ctx, pause); err != nil {
			return client.Answer{}, err
		}
	}
}

// pause waits before the next attempt; errBehind when the node had enough of them.
func (c *contact) pause(ctx context.Context, d time.Duration) error {
	now := c.b.Now()
	if c.quiet.IsZero() {
		c.quiet = now
	} else if now.Sub(c.quiet) > c.b.Limits.Unreachable {
		return errBehind
	}
	return sleep(ctx, d)
}

func sleep(ctx context.Context, d time.Duration) error {
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
	}
	return status < http.StatusInternalServerError
}

// read returns the node's settings: as the engine has them, or as its sidecar shows them to clients.
func (c *contact) read(ctx context.Context, raw bool) ([]byte, error) {
	a, err := c.call(ctx, func(n routing.Node, epoch int64) client.Request {
		return client.Request{
			Address: n.Address, Method: http.MethodGet, Path: c.path(), Leg: nodeapi.Leg{Epoch: epoch, Raw: raw},
		}
	})
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, fmt.Errorf("read settings: node answered %d", a.Status)
	}
	return a.Body, nil
}

func (c *contact) path() string { return "/indexes/" + c.phys + "/settings" }

// change sends a PATCH and returns when the engine has carried it out. The dispatch id makes it one change, however often
// it is sent.
func (c *contact) change(ctx context.Context, body []byte, dispatch string) error {
	for {
		a, err := c.call(ctx, func(n routing.Node, epoch int64) client.Request {
			return client.Request{
				Address: n.Address, Method: http.MethodPatch, Path: c.path(), ContentType: "application/json", Body: body,
				Leg: nodeapi.Leg{Epoch: epoch, Dispatch: dispatch},
			}
		})
		if err != nil {
			return err
		}
		if a.Status >= http.StatusBadRequest {
			return c.refused(apierr.Parse(a.Status, a.Body))
		}
		known, err := c.finished(ctx, dispatch)
		if err != nil || known {
			return err
		}
	}
}

// finished waits for the engine's task. known is false when the node has forgotten the dispatch: it must be sent again.
func (c *contact) finished(ctx context.Context, dispatch string) (known bool, err error) {
	for poll, pause := pollFirst, retryFirst; ; {
		n, _, err := c.address()
		if err != nil {
			return false, err
		}
		one, cancel := context.WithTimeout(ctx, callTimeout)
		found, err := c.b.Nodes.Dispatches(one, n.Address, []string{dispatch})
		cancel()
		if err != nil {
			if err := c.pause(ctx, pause); err != nil {
				return false, err
			}
			pause = min(2*pause, retryLongest)
			continue
		}
		c.quiet, pause = time.Time{}, retryFirst
		switch found[0].State {
		case nodeapi.StateUnknown:
			return false, sleep(ctx, poll)
		case task.Succeeded:
			return true, nil
		case task.Failed:
			return true, c.refused(failureOf(found[0]))
		case task.Canceled:
			return true, refusal{failureOf(found[0]), true}
		}
		if err := sleep(ctx, poll); err != nil {
			return false, err
		}
		poll = min(2*poll, pollLongest)
	}
}

func failureOf(d nodeapi.Dispatch) *apierr.Error {
	o, err := task.ReadOutcome("", d.Task)
	if err != nil || o.Error == nil {
		return apierr.New(apierr.MiroirInternal, "A node ended the change of settings without saying why.")
	}
	return o.Error
}

func (c *contact) refused(e *apierr.Error) error {
	shown := *e
	shown.Message = strings.ReplaceAll(e.Message, c.phys, c.index)
	return refusal{cause: &shown}
}

// each does the same with several nodes at once and returns what came of it, by node.
func (b *Broadcast) each(ctx context.Context, p *Progress, nodes []string, do func(context.Context, *contact) error) map[string]error {
	var mu sync.Mutex
	var wg sync.WaitGroup
	out := make(map[string]error, len(nodes))
	for _, id := range nodes {
		wg.Go(func() {
			err := do(ctx, &contact{b: b, node: id, index: p.Index, phys: p.Physical})
			mu.Lock()
			out[id] = err
			mu.Unlock()
		})
	}
	wg.Wait()
	return out
}
