package operation

import (
	"net/url"
	"strings"
)

// Operation is a classified request.
type Operation struct {
	Kind    Kind
	Access  Access
	Action  string
	Pattern string   // the route's pattern, a bounded label for metrics
	Index   string   // percent-decoded {index}
	Targets []string // the indexes that Index stands for, where it is an alias; whoever knows aliases fills it in
	ID      string   // percent-decoded {id}
	Setting string   // name of a settings sub-route, empty for all settings
}

// Table classifies requests.
type Table struct {
	byLength map[int][]compiled
}

type compiled struct {
	Route
	segments []string
}

// NewTable compiles Routes.
func NewTable() *Table {
	t := &Table{byLength: map[int][]compiled{}}
	for _, r := range Routes() {
		s := strings.Split(strings.Trim(r.Pattern, "/"), "/")
		t.byLength[len(s)] = append(t.byLength[len(s)], compiled{r, s})
	}
	return t
}

// adminPrefix starts the paths that the coordinator serves.
const adminPrefix = "/_miroir/"

// Classify finds the operation of a request. path is the request's path without the query, still percent-encoded. One
// trailing slash is ignored, as Meilisearch does.
func (t *Table) Classify(method, path string) Operation {
	if strings.HasPrefix(path, adminPrefix) {
		return Operation{Kind: Admin, Access: Coordinator, Pattern: adminPrefix}
	}
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	best := Operation{Kind: Unknown, Access: Open, Pattern: "unknown"}
	bestLiterals := -1
	for i := range t.byLength[len(segments)] {
		r := &t.byLength[len(segments)][i]
		op, literals, ok := r.match(segments)
		if !ok || literals < bestLiterals {
			continue
		}
		switch {
		case r.Method == method:
			best, bestLiterals = op, literals
		case literals > bestLiterals:
			best, bestLiterals = Operation{Kind: WrongMethod, Access: Open, Pattern: r.Pattern}, literals
		}
	}
	return best
}

// match compares segment by segment; literals counts the segments that are equal to the letter.
func (c *compiled) match(segments []string) (op Operation, literals int, ok bool) {
	op = Operation{Kind: c.Kind, Access: c.Access, Action: c.Action, Pattern: c.Pattern}
	for i, want := range c.segments {
		got := segments[i]
		if !strings.HasPrefix(want, "{") {
			if got != want {
				return op, 0, false
			}
			literals++
			continue
		}
		value, err := url.PathUnescape(got)
		if err != nil || value == "" {
			return op, 0, false
		}
		if want == "{index}" {
			op.Index = value
		} else {
			op.ID = value
		}
	}
	if name, isSetting := strings.CutPrefix(c.Pattern, "/indexes/{index}/settings/"); isSetting {
		op.Setting = name
	}
	return op, literals, true
}
