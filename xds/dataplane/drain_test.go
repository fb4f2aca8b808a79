package dataplane

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/miroir-search/miroir/xds/drain"
)

// IN-3: an Envoy that is drained takes no new connections and answers what it has begun with.
func TestDrain(t *testing.T) {
	r := startRing(t, nil, nil)
	held := make(chan answer, 1)
	req := r.request(t, http.MethodGet, "/x", nil, askHold, "1", askReply, "200")
	go func() {
		got, err := try(req)
		if err != nil {
			got.body = err.Error()
		}
		held <- got
	}()
	<-r.gateway.held
	o := drain.Options{Admin: r.envoy.AdminURL(), Limit: 50 * time.Millisecond}
	if err := drain.Drain(t.Context(), o); !errors.Is(err, drain.ErrBusy) {
		t.Fatalf("with a request in flight: %v", err)
	}
	if got, err := try(r.request(t, http.MethodGet, "/x", nil, askReply, "200")); err == nil {
		t.Errorf("a new connection was taken: %+v", got)
	}
	close(r.gateway.free)
	o.Limit = patience
	if err := drain.Drain(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := <-held; got.status != http.StatusOK {
		t.Errorf("what was in flight got %d %s", got.status, got.body)
	}
	o.Admin = "http://127.0.0.1:1"
	if err := drain.Drain(t.Context(), o); err == nil {
		t.Error("an Envoy that is not there was drained")
	}
}
