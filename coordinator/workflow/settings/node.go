package settings

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/miroir-search/miroir/coordinator/errand"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
)

// contact is one node in the course of one change.
type contact struct{ *errand.Runner }

// contact returns the contact with a node.
func (b *Broadcast) contact(p *Progress, node string) *contact {
	return &contact{&errand.Runner{
		Nodes: b.Nodes, View: b.Views.View, Now: b.Now, Unreachable: min(b.policy().VerifyTimeout(), quietSlice), Node: node, Index: p.Index, Physical: p.Physical,
	}}
}

// read returns the node's settings: as the engine has them, or as its sidecar shows them to clients.
func (c *contact) read(ctx context.Context, raw bool) ([]byte, error) {
	a, err := c.Call(ctx, client.Request{Method: http.MethodGet, Path: c.path(), Leg: nodeapi.Leg{Raw: raw}})
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, fmt.Errorf("read settings: node answered %d", a.Status)
	}
	return a.Body, nil
}

func (c *contact) path() string { return "/indexes/" + c.Physical + "/settings" }

// change sends a PATCH and returns when the engine has carried it out. The dispatch id makes it one change, however often
// it is sent.
func (c *contact) change(ctx context.Context, body []byte, dispatch string) error {
	_, err := c.Carry(ctx, client.Request{
		Method: http.MethodPatch, Path: c.path(), ContentType: "application/json", Body: body, Leg: nodeapi.Leg{Dispatch: dispatch},
	})
	return err
}

// each does the same with several nodes at once and returns what came of it, by node. Those that live and gave no usable answer for
// too long are not asked any more.
func (b *Broadcast) each(ctx context.Context, p *Progress, nodes []string, do func(context.Context, *contact) error) map[string]error {
	var mu sync.Mutex
	var wg sync.WaitGroup
	out := make(map[string]error, len(nodes))
	quiet := map[string]time.Time{}
	for _, id := range nodes {
		if b.gaveUp(p, id) {
			mu.Lock()
			out[id] = errand.ErrBehind
			mu.Unlock()
			continue
		}
		wg.Go(func() {
			c := b.contact(p, id)
			err := do(ctx, c)
			mu.Lock()
			out[id], quiet[id] = err, c.Quiet()
			mu.Unlock()
		})
	}
	wg.Wait()
	for id, since := range quiet {
		b.heard(p, id, since)
	}
	return out
}
