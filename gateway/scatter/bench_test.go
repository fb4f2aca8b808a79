package scatter

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
)

// instant answers every leg at once: what is measured is the scatter itself.
type instant struct{ answer client.Answer }

func (s instant) Do(context.Context, client.Request) (client.Answer, error) { return s.answer, nil }

func BenchmarkRead(b *testing.B) {
	for _, legs := range []int{1, 3} {
		b.Run(fmt.Sprintf("%d-legs", legs), func(b *testing.B) {
			var p plan.Read
			for i := range legs {
				p.Legs = append(p.Legs, plan.Leg{Node: fmt.Sprintf("node-%d", i), Address: "http://node", Shards: []int{i}})
			}
			r := Reader{Sender: instant{client.Answer{Status: 200, Body: []byte("{}")}}, Timeout: time.Minute, Metrics: NewMetrics(prometheus.NewRegistry())}
			none := func(plan.Leg, Why, plan.Avoid) []plan.Leg { return nil }
			b.ReportAllocs()
			for b.Loop() {
				if out := r.Read(b.Context(), Call{Count: legs}, p, none); len(out.Results) != legs {
					b.Fatal(out)
				}
			}
		})
	}
}
