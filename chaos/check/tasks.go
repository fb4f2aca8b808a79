package check

import (
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/miroir-search/miroir/chaos/history"
)

// succeeded is the status of a task that did its work.
const succeeded = "succeeded"

// noSpace is why a task fails for which an engine had no space after it had taken it: a write to a file failed, or one to a file that it
// has mapped, which is an error of the disk.
var noSpace = []string{"no_space_left_on_device", "io_error"}

// starved says whether an engine had no space for an operation after it had taken it: it may have happened or not.
func starved(o history.Op) bool { return slices.Contains(noSpace, o.Reason) }

// cramped says whether the disk of an engine was full for a while.
func cramped(r *history.Run) bool {
	return slices.ContainsFunc(r.Events, func(e history.Event) bool { return e.Kind == "full" && strings.HasPrefix(e.Process, "engine-") })
}

// tasks judges the tasks of acknowledged writes, and their uids. With cramped a task may fail for want of space, as on one engine; its
// client was told so, and its write may have happened or not.
func tasks(ops []history.Op, cramped bool) (found []Violation) {
	owner := map[int64]history.Op{}
	for _, o := range ops {
		if o.Task == 0 {
			continue
		}
		if other, ok := owner[o.Task]; ok {
			found = append(found, violated("uids", "%s and %s both got the uid %d", name(other), name(o), o.Task-1))
		}
		owner[o.Task] = o
		switch {
		case o.Ended == "":
			found = append(found, violated("tasks", "the task %d of %s never ended", o.Task-1, name(o)))
		case cramped && starved(o):
		case o.Writes() && o.Ended != succeeded:
			found = append(found, violated("tasks", "the task %d of %s, which was acknowledged, ended as %s %s", o.Task-1, name(o), o.Ended, o.Reason))
		}
	}
	if v, bad := uids(ops); bad {
		found = append(found, v)
	}
	return found
}

// uids asks whether one counter can have given the uids. With one gateway they rise strictly; those of several may be two
// seconds out of order (TK-1), which this does not allow for.
func uids(ops []history.Op) (Violation, bool) {
	var taken []porcupine.Operation
	for _, o := range ops {
		if o.Task != 0 {
			taken = append(taken, porcupine.Operation{Input: o.Task, Call: o.Start, Return: o.End})
		}
	}
	counter := porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(last, uid, _ any) (bool, any) { return uid.(int64) > last.(int64), uid }, //nolint:errcheck // nothing else is put in
	}
	if porcupine.CheckOperationsTimeout(counter, taken, patience) != porcupine.Ok {
		return violated("uids", "no counter gives the uids of the tasks in the order of the requests"), true
	}
	return Violation{}, false
}
