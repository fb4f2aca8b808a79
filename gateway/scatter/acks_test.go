package scatter

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
)

// script answers the legs of one node, one after the other; the last answer stays.
type script struct {
	mu      sync.Mutex
	answers []func(context.Context) (client.Answer, error)
	sent    []string // dispatch ids
}

func (s *script) Do(ctx context.Context, r client.Request) (client.Answer, error) {
	s.mu.Lock()
	s.sent = append(s.sent, r.Leg.Dispatch)
	answer := s.answers[min(len(s.sent), len(s.answers))-1]
	s.mu.Unlock()
	return answer(ctx)
}

// WQ-1, WQ-9: a node has acknowledged when it said in time that its engine has the write, and in no other case. Without an answer
// the leg is sent once more under the same dispatch id; what the first one came to stays unknown unless the second one tells.
func TestWQ1WQ9Acknowledgements(t *testing.T) {
	type answer = func(context.Context) (client.Answer, error)
	says := func(status int, body string) answer {
		return func(context.Context) (client.Answer, error) {
			return client.Answer{Status: status, Body: []byte(body)}, nil
		}
	}
	taken := says(http.StatusAccepted, `{"taskUid":1}`)
	silent := func(ctx context.Context) (client.Answer, error) {
		<-ctx.Done()
		return client.Answer{}, context.Cause(ctx)
	}
	cut := func(context.Context) (client.Answer, error) { return client.Answer{}, errors.New("connection reset") }
	down := func(context.Context) (client.Answer, error) {
		return client.Answer{}, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	}
	for name, c := range map[string]struct {
		answers          []answer
		accepted, unsure bool
		sent             int
	}{
		"enqueued":                        {[]answer{taken}, true, false, 1},
		"found as enqueued before":        {[]answer{says(http.StatusOK, `{"taskUid":1}`)}, true, false, 1},
		"refused":                         {[]answer{says(http.StatusBadRequest, `{"code":"bad_request"}`)}, false, false, 1},
		"broken down":                     {[]answer{says(http.StatusInternalServerError, `{}`)}, false, true, 2},
		"said that it did not try":        {[]answer{says(http.StatusServiceUnavailable, `{"code":"fenced"}`)}, false, false, 2},
		"its engine is down":              {[]answer{says(http.StatusBadGateway, `{"code":"engine_down"}`)}, false, false, 2},
		"silent":                          {[]answer{silent}, false, true, 2},
		"silent, then enqueued":           {[]answer{silent, taken}, true, false, 2},
		"cut off, then down":              {[]answer{cut, down}, false, true, 2},
		"never reached":                   {[]answer{down}, false, false, 2},
		"cut off, then says it is fenced": {[]answer{cut, says(http.StatusServiceUnavailable, `{"code":"fenced"}`)}, false, true, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{answers: c.answers}
			w := Writer{Sender: s, Timeout: time.Minute, Metrics: NewMetrics(prometheus.NewRegistry())}
			ack := w.Write(t.Context(), WriteCall{Dispatch: "7"}, []plan.Leg{{Node: "node-0"}})[0]
			if ack.Accepted != c.accepted || ack.Unsure != c.unsure || !slices.Equal(s.sent, slices.Repeat([]string{"7"}, c.sent)) {
				t.Errorf("%s: %+v, sent %q", name, ack, s.sent)
			}
		})
	}
}

// WQ-1, NS-4: a node that stands still breaks no connection. Its leg is given up as soon as it is known to be down, and not sent again; what
// became of it is not known.
func TestWQ1ANodeThatGoesDownIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(context.Context) (client.Answer, error){func(ctx context.Context) (client.Answer, error) {
			<-ctx.Done()
			return client.Answer{}, ctx.Err()
		}}}
		down := func(ctx context.Context, node string) error {
			lease := 10 * time.Second
			if node != "node-0" {
				lease = time.Hour
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(lease):
				return nil
			}
		}
		w := Writer{Sender: s, Timeout: time.Minute, Metrics: NewMetrics(prometheus.NewRegistry()), Down: down}
		for node, want := range map[string]struct {
			took time.Duration
			sent int
		}{"node-0": {patience + 10*time.Second, 1}, "node-1": {2 * time.Minute, 2}} {
			s.sent = nil
			began := time.Now()
			ack := w.Write(t.Context(), WriteCall{Dispatch: "7"}, []plan.Leg{{Node: node}})[0]
			if took := time.Since(began); ack.Accepted || !ack.Unsure || took != want.took || len(s.sent) != want.sent {
				t.Errorf("%s: %+v after %s, sent %d times", node, ack, took, len(s.sent))
			}
		}
	})
}
