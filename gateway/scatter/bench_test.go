package scatter

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/hedge"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/tuning"
)

// instant answers every leg at once: what is measured is the scatter itself.
type instant struct{ answer client.Answer }

func (s instant) Do(context.Context, client.Request) (client.Answer, error) { return s.answer, nil }

func BenchmarkRead(b *testing.B) {
	live := tuning.Default()
	armed := hedge.New(hedge.Options{
		Tuning: func() *tuning.Live { return &live }, Times: known(time.Minute), Now: time.Now, Metrics: hedge.NewMetrics(prometheus.NewRegistry()),
	})
	for _, c := range []struct {
		name  string
		legs  int
		hedge *hedge.Policy
	}{{"1-legs", 1, nil}, {"3-legs", 3, nil}, {"1-legs-armed", 1, armed}, {"3-legs-armed", 3, armed}} {
		legs := c.legs
		b.Run(c.name, func(b *testing.B) {
			var p plan.Read
			for i := range legs {
				p.Legs = append(p.Legs, plan.Leg{Node: fmt.Sprintf("node-%d", i), Address: "http://node", Shards: []int{i}})
			}
			r := Reader{Sender: instant{client.Answer{Status: 200, Body: []byte("{}")}}, Timeout: time.Minute, Metrics: NewMetrics(prometheus.NewRegistry()), Hedge: c.hedge}
			none := func(plan.Leg, Why, plan.Avoid) []plan.Leg { return nil }
			b.ReportAllocs()
			for b.Loop() {
				if out := r.Read(b.Context(), Call{Count: legs, Hedge: true}, p, none); len(out.Results) != legs {
					b.Fatal(out)
				}
			}
		})
	}
}
