package check

import (
	"fmt"

	"github.com/miroir-search/miroir/chaos/history"
	"github.com/miroir-search/miroir/chaos/workload"
)

// Violation is something that must not happen.
type Violation struct {
	Rule string // a short name
	Text string // what was seen
}

func (v Violation) String() string { return v.Rule + ": " + v.Text }

func violated(rule, format string, args ...any) Violation {
	return Violation{rule, fmt.Sprintf(format, args...)}
}

// Run returns everything that is wrong with a run.
func Run(r *history.Run) []Violation {
	all := append(answers(r.Ops), exits(r.Exits)...)
	if r.Unsettled != "" {
		return append(all, violated("settled", "the cluster did not come to rest: %s", r.Unsettled))
	}
	all = append(all, copies(r.Copies)...)
	all = append(all, documents(r)...)
	all = append(all, reads(r.Ops)...)
	all = append(all, last(r)...)
	all = append(all, tasks(r.Ops, cramped(r))...)
	all = append(all, aliases(r.Ops, workload.Targets()[0])...)
	all = append(all, leaders(r.Claims)...)
	return append(all, catalog(r.Ops)...)
}

// answers finds answers that no fault explains.
func answers(ops []history.Op) (found []Violation) {
	for _, o := range ops {
		if o.Outcome == history.Wrong {
			found = append(found, violated("answer", "%s was answered %d %s %s", name(o), o.Status, o.Code, o.Message))
		}
	}
	return found
}

// exits finds processes that ended though nobody ended them.
func exits(ends []history.Exit) (found []Violation) {
	for _, x := range ends {
		if x.Why == "" {
			found = append(found, violated("exit", "%s ended by itself: %s", x.Process, x.Status))
		}
	}
	return found
}

// name is a request as a reader finds it in the history.
func name(o history.Op) string { return fmt.Sprintf("%s %d", o.Kind, o.Number) }
