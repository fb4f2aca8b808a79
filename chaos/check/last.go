package check

import (
	"maps"
	"slices"

	"github.com/miroir-search/miroir/chaos/history"
)

// last compares what clients are shown at the end with what stands in the copies.
func last(r *history.Run) (found []Violation) {
	stands := map[string]history.Document{}
	for _, c := range r.Copies {
		maps.Copy(stands, c.Docs)
	}
	for _, o := range r.Last {
		for _, id := range sorted(stands, o.Found) {
			if o.Kind == history.Get && !slices.Contains(o.IDs, id) {
				continue
			}
			want, shown := stateOf(stands[id]), stateOf(o.Found[id])
			if want != shown {
				found = append(found, violated("last", "%s is shown by the last %s as %s, and stands in the copies as %s", id, o.Kind, shown, want))
			}
		}
		if o.Degraded != "" {
			found = append(found, violated("last", "the last %s is degraded: %s", o.Kind, o.Degraded))
		}
		found = append(found, counts(o)...)
	}
	return found
}
