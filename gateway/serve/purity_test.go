package serve

import (
	"io"
	"net/http"
	"testing"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/routing"
)

// F5: an answer that was not made with the committed settings of one version says so; one that was names the version.
func TestF5AnswersSayWhichSettingsTheyWereMadeWith(t *testing.T) {
	const one, two, changing = "1111111111111111", "2222222222222222", "changing"
	a := &routing.Index{IndexRecord: routing.IndexRecord{Physical: "a--0"}, SettingsVersion: 1, SettingsHash: one + "rest"}
	b := &routing.Index{IndexRecord: routing.IndexRecord{Physical: "b--0"}, SettingsVersion: 7, SettingsHash: two + "rest"}
	fresh := &routing.Index{IndexRecord: routing.IndexRecord{Physical: "f--0"}}
	next := &routing.Index{IndexRecord: a.IndexRecord, SettingsVersion: 2, SettingsHash: two + "rest"}
	out := func(settings ...string) *scatter.Outcome {
		o := &scatter.Outcome{}
		for _, s := range settings {
			o.Results = append(o.Results, scatter.Result{Settings: s})
		}
		return o
	}
	for _, c := range []struct {
		name    string
		see     func(*sights)
		newest  *routing.Index
		version string
		mixed   bool
	}{
		{"nothing was asked", func(*sights) {}, a, "1", false},
		{"one version", func(g *sights) { g.saw(out(one, one), a) }, a, "1", false},
		{"not looked at yet", func(g *sights) { g.saw(out("", ""), a) }, a, "1", false},
		{"two versions", func(g *sights) { g.saw(out(one, two), a) }, a, "1", true},
		{"two versions in two rounds", func(g *sights) { g.saw(out(one), a); g.saw(out(two), a) }, a, "1", true},
		{"one is changing", func(g *sights) { g.saw(out(one, changing), a) }, a, "1", true},
		{"all are changing", func(g *sights) { g.saw(out(changing, changing), a) }, a, "1", true},
		{"ahead of the commit", func(g *sights) { g.saw(out(two, two), a) }, a, "1", true},
		{"committed meanwhile", func(g *sights) { g.saw(out(two, two), a) }, next, "2", false},
		{"half of it committed meanwhile", func(g *sights) { g.saw(out(one, two), a) }, next, "1", true},
		{"one was not looked at", func(g *sights) { g.saw(out(one, ""), a) }, a, "1", true},
		{"nothing committed, all alike", func(g *sights) { g.saw(out(two, two), fresh) }, fresh, "1", false},
		{"nothing committed, not alike", func(g *sights) { g.saw(out(one, two), fresh) }, fresh, "1", true},
		{"several indexes", func(g *sights) { g.saw(out(one+two, one+two), b, a) }, a, "1", false},
		{"several indexes, one of them old", func(g *sights) { g.saw(out(one+two, one+one), b, a) }, a, "1", true},
		{"several indexes are changing", func(g *sights) { g.saw(out(changing), a, b) }, a, "1", true},
		{"several indexes, not looked at", func(g *sights) { g.saw(out(""), a, b) }, a, "1", false},
	} {
		var g sights
		c.see(&g)
		r := reply.JSON(http.StatusOK, nil).Settings(1)
		g.tell(r, func(*routing.Index) *routing.Index { return c.newest })
		if got := r.Header.Get(reply.HeaderInconsistent) == "true"; got != c.mixed || r.Header.Get(reply.HeaderSettingsVersion) != c.version {
			t.Errorf("%s: %v", c.name, r.Header)
		}
	}
}

// RD-10: the header is read on routes with an index, refused when it is no version, and makes a read fail that nobody can answer.
func TestRD10FloorOfTheSettingsVersion(t *testing.T) {
	s := newCluster(t).gateway(t, io.Discard)
	for _, c := range []struct {
		path, value string
		status      int
	}{
		{"/indexes/none/search", "abc", http.StatusBadRequest}, {"/indexes/none/search", "-1", http.StatusBadRequest},
		{"/indexes/none/search", "1.5", http.StatusBadRequest}, {"/indexes/none/search", "18446744073709551616", http.StatusBadRequest},
		{"/indexes/none/search", "18446744073709551615", http.StatusNotFound}, {"/indexes/none/settings", "3", http.StatusNotFound},
		{"/indexes", "abc", http.StatusOK},
	} {
		r := askWith(t, s, masterKey, http.Header{headerFloor: {c.value}}, http.MethodGet, c.path, nil)
		if r.Status != c.status {
			t.Errorf("%s with %q: %d %s", c.path, c.value, r.Status, r.Body)
		}
	}
}
