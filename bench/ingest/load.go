package ingest

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miroir-search/miroir/bench/rig"
)

// Result is how long a load took.
type Result struct {
	Documents  int
	Accepted   time.Duration // until the last payload was answered with 202
	Searchable time.Duration // until the last task had ended and all documents were there
}

// Load sends payloads to an index, as many at once as there are clients, and waits until everything is there. Every
// document must be new to the index, which held before documents.
func Load(ctx context.Context, p rig.Place, index string, payloads []Payload, clients, before int, progress func(done int)) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		r     Result
		next  atomic.Int64
		sent  atomic.Int64
		wg    sync.WaitGroup
		tasks = make([]int64, len(payloads))
	)
	begin := time.Now()
	for range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				at := int(next.Add(1)) - 1
				if at >= len(payloads) {
					return
				}
				uid, err := p.TaskUID(ctx, http.MethodPost, "/indexes/"+index+"/documents", payloads[at].Type, payloads[at].Body)
				if err != nil {
					cancel(err)
					return
				}
				tasks[at] = uid
				progress(int(sent.Add(int64(payloads[at].Documents))))
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return r, err
	}
	r.Accepted = time.Since(begin)
	for _, payload := range payloads {
		r.Documents += payload.Documents
	}
	if err := p.Finish(ctx, slices.Max(tasks)); err != nil {
		return r, err
	}
	if err := p.Documents(ctx, index, before+r.Documents); err != nil {
		return r, err
	}
	r.Searchable = time.Since(begin)
	return r, nil
}

// PerSecond is the number of documents that became searchable in a second.
func (r Result) PerSecond() float64 {
	if r.Searchable <= 0 {
		return 0
	}
	return float64(r.Documents) / r.Searchable.Seconds()
}
