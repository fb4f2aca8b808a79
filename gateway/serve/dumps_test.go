package serve

import (
	"net/http"
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/state"
)

// F9: POST /dumps is refused with 501 where no coordinator has a folder, and told apart from nobody being there.
func TestF9DumpsNeedACoordinatorWithAFolder(t *testing.T) {
	type present = map[string]state.CoordinatorRecord
	for _, c := range []struct {
		present present
		status  int
		code    apierr.Code
	}{
		{present{"a": {}, "b": {Dumps: true}}, 0, ""},
		{present{"a": {}, "b": {}}, http.StatusNotImplemented, apierr.MiroirRouteUnsupported},
		{nil, http.StatusServiceUnavailable, apierr.MiroirStateUnavailable},
	} {
		switch e := dumpsRefused(c.present); {
		case e == nil && c.status != 0, e != nil && (e.Status != c.status || e.Code != c.code):
			t.Errorf("%+v: %v", c.present, e)
		}
	}
}
