package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/miroir-search/miroir/chaos/history"
)

// patience bounds the search for an order. A history that takes longer counts as a violation, for it proves nothing.
const patience = time.Minute

// state is a document; comparable, so that orders that lead to the same are looked at once.
type state struct {
	there  bool
	fields [4]int64 // by history.Fields; zero is absent, so values are kept plus one
}

func stateOf(d history.Document) state {
	if d == nil {
		return state{}
	}
	s := state{there: true}
	for i, f := range history.Fields() {
		if v, ok := d[f]; ok {
			s.fields[i] = v + 1
		}
	}
	return s
}

// step is a write as one document sees it, or the last look at it.
type step struct {
	op    history.Op
	id    string
	final bool
	seen  state
}

func (s step) apply(was state) (bool, state) {
	if s.final {
		return was == s.seen, was
	}
	switch s.op.Kind {
	case history.Put:
		return true, stateOf(s.op.Docs[s.id])
	case history.Merge:
		was.there = true
		for i, v := range stateOf(s.op.Docs[s.id]).fields {
			if v != 0 {
				was.fields[i] = v
			}
		}
		return true, was
	case history.Filter:
		if was.there && was.fields[0] == s.op.Group+1 {
			return true, state{}
		}
		return true, was
	}
	return true, state{}
}

// touches says whether a write may change a document.
func touches(o history.Op, id string) bool {
	switch o.Kind {
	case history.Put, history.Merge:
		_, ok := o.Docs[id]
		return ok
	case history.Delete:
		return slices.Contains(o.IDs, id)
	case history.Filter, history.Clear:
		return true
	}
	return false
}

// end is when an operation had taken place for sure.
func end(o history.Op) int64 {
	if o.Outcome != history.Acknowledged || starved(o) {
		return history.Never
	}
	return o.End
}

// documents looks for an order of the writes that explains how every document ended.
func documents(r *history.Run) (found []Violation) {
	ended := map[string]history.Document{}
	for _, c := range r.Copies {
		for id, d := range c.Docs {
			ended[id] = d
		}
	}
	ids := map[string]bool{}
	for id := range ended {
		ids[id] = true
	}
	for _, o := range r.Ops {
		for id := range o.Docs {
			ids[id] = true
		}
	}
	for _, id := range sorted(ids) {
		if v, bad := document(r.Ops, id, stateOf(ended[id])); bad {
			found = append(found, v)
		}
	}
	return found
}

// document looks for an order of the writes of one document. Writes that may or may not have happened make the search long, and
// mostly the order is found without those that left no trace; only where it is not are they looked at, too.
func document(ops []history.Op, id string, seen state) (Violation, bool) {
	sure, maybe := writesOf(ops, id, seen)
	model := porcupine.Model{
		Init: func() any { return state{} },
		Step: func(s, in, _ any) (bool, any) { return in.(step).apply(s.(state)) }, //nolint:errcheck // nothing else is put in
	}
	if ordered(model, sure, maybe) {
		return Violation{}, false
	}
	switch porcupine.CheckOperationsTimeout(model, slices.Concat(sure, maybe), patience) {
	case porcupine.Ok:
		return Violation{}, false
	case porcupine.Unknown:
		return violated("documents", "%s: no order was found in time", id), true
	}
	return violated("documents", "%s ended as %s, which no order of its writes explains: %s", id, seen, told(ops, id)), true
}

// writesOf are the writes of one document that took place for sure or left a trace, with the last look at it, and those of which nobody
// knows.
func writesOf(ops []history.Op, id string, seen state) (sure, maybe []porcupine.Operation) {
	last := int64(0)
	for _, o := range ops {
		if !o.Writes() || !touches(o, id) {
			continue
		}
		last = max(last, o.Start)
		if e := end(o); e != history.Never {
			last = max(last, e)
		}
		one := porcupine.Operation{Input: step{op: o, id: id}, Call: o.Start, Return: end(o)}
		if end(o) == history.Never && !seen.traces(o.Number) {
			maybe = append(maybe, one)
		} else {
			sure = append(sure, one)
		}
	}
	return append(sure, porcupine.Operation{Input: step{final: true, seen: seen}, Call: last + 1, Return: last + 2}), maybe
}

// traces says whether a field still holds what a request wrote.
func (s state) traces(number int64) bool { return slices.Contains(s.fields[1:], number+1) }

func (s state) String() string {
	if !s.there {
		return "nothing"
	}
	var parts []string
	for i, f := range history.Fields() {
		if s.fields[i] != 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", f, s.fields[i]-1))
		}
	}
	return "{" + strings.Join(parts, " ") + "}"
}

// told lists the writes of a document in the order of their beginning.
func told(ops []history.Op, id string) string {
	var mine []history.Op
	for _, o := range ops {
		if o.Writes() && touches(o, id) {
			mine = append(mine, o)
		}
	}
	slices.SortFunc(mine, func(a, b history.Op) int { return int(a.Start - b.Start) })
	var parts []string
	for _, o := range mine {
		text := fmt.Sprintf("%s %s [%d ms, ", name(o), o.Outcome, o.Start/int64(time.Millisecond))
		if o.End == history.Never {
			text += "…]"
		} else {
			text += fmt.Sprintf("%d ms]", o.End/int64(time.Millisecond))
		}
		if d, ok := o.Docs[id]; ok {
			text += " " + stateOf(d).String()
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}
