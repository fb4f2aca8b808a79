package antientropy

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
)

// F8, A8.6: what a pass repaired stands in the log, by its rule, with what lost where that may have been right; nodes that do
// not answer are named.
func TestF8LogOfRepairs(t *testing.T) {
	w := newWorld("abc")
	w.put("abc", "d1", 5, "x")
	w.put("b", "d1", 5, "bad")
	w.put("ab", "d2", 7, "y")
	if out := w.compare(t, nil, Look{Deep: true, Repair: true}); out.Repaired != 2 {
		t.Fatalf("%+v", out)
	}
	w.nodes["a"].down = true
	a := AntiEntropy{Nodes: w, Views: fixed{v: w.view(t, nil)}}
	log, err := a.Repairs(t.Context(), "x", time.Time{}, 10)
	if err != nil || !slices.Equal(log.Missing, []string{"a"}) {
		t.Fatalf("%+v %v", log, err)
	}
	var got []string
	for _, r := range log.Results {
		got = append(got, fmt.Sprint(r.Node, " ", r.Index, " ", r.ID, " ", r.Rule, " ", r.Lost != nil))
	}
	if slices.Sort(got); !slices.Equal(got, []string{"b x d1 R5 true", "c x d2 R6 false"}) {
		t.Errorf("%q", got)
	}
	if log, err := a.Repairs(t.Context(), "", time.Time{}, 1); err != nil || len(log.Results) != 1 || !log.Results[0].At.After(time.Unix(1, 0)) {
		t.Errorf("the newest one: %+v %v", log, err)
	}
	var known *apierr.Error
	if _, err := a.Repairs(t.Context(), "nobody", time.Time{}, 1); !errors.As(err, &known) || known.Code != apierr.IndexNotFound {
		t.Error(err)
	}
}
