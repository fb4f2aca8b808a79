package features

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/routing"
)

// node is an engine with the routing view that its sidecar sees.
type node struct {
	mu      sync.Mutex
	has     map[string]bool
	down    bool
	calls   int
	rec     routing.FeaturesRecord
	changed chan struct{}
}

func (n *node) Call(_ context.Context, method, _ string, in, out any) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls++
	if n.down {
		return errors.New("unreachable")
	}
	if method == http.MethodPatch {
		for name, on := range in.(map[string]bool) {
			if _, known := n.has[name]; !known {
				return errors.New("unknown field")
			}
			n.has[name] = on
		}
		return nil
	}
	shown := map[string]*bool{}
	for name, on := range n.has {
		shown[name] = &on
	}
	*out.(*map[string]*bool) = shown
	return nil
}

func (n *node) View() *routing.View {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &routing.View{Features: n.rec}
}

func (n *node) Subscribe() (changed <-chan struct{}, cancel func()) { return n.changed, func() {} }

func (n *node) commit(change func(*routing.FeaturesRecord)) {
	n.mu.Lock()
	n.rec.V, n.rec.UpdatedAt = 1, n.rec.UpdatedAt.Add(time.Second)
	change(&n.rec)
	n.mu.Unlock()
	n.changed <- struct{}{}
	synctest.Wait()
}

func (n *node) shows(t *testing.T, what string, want map[string]bool) {
	t.Helper()
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !maps.Equal(n.has, want) {
		t.Errorf("%s: %v", what, n.has)
	}
}

func TestEngineGoesByWhatIsCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &node{has: map[string]bool{"metrics": true, "network": false}, changed: make(chan struct{}, 1)}
		k := &Keeper{Engine: n, Views: n, Now: time.Now, Log: zerolog.Nop(), Metrics: NewMetrics(prometheus.NewRegistry())}
		ctx, cancel := context.WithCancel(t.Context())
		end := make(chan error, 1)
		go func() { end <- k.Run(ctx) }()
		n.shows(t, "nothing was ever committed", map[string]bool{"metrics": true, "network": false})

		n.commit(func(r *routing.FeaturesRecord) { r.Features = map[string]bool{"network": true, "newer": true} })
		n.shows(t, "committed", map[string]bool{"metrics": false, "network": true})

		until := time.Now().Add(20 * time.Second)
		n.commit(func(r *routing.FeaturesRecord) { r.Pending = &routing.PendingChange{Until: until} })
		n.mu.Lock()
		n.has["metrics"] = true
		n.mu.Unlock()
		time.Sleep(19 * time.Second) //nolint:forbidigo // the test's own clock
		n.shows(t, "a gateway is changing them", map[string]bool{"metrics": true, "network": true})
		time.Sleep(2 * time.Second) //nolint:forbidigo // the test's own clock
		n.shows(t, "the gateway died", map[string]bool{"metrics": false, "network": true})

		n.mu.Lock()
		n.down, n.has["network"] = true, false
		n.mu.Unlock()
		time.Sleep(time.Minute) //nolint:forbidigo // the test's own clock
		n.mu.Lock()
		n.down = false
		n.mu.Unlock()
		time.Sleep(10 * time.Second) //nolint:forbidigo // the test's own clock
		n.shows(t, "the engine returned", map[string]bool{"metrics": false, "network": true})
		n.mu.Lock()
		calls := n.calls
		n.mu.Unlock()
		if calls > 40 {
			t.Errorf("asked %d times in two minutes", calls)
		}
		cancel()
		if err := <-end; err != nil {
			t.Fatal(err)
		}
	})
}
