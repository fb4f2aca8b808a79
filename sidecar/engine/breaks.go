package engine

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// Breaks counts how often the engine ended a connection, or could not be reached. As long as it stays the same, the
// engine is the process that it was: one that ends takes all its connections along, and an idle connection, which the
// probes keep open, shows that at once. A greater number means only that the engine may be another one.
func (c *Client) Breaks() uint64 { return c.breaks.Load() }

func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	made, err := (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		if ctx.Err() == nil {
			c.breaks.Add(1)
		}
		return nil, err
	}
	return &watched{made, &c.breaks}, nil
}

// watched is a connection whose end is counted, unless this side ends it.
type watched struct {
	net.Conn
	breaks *atomic.Uint64
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		w.breaks.Add(1)
	}
	return n, err
}
