package contact

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// IN-5: what is known may be as old as the limit, and is new again with the first answer.
func TestAgeOfTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gone atomic.Bool
		registry := prometheus.NewRegistry()
		c := New(func(context.Context) error {
			if gone.Load() {
				return errors.New("no answer")
			}
			return nil
		}, 20*time.Second, time.Now, registry)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		for _, step := range []struct {
			gone        bool
			after       time.Duration
			lost, stale bool
		}{
			{false, time.Hour, false, false}, {true, 4 * time.Second, false, false}, {true, 4 * time.Second, true, false},
			{true, time.Hour, true, true}, {false, 2 * time.Second, false, false},
		} {
			synctest.Wait()
			gone.Store(step.gone)
			<-time.After(step.after)
			synctest.Wait()
			if lost, stale := c.Lost(), c.Stale(); lost != step.lost || stale != step.stale {
				t.Errorf("gone %v for %v: lost %v, stale %v", step.gone, step.after, lost, stale)
			}
			up := "1"
			if step.lost {
				up = "0"
			}
			const head = "# HELP miroir_etcd_up 1 while the state store answers.\n# TYPE miroir_etcd_up gauge\nmiroir_etcd_up "
			if err := testutil.GatherAndCompare(registry, strings.NewReader(head+up+"\n"), "miroir_etcd_up"); err != nil {
				t.Error(err)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
