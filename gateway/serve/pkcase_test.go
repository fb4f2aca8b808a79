package serve

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/gateway/barrier"
	"github.com/miroir-search/miroir/gateway/write"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// withBarrier gives a gateway its part in barriers.
func withBarrier(t *testing.T, s *Service, id string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	views, ok := s.Views.(*state.ViewWatch)
	if !ok {
		t.Fatal("the gateway watches no store")
	}
	presence, err := s.Store.NewSession(ctx, 10*time.Second)
	if err == nil {
		err = presence.Put(ctx, state.FamilyGateways+id, state.GatewayRecord{V: 1, ID: id})
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Clock = hlc.New(time.Now)
	s.Barrier = barrier.New(id, s.Store, views, s.Clock, zerolog.Nop(), barrier.NewMetrics(prometheus.NewRegistry()))
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Barrier.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// F4: before the first id with an upper-case letter is sent to a node, every gateway knows that ids may differ in case.
func TestF4AllGatewaysKnowOfMixedCaseFirst(t *testing.T) {
	k := newCluster(t)
	one, two := k.gateway(t, io.Discard), k.gateway(t, io.Discard)
	withBarrier(t, one, "one")
	withBarrier(t, two, "two")
	rec := routing.IndexRecord{V: 1, UID: "a", Physical: "a--1", PrimaryKey: "id", PKCase: routing.PKLower, Shards: 1}
	placed := routing.PlacementRecord{V: 1, Physical: "a--1", Shards: 1}
	if _, err := one.Store.CreateIndex(t.Context(), rec, placed, routing.SettingsRecord{}); err != nil {
		t.Fatal(err)
	}
	v, err := one.Views.Wait(t.Context(), func(v *routing.View) bool { return v.Indexes["a"] != nil })
	if err != nil {
		t.Fatal(err)
	}
	ix := v.Indexes["a"]
	stored := func() routing.PKCase {
		rec, err := one.Store.Index(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		return rec.PKCase
	}
	if err := one.admitCase(t.Context(), ix, &write.Batch{}); err != nil || stored() != routing.PKLower {
		t.Fatalf("a batch of lower-case ids: %v, %s", err, stored())
	}
	for range 3000 { // until the gateways' sessions are there
		if err = one.admitCase(t.Context(), ix, &write.Batch{Mixed: true}); err == nil {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	if err != nil || stored() != routing.PKMixed {
		t.Fatalf("%v, %s", err, stored())
	}
	if now := two.Views.View().Indexes["a"]; now == nil || now.PKCase == routing.PKLower {
		t.Errorf("another gateway still has %+v", now)
	}
	moved := *ix
	moved.Physical = "a--2"
	if err := one.admitCase(t.Context(), &moved, &write.Batch{Mixed: true}); err != errMoved {
		t.Errorf("an index that was exchanged: %v", err)
	}
}
