package serve

import (
	"context"

	"github.com/miroir-search/miroir/gateway/explain"
)

// pins keeps reads of what a name stands for to the copies that have what the session wrote, as attend does, but asks no node
// and waits for nothing: for explanations. What it finds is told by logical index.
func (s *Service) pins(ctx context.Context, c *call, name string) map[string]*explain.Pin {
	if c.session == nil || c.session.lost {
		return nil
	}
	names := []string{name}
	if a := c.aliasOf(name); isMulti(a) {
		names = a.UIDs()
	}
	pins := map[string]*explain.Pin{}
	for _, uid := range names {
		ix, ok := c.view.Find(uid)
		if !ok {
			continue
		}
		settings, writes := s.unfinished(ctx, c, ix)
		if len(settings)+len(writes) == 0 {
			continue
		}
		pin := &explain.Pin{Pending: len(settings) + len(writes), Strategy: explain.PinRoute}
		if s.tuned().SessionPinning.Waits() {
			pin.Strategy = explain.PinBlock
		}
		if len(writes) > 0 {
			b := s.bind(c, ix, writes)
			b.plans = true
			b.choose(ctx, ix, anyShard)
			c.view, pin.Group = b.view, b.group
		}
		pins[ix.UID] = pin
	}
	return pins
}
