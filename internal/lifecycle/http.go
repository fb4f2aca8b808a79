package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// headerTimeout bounds how long a connection may take to send its request headers.
const headerTimeout = 10 * time.Second

// ServeHTTP serves until ctx ends, then takes no new connections, waits up to grace for requests in flight and closes
// what is left. It returns nil after such an ordered end. The listener is closed in every case.
func ServeHTTP(ctx context.Context, listener net.Listener, server *http.Server, grace time.Duration) error {
	if server.ReadHeaderTimeout == 0 {
		server.ReadHeaderTimeout = headerTimeout
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	_ = <-served //nolint:staticcheck // what Serve says after Shutdown is no news, but it must have ended
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("shut http down: %w", err)
	}
	return nil
}
