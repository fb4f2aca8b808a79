package publish

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"testing"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/xds/ir"
)

// refused is the revision that Envoys do not take.
const refused = 5

// stage is views and Envoys at once: every publication is reported.
type stage struct {
	views   chan *routing.View
	changed chan struct{}
	current *routing.View
	sent    chan int64
	got     ir.Config
}

func (s *stage) View() *routing.View {
	select {
	case v := <-s.views:
		s.current = v
	default:
	}
	return s.current
}

func (s *stage) Subscribe() (changed <-chan struct{}, cancel func()) { return s.changed, func() {} }

func (s *stage) Publish(cfg ir.Config, revision int64) error {
	s.got = cfg
	s.sent <- revision
	if revision == refused {
		return errors.New("not a good one")
	}
	return nil
}

func TestPublisherFollowsTheView(t *testing.T) {
	s := &stage{views: make(chan *routing.View, 1), changed: make(chan struct{}), sent: make(chan int64, 1), current: &routing.View{}}
	p := &Publisher{
		Views: s, Envoys: s, Log: zerolog.Nop(),
		Fixed: Fixed{Ingress: netip.MustParseAddrPort("127.0.0.1:7700"), Sockets: []string{"/run/x.sock"}, Admin: []string{"a:1", "b:1"}},
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	s.changed <- struct{}{} // the first round is over: an empty store says nothing
	select {
	case r := <-s.sent:
		t.Fatalf("an empty store was published as %d", r)
	default:
	}
	for epoch := int64(4); epoch < 7; epoch++ {
		s.views <- &routing.View{Epoch: epoch, Nodes: map[string]routing.Node{
			"a": {NodeRecord: routing.NodeRecord{ID: "a", Address: "http://a:7", State: routing.NodeActive}},
			"b": {NodeRecord: routing.NodeRecord{ID: "b", Address: "ftp://b", State: routing.NodeActive}},
		}}
		s.changed <- struct{}{}
		if r := <-s.sent; r != epoch {
			t.Fatalf("published %d, want %d", r, epoch)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if want := []ir.Node{{ID: "a", Address: "a:7"}}; !reflect.DeepEqual(s.got.Nodes, want) || len(s.got.Admin.Addresses) != 2 {
		t.Errorf("%+v", s.got)
	}
	if want := []string{"a", "b"}; !reflect.DeepEqual(s.got.Paired, want) {
		t.Errorf("paired %v, want %v: the gateway names the pairs of a node whatever its address", s.got.Paired, want)
	}
}
