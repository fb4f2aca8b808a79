package guard

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// engineTask is what an engine carries out at once. One operation that it can not take makes all of it fail.
type engineTask struct {
	sent
	failed, heard bool
}

// §6 "Order": operations that the engine fails to carry out take none of the others with them, whether those came before, or late.
func TestOperationsOutliveOthersThatFail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ops := draw(t, Replace, Update, Update, Delete)
		bad := func(a action) bool { return a.Kind != Delete && a.fields["a"]%3 == 1 }
		base := drawBase(t)
		want := fold(base, slices.DeleteFunc(slices.Clone(ops), bad))
		var tasks []engineTask
		send := func(s sent) {
			tasks = append(tasks, engineTask{sent: s, failed: !s.late && slices.ContainsFunc(s.ops, bad)})
		}
		hear := func() {
			for i := range tasks {
				tasks[i].heard = true
			}
		}
		known := func() (list []action) {
			for _, e := range tasks {
				for _, a := range e.ops {
					if a.Late = e.late; !e.failed || !e.heard {
						list = append(list, a)
					}
				}
			}
			return list
		}
		settle := func() (settled bool) {
			list := known()
			again, ok := Settle(history(list), Wide{})
			if !ok {
				t.Fatalf("gave up on %v", list)
			}
			var some []action
			for _, at := range again {
				some = append(some, list[at])
			}
			if len(some) > 0 {
				send(sent{some, false})
			}
			return len(some) == 0
		}
		for _, a := range rapid.Permutation(ops).Draw(t, "arrival") {
			verdict := Admit(a.Op, history(known()))
			if verdict == Drop || verdict == Refuse {
				t.Fatalf("%v: verdict %d", a, verdict)
			}
			send(sent{[]action{a}, verdict != Take})
			if rapid.Bool().Draw(t, "settle") {
				settle()
			}
			if rapid.Bool().Draw(t, "hear") {
				hear()
			}
		}
		for range 3 {
			hear()
			if settle() {
				break
			}
		}
		if slices.ContainsFunc(known(), bad) {
			return // it was late, and fails with all others each time: the copy is marked
		}
		d := base
		for _, e := range tasks {
			if !e.late && !e.failed {
				d = fold(d, e.ops)
			}
		}
		if !equal(d, want) {
			t.Fatalf("%v instead of %v", d, want)
		}
	})
}
