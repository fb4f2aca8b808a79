package scatter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/miroir-search/miroir/internal/httpconn"
)

// The label error_type has few values, whatever went wrong.
func TestFaultsOfLegsAreNamed(t *testing.T) {
	for want, c := range map[string]struct {
		status int
		err    error
	}{
		"":        {400, nil},
		"status":  {503, nil},
		"busy":    {0, fmt.Errorf("leg: %w", httpconn.ErrBusy)},
		"timeout": {0, fmt.Errorf("leg: %w", context.DeadlineExceeded)},
		"connect": {0, fmt.Errorf("leg: %w", &net.OpError{Op: "dial", Err: errors.New("refused")})},
		"broken":  {0, errors.New("reset")},
	} {
		if got := faultOf(c.status, c.err); got != want {
			t.Errorf("status %d, %v: %q, want %q", c.status, c.err, got, want)
		}
	}
	if faultOf(501, nil) != "" {
		t.Error("what an engine does not have is no fault of the node")
	}
}
