package serve

import (
	"testing"

	"github.com/miroir-search/miroir/gateway/operation"
)

// Every route of the table is either served or says that it is not.
func TestEveryServedRouteHasAHandler(t *testing.T) {
	for _, r := range operation.Routes() {
		if handlers[r.Kind] == nil && r.Kind != operation.Unserved {
			t.Errorf("%s %s has no handler", r.Method, r.Pattern)
		}
	}
}
