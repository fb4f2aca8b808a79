package serve

import (
	"github.com/miroir-search/miroir/gateway/admission"
	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/internal/apierr"
)

// outOfTouch refuses what can not be done without the store (IN-5): writes at once, so that they hold no permits of others
// while they wait for it, and everything once too little is known for sure. That the gateway lives is told always.
func (s *Service) outOfTouch(op operation.Operation) *apierr.Error {
	switch {
	case s.Contact == nil || op.Kind == operation.Root || op.Kind == operation.Health:
		return nil
	case s.Contact.Stale():
		return apierr.New(apierr.MiroirStateUnavailable, "The cluster state can not be read for too long. Try again later.")
	case s.Contact.Lost() && classOf(op) == admission.Write:
		return unwritable()
	}
	return nil
}

// unwritable is the answer to a write that the store does not take.
func unwritable() *apierr.Error {
	return apierr.New(apierr.MiroirStateUnavailable, "The cluster state can not be written right now. Try again later.")
}
