package state

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/chaos/shim"
)

// IN-5: whoever stops while the store is away is held neither by what it wants to lead nor by what it leads.
func TestIN5GivingUpDoesNotWaitForTheStore(t *testing.T) {
	server := open(t).etcd.Endpoints()[0]
	link, err := shim.Listen(func() (string, error) { return strings.TrimPrefix(server, "http://"), nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	hasty := func() *Client {
		c, err := Open(t.Context(), Options{Endpoints: []string{"http://" + link.Address()}, OpTimeout: 500 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	leader, candidate := hasty(), hasty()
	l, err := leader.Campaign(t.Context(), "scope", "one", 60)
	if err != nil {
		t.Fatal(err)
	}
	waiting, giveUp := context.WithCancelCause(t.Context())
	errStopped := errors.New("stopped")
	defer giveUp(nil)
	gone := make(chan error, 1)
	go func() {
		_, err := candidate.Campaign(waiting, "scope", "two", 60)
		gone <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	if err := await(ctx, leader, "scope", 2); err != nil {
		t.Fatal(err)
	}
	link.Set(shim.Mute, "")
	giveUp(errStopped)
	select {
	case err := <-gone:
		if !errors.Is(err, errStopped) {
			t.Errorf("the candidate gave up with %v", err)
		}
	case <-ctx.Done():
		t.Error("the candidate still waits")
	}
	if err := l.Resign(ctx); !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
		t.Errorf("the leader resigned with %v, %v", err, ctx.Err())
	}
	if _, err := candidate.Campaign(ctx, "other", "two", 60); !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
		t.Errorf("a new candidate got %v, %v", err, ctx.Err())
	}
}

// await waits until so many candidates stand for a scope.
func await(ctx context.Context, c *Client, scope string, candidates int64) error {
	for {
		res, err := c.etcd.Get(ctx, c.key("elections/", scope, "/"), clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil || res.Count >= candidates {
			return err
		}
	}
}
