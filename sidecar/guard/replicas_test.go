package guard

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// replica is one node's copy of a document, with everything that is on its way to the engine.
type replica struct {
	base    document
	due     []action  // not arrived yet
	sending []sent    // admitted, not in the engine's queue yet
	queue   []sent    // the engine's
	known   []bool    // by place in queue: the answer arrived
	again   []action  // what settling still has to send, as one
	check   bool      // settling must look again
	waiting bool      // what settling sent has no answer yet
	missed  []Version // whose sender has not said so yet
	dirty   bool
	marks   int // grows with every miss
	copying *int
	early   int // copies made while operations were still on their way
}

// sent is what goes to the engine at once.
type sent struct {
	ops  []action
	late bool // the engine does not get it: settling sends it with the newer ones
}

func (r *replica) registered() (list []action) {
	for i, s := range r.queue {
		if r.known[i] {
			for _, a := range s.ops {
				a.Late = s.late
				list = append(list, a)
			}
		}
	}
	return list
}

// state is what the engine has made of its queue.
func (r *replica) state() document {
	d := r.base
	for _, s := range r.queue {
		if !s.late {
			d = fold(d, s.ops)
		}
	}
	return d
}

func (r *replica) miss() { r.dirty, r.marks = true, r.marks+1 }

// quiet says that nothing of the replica's own work is left to do.
func (r *replica) quiet() bool {
	return len(r.sending) == 0 && !slices.Contains(r.known, false) && len(r.again) == 0 && !r.check && !r.waiting
}

// step is something that may happen next.
type step struct {
	name string
	do   func(*rapid.T)
}

// steps lists what may happen next on a replica. good is one that never misses anything.
func (r *replica) steps(good *replica) (list []step) {
	add := func(name string, do func(*rapid.T)) { list = append(list, step{name, do}) }
	for i, a := range r.due {
		add("arrive", func(t *rapid.T) {
			r.due = slices.Delete(r.due, i, i+1)
			if r != good && rapid.IntRange(0, 4).Draw(t, "lost") == 0 {
				r.missed = append(r.missed, a.Version) // its sender gave up, or nobody was there
				if rapid.Bool().Draw(t, "for good") {
					return
				}
			}
			switch Admit(a.Op, history(r.registered())) {
			case Take:
				r.sending = append(r.sending, sent{[]action{a}, false})
			case Late, Void:
				r.sending = append(r.sending, sent{[]action{a}, true})
			case Refuse:
				r.missed = append(r.missed, a.Version)
			}
		})
	}
	for i, v := range r.missed {
		if good.has(v) { // a sender waits for all nodes before it says who missed the write
			add("tell", func(*rapid.T) {
				r.missed = slices.Delete(r.missed, i, i+1)
				r.miss()
			})
		}
	}
	for i, a := range r.sending {
		add("enqueue", func(*rapid.T) {
			r.sending = slices.Delete(r.sending, i, i+1)
			r.queue, r.known = append(r.queue, a), append(r.known, false)
		})
	}
	for i, known := range r.known {
		if !known {
			add("register", func(*rapid.T) { r.register(i) })
		}
	}
	if r.check && len(r.again) == 0 && !r.waiting {
		add("settle", func(t *rapid.T) { r.settle(t) })
	}
	if len(r.again) > 0 && !r.waiting {
		add("send again", func(*rapid.T) {
			r.queue, r.known, r.waiting = append(r.queue, sent{r.again, false}), append(r.known, false), true
			r.again = nil
		})
	}
	// Whoever copies again and again while the other one gets nothing makes no progress.
	if r.dirty && r.copying == nil && good.quiet() && (r.early < 4 || len(good.due) == 0) {
		if c := good.copied(); AdmitCopy(c.Op, history(r.registered())) {
			add("copy", func(*rapid.T) { r.take(c) })
		}
	}
	return list
}

// has says whether the replica is done with an operation.
func (r *replica) has(v Version) bool {
	is := func(a action) bool { return a.Version == v }
	in := func(s sent) bool { return slices.ContainsFunc(s.ops, is) }
	for i, s := range r.queue {
		if in(s) && !r.known[i] {
			return false
		}
	}
	return !slices.ContainsFunc(r.due, is) && !slices.ContainsFunc(r.sending, in)
}

func (r *replica) register(i int) {
	r.known[i], r.check, r.waiting = true, true, false
	if r.queue[i].ops[0].Kind == Copy && r.copying != nil {
		if *r.copying == r.marks {
			r.dirty = false
		}
		r.copying = nil
	}
}

func (r *replica) settle(t *rapid.T) {
	known := r.registered()
	again, ok := Settle(history(known), Wide{})
	r.check = len(again) > 0
	if !ok {
		r.miss()
	}
	if !ok && r.copying == nil && !r.dirty {
		t.Fatalf("gave up on %v", known)
	}
	for _, at := range again {
		r.again = append(r.again, known[at])
	}
}

// copied is what another replica gets of this one.
func (r *replica) copied() action {
	return action{Op: CopyOf(history(r.registered())), state: r.state()}
}

func (r *replica) take(c action) {
	marks := r.marks
	r.copying = &marks
	r.early++
	r.sending = append(r.sending, sent{[]action{c}, false})
}

// §6 "Order": operations reach replicas in any order, some late, some more than once, some never. Every replica ends with
// the document that the order of the stamps makes; one that missed something does after it copied from another.
func TestReplicasEndEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ops := draw(t, Replace, Update, Update, Delete)
		// Copies tell stamps apart only: equal stamps of two writes are another test's business.
		ops = slices.CompactFunc(ops, func(a, b action) bool { return a.Version == b.Version })
		base := drawBase(t)
		replicas := make([]*replica, rapid.IntRange(2, 3).Draw(t, "replicas"))
		for i := range replicas {
			replicas[i] = &replica{base: base, due: slices.Clone(ops)}
		}
		for n := 0; ; n++ {
			var can []step
			for _, r := range replicas {
				can = append(can, r.steps(replicas[0])...)
			}
			if len(can) == 0 {
				break
			}
			if n > 2000 {
				t.Fatal("no end")
			}
			names := make([]string, len(can))
			for i, s := range can {
				names[i] = s.name
			}
			can[rapid.IntRange(0, len(can)-1).Draw(t, "step")].do(t)
		}
		want := fold(base, ops)
		for i, r := range replicas {
			if r.dirty {
				t.Fatalf("replica %d stays dirty", i)
			}
			if got := r.state(); !equal(got, want) {
				t.Fatalf("replica %d has %v instead of %v", i, got, want)
			}
		}
	})
}
