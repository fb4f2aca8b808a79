package gateway

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/balance"
	"github.com/miroir-search/miroir/gateway/coalesce"
	"github.com/miroir-search/miroir/gateway/hedge"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/serve"
)

// tune gives a service what its reads do about slow nodes, by the values that are set in the cluster at the time.
func tune(ctx context.Context, s *serve.Service, reg prometheus.Registerer) error {
	set, err := s.Store.WatchTuning(ctx, s.Log)
	if err != nil {
		return err
	}
	live := set.Live
	s.Tuning = live
	s.Balance = balance.New(balance.Options{Tuning: live, Now: time.Now, Metrics: balance.NewMetrics(reg)})
	s.Coalesce = coalesce.New[*reply.Reply](coalesce.Options{Tuning: live, Now: time.Now, Metrics: coalesce.NewMetrics(reg)})
	s.Hedge = hedge.New(hedge.Options{Tuning: live, Times: s.Balance, Now: time.Now, Metrics: hedge.NewMetrics(reg)})
	return nil
}
