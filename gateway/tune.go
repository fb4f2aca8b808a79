package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/balance"
	"github.com/miroir-search/miroir/gateway/coalesce"
	"github.com/miroir-search/miroir/gateway/hedge"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/serve"
	"github.com/miroir-search/miroir/internal/tuning"
)

// tune gives a service what its reads do about slow nodes, by the values that count at the time.
func tune(s *serve.Service, live func() *tuning.Live, reg prometheus.Registerer) {
	s.Tuning = live
	s.Balance = balance.New(balance.Options{Tuning: live, Now: time.Now, Metrics: balance.NewMetrics(reg)})
	s.Coalesce = coalesce.New[*reply.Reply](coalesce.Options{Tuning: live, Now: time.Now, Metrics: coalesce.NewMetrics(reg)})
	s.Hedge = hedge.New(hedge.Options{Tuning: live, Times: s.Balance, Now: time.Now, Metrics: hedge.NewMetrics(reg)})
}
