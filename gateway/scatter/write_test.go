package scatter

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
)

// refuser answers every leg with one error.
type refuser struct{ refusal *apierr.Error }

func (r refuser) Do(context.Context, client.Request) (client.Answer, error) {
	return client.Answer{Status: r.refusal.Status, Body: r.refusal.JSON()}, nil
}

// Chaos seed 1: an index was deleted while it was made, and the client was told the nodes' own stale_placement.
func TestWhatNodesRefuseForANewerViewIsNoAnswerForClients(t *testing.T) {
	for _, code := range []apierr.Code{nodeapi.CodeStalePlacement, nodeapi.CodeStaleEpoch} {
		refusal := apierr.New(code, "no")
		refusal.Status = http.StatusConflict
		w := Writer{Sender: refuser{refusal}, Timeout: time.Minute, Metrics: NewMetrics(prometheus.NewRegistry())}
		acks := w.Write(t.Context(), WriteCall{}, []plan.Leg{{Node: "node-0"}})
		if !acks[0].Stale || acks[0].Accepted || acks[0].Unsure {
			t.Errorf("%s: %+v", code, acks[0])
		}
	}
}
