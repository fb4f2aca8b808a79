package auth

import (
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/internal/apierr"
)

// F20, AU-5: the admin key opens the routes that take it, in its own header or as a bearer, and no other; who has it is
// known as an administrator, and nobody else is.
func TestF20TheAdminKey(t *testing.T) {
	const admin = "adminKeyadminKey"
	c := NewChecker(Options{MasterKey: master, AdminKey: admin, Now: time.Now, Metrics: NewMetrics(prometheus.NewRegistry())})
	explain, search := table.Classify("POST", "/indexes/movies/explain"), table.Classify("POST", "/indexes/movies/search")
	for _, k := range []struct {
		name  string
		op    operation.Operation
		h     http.Header
		admin bool
		code  apierr.Code
	}{
		{"its own header", explain, http.Header{"X-Admin-Key": {admin}}, true, ""},
		{"a bearer", explain, bearing(admin), true, ""},
		{"the master key", explain, bearing(master), false, ""},
		{"a wrong one", explain, http.Header{"X-Admin-Key": {"x"}, "Authorization": {"Bearer " + master}}, false, apierr.MiroirInvalidAuth},
		{"none", explain, http.Header{}, false, apierr.MissingAuthorizationHeader},
		{"a bearer nobody has", explain, bearing("x"), false, apierr.InvalidAPIKey},
		{"another route", search, http.Header{"X-Admin-Key": {admin}}, false, apierr.MissingAuthorizationHeader},
		{"a bearer on another route", search, bearing(admin), false, apierr.InvalidAPIKey},
	} {
		g, e := c.Check(k.op, k.h)
		if g.Admin() != k.admin || (e == nil) != (k.code == "") || e != nil && e.Code != k.code {
			t.Errorf("%s: admin %v, %v", k.name, g.Admin(), e)
		}
	}
	without := NewChecker(Options{MasterKey: master, Now: time.Now, Metrics: NewMetrics(prometheus.NewRegistry())})
	if g, e := without.Check(explain, http.Header{"X-Admin-Key": {""}, "Authorization": {"Bearer "}}); g.Admin() || e == nil {
		t.Errorf("no admin key is set, and nothing passes for it: %v", e)
	}
}
