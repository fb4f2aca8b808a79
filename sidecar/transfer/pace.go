package transfer

import (
	"context"

	"golang.org/x/time/rate"
)

// pace keeps what looks at documents to so many a second. The time of the work itself counts.
type pace struct{ limiter *rate.Limiter }

// newPace is a pace of so many documents a second; 0 and less is none.
func newPace(perSecond int) pace {
	if perSecond <= 0 {
		return pace{rate.NewLimiter(rate.Inf, 0)}
	}
	return pace{rate.NewLimiter(rate.Limit(perSecond), fetchAtOnce)}
}

// wait returns when so many documents may have been looked at.
func (p pace) wait(ctx context.Context, documents int) error {
	for documents > 0 {
		n := documents
		if p.limiter.Limit() != rate.Inf {
			n = min(n, p.limiter.Burst())
		}
		if err := p.limiter.WaitN(ctx, n); err != nil {
			return err
		}
		documents -= n
	}
	return nil
}
