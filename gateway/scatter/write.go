package scatter

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/httpconn"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
)

// WriteCall is the request that every leg of a write carries. Body makes a leg's body; it is called again for a retry.
type WriteCall struct {
	Method      string
	Path        string
	ContentType string
	Body        func(l plan.Leg) (io.Reader, int64, error)
	PrimaryKey  string
	Dispatch    string
	Stamp       hlc.Stamp
	Count       int
	Epoch       int64
}

// Ack is what one node said to a write.
type Ack struct {
	Leg      plan.Leg
	Accepted bool          // the engine enqueued it
	Unsure   bool          // nobody knows whether it did
	Refused  *apierr.Error // the node's refusal, nil when it did not answer
	Err      error         // why there was no answer
	Stale    bool          // the node acts on a newer view than the leg: its fence is newer, or the index is gone
	At       time.Time     // when it was accepted
}

// Why says why the node has not accepted.
func (a Ack) Why() error {
	if a.Refused != nil {
		return a.Refused
	}
	return a.Err
}

// Writer runs writes.
type Writer struct {
	Sender  Sender
	Timeout time.Duration // of one leg
	Metrics *Metrics
	// Down returns nil as soon as a node is known to be down: nobody waits any longer for the answer to its leg. Nil: nobody looks.
	Down func(ctx context.Context, node string) error
}

// patience is how long a leg may take before anybody looks whether its node went down meanwhile. A machine that stands still, or is cut
// off, breaks no connection.
const patience = time.Second

// errDown is why a leg was given up.
var errDown = errors.New("the node went down before it answered")

// Write sends every leg at once and waits for all of them. A leg without an answer is sent once more: the dispatch id
// keeps the node from doing it twice (WQ-9).
func (w *Writer) Write(ctx context.Context, c WriteCall, legs []plan.Leg) []Ack {
	acks := make([]Ack, len(legs))
	var wg sync.WaitGroup
	for i, l := range legs {
		wg.Go(func() {
			unsure := false
			for range 2 {
				answered := false
				acks[i], answered = w.one(ctx, c, l)
				unsure = unsure || acks[i].Unsure
				if acks[i].Unsure = unsure && !acks[i].Accepted; answered || ctx.Err() != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return acks
}

func (w *Writer) one(ctx context.Context, c WriteCall, l plan.Leg) (ack Ack, answered bool) {
	ack.Leg = l
	ctx, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	ctx, release := w.attend(ctx, l.Node)
	defer release()
	r := client.Request{
		Address: l.Address, Method: c.Method, Path: c.Path, ContentType: c.ContentType,
		Leg: nodeapi.Leg{
			Epoch: c.Epoch, Shards: l.Shards, Count: c.Count, PrimaryKey: c.PrimaryKey, Dispatch: c.Dispatch, Stamp: c.Stamp,
		},
	}
	if c.Body != nil {
		body, size, err := c.Body(l)
		if err != nil {
			ack.Err = err
			return ack, true // our own spool cannot be read: another try would not help
		}
		r.Stream, r.StreamSize = body, size
	}
	start := time.Now()
	a, err := w.Sender.Do(ctx, r)
	ok := err == nil && a.Status < http.StatusInternalServerError
	w.Metrics.leg(l.Node, writes, time.Since(start), faultOf(a.Status, err))
	if err != nil {
		ack.Unsure, ack.Err = !neverSent(err), err
		return ack, errors.Is(context.Cause(ctx), errDown)
	}
	if a.Status == http.StatusAccepted || a.Status == http.StatusOK {
		ack.Accepted, ack.At = true, time.Now()
		return ack, true
	}
	ack.Refused = apierr.Parse(a.Status, a.Body)
	ack.Stale = ack.Refused.Code == nodeapi.CodeStaleEpoch || ack.Refused.Code == nodeapi.CodeStalePlacement
	ack.Unsure = !ok && !refusals[ack.Refused.Code]
	return ack, ok
}

// attend makes a context that ends when the node goes down.
func (w *Writer) attend(ctx context.Context, node string) (leg context.Context, release func()) {
	if w.Down == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	look := time.AfterFunc(patience, func() {
		if w.Down(ctx, node) == nil {
			cancel(errDown)
		}
	})
	return ctx, func() {
		look.Stop()
		cancel(nil)
	}
}

// refusals are a sidecar's own words for not having tried.
var refusals = map[apierr.Code]bool{
	nodeapi.CodeStaleStamp: true, nodeapi.CodeFenced: true, nodeapi.CodeClockSkew: true, nodeapi.CodeEngineDown: true, "miroir_overloaded": true, "index_not_ready": true,
}

// neverSent says that no connection to the node came about.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.Is(err, httpconn.ErrBusy) || errors.As(err, &op) && op.Op == "dial"
}
