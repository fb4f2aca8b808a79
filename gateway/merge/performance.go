package merge

import (
	"time"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// performance merges the reports on how long the steps took: legs run at the same time, so of every step the slowest leg
// counts. Steps keep the order in which the legs name them. It is nil where no leg reports.
func (sc *scratch) performance() []byte {
	type step struct{ name, value []byte }
	var steps []step
	some := false
	for i := range sc.tails {
		raw := sc.tails[i].performance
		if raw == nil {
			continue
		}
		some = true
		m := objectAt(raw, 0)
	next:
		for m.next() {
			value := m.raw()
			for j := range steps {
				if string(steps[j].name) == string(m.key) {
					if took(value) > took(steps[j].value) {
						steps[j].value = value
					}
					continue next
				}
			}
			steps = append(steps, step{m.key, value})
		}
	}
	if !some {
		return nil
	}
	out := []byte{'{'}
	for i, s := range steps {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(append(out, '"'), s.name...), '"', ':'), s.value...)
	}
	return append(out, '}')
}

// took reads a duration as engines write them ("1.25ms"); anything else took no time.
func took(raw []byte) time.Duration {
	text, _ := rawjson.Unquote(raw)
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0
	}
	return d
}
