package admission

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/internal/apierr"
)

// Class is how a request is admitted.
type Class int

// Classes. Searches are refused in the words of Meilisearch's search queue. Writes may be slow uploads, so they never
// take all permits. What is Free needs none: it costs next to nothing, or tells whether the gateway lives.
const (
	Free Class = iota
	Search
	Write
	Other
)

// Config are the keys below `server` of the configuration that belong here.
type Config struct {
	MaxConcurrent int           // server.max_concurrent_requests
	Queue         int           // server.queue
	Wait          time.Duration // whoever waits longer is refused
}

// DefaultConfig has the defaults of the configuration page.
func DefaultConfig() Config { return Config{MaxConcurrent: 500, Queue: 1000, Wait: 30 * time.Second} }

// Validate reports everything that is wrong.
func (c Config) Validate() error {
	var wrong []error
	if c.MaxConcurrent < 1 || c.MaxConcurrent > 1<<16 {
		wrong = append(wrong, fmt.Errorf("server.max_concurrent_requests %d is not within 1 to 65536", c.MaxConcurrent))
	}
	if c.Queue < 0 || c.Queue > 1<<16 {
		wrong = append(wrong, fmt.Errorf("server.queue %d is not within 0 to 65536", c.Queue))
	}
	if c.Wait <= 0 {
		wrong = append(wrong, errors.New("the time to wait for a permit is not positive"))
	}
	return errors.Join(wrong...)
}

// Control admits the requests of a gateway. A nil Control admits everything.
type Control struct {
	all    *Gate
	writes *Gate
}

// New returns a control and registers its metrics. The config must be valid.
func New(c Config, reg prometheus.Registerer) *Control {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "miroir_requests_refused_total", Help: "Requests refused because as many as may were running and waiting.",
	}, []string{"gate"})
	k := &Control{all: newGate(Limits{c.MaxConcurrent, c.Queue, c.Wait}, refused.WithLabelValues("all"))}
	k.writes = k.all.Within(Limits{(c.MaxConcurrent + 1) / 2, (c.Queue + 1) / 2, c.Wait}, refused.WithLabelValues("writes"))
	depth := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "miroir_request_queue_depth", Help: "Requests that wait until others end.",
	}, func() float64 { return float64(k.all.Waiting() + k.writes.Waiting()) })
	reg.MustRegister(refused, depth)
	return k
}

// Enter takes a permit for a request of the class; Leave of the gate gives it back. Or it returns the error to answer with.
// The error of a request whose client is gone goes nowhere.
func (k *Control) Enter(ctx context.Context, class Class) (*Gate, *apierr.Error) {
	gate := k.gate(class)
	if gate != nil && gate.Enter(ctx) != nil {
		return nil, Refusal(class, k.all.Queue())
	}
	return gate, nil
}

func (k *Control) gate(class Class) *Gate {
	switch {
	case k == nil, class == Free:
		return nil
	case class == Write:
		return k.writes
	}
	return k.all
}

// Refusal is the error of a request for which there is no room in a queue of the given length. Meilisearch knows it for
// searches only, and names the length of its queue.
func Refusal(class Class, queue int) *apierr.Error {
	if class == Search {
		return apierr.New(apierr.TooManySearchRequests, "Too many search requests running at the same time: %d. Retry after 10s.", queue)
	}
	return apierr.New(apierr.MiroirOverloaded, "Too many requests running at the same time. Retry after 10s.")
}
