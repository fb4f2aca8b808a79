package inside

import (
	"context"
	"fmt"
	"time"
)

// poll is how often Until tries.
const poll = 5 * time.Millisecond

// Until tries until it works, or for too long.
func Until(ctx context.Context, longest time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain: %w", err)
		case <-tick.C:
		}
	}
}
