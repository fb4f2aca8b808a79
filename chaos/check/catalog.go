package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/miroir-search/miroir/chaos/history"
)

// Codes of tasks about indexes that could not be done.
const (
	alreadyExists = "index_already_exists"
	notFound      = "index_not_found"
)

// identities are the primary keys of the indexes that clients make and delete, by their place in a sorted list of
// names; empty where there is none.
type identities [8]string

// catalog looks for one order of the operations on indexes that explains every answer. An operation takes place between
// its request and the moment when its task is seen to have ended.
func catalog(ops []history.Op) []Violation {
	places := map[string]int{}
	var steps []porcupine.Operation
	for _, o := range ops {
		switch o.Kind {
		case history.Create, history.Drop, history.Swap:
		case history.Show:
			if o.Outcome != history.Acknowledged {
				continue // it changed nothing and told nothing
			}
		default:
			continue
		}
		for _, index := range []string{o.Index, o.Other} {
			if _, ok := places[index]; !ok && index != "" {
				places[index] = len(places)
			}
		}
		until := int64(history.Never)
		switch {
		case o.Kind == history.Show:
			until = o.End
		case starved(o):
			o.Ended, o.Reason = "", "" // nobody knows
		case o.Outcome == history.Acknowledged && o.Seen != 0:
			until = o.Seen
		}
		steps = append(steps, porcupine.Operation{Input: o, Call: o.Start, Return: until})
	}
	if len(places) > len(identities{}) {
		return []Violation{violated("catalog", "%d indexes are more than the check can follow", len(places))}
	}
	model := porcupine.Model{
		Init: func() any { return identities{} },
		Step: func(was, op, _ any) (bool, any) { return change(was.(identities), op.(history.Op), places) }, //nolint:errcheck // nothing else is put in
	}
	// Mostly an order is found without what may or may not have happened and left no trace, which makes the search long.
	if sure, maybe := certain(steps); ordered(model, sure, maybe) {
		return nil
	}
	verdict, info := porcupine.CheckOperationsVerbose(model, steps, patience)
	switch verdict {
	case porcupine.Illegal:
		return []Violation{violated("catalog", "no order of the operations on indexes explains %s", unexplained(steps, info))}
	case porcupine.Unknown:
		return []Violation{violated("catalog", "no order was found in time")}
	}
	return nil
}

// certain tells what nobody knows the end of, but for indexes that were made and seen, from the rest.
func certain(steps []porcupine.Operation) (sure, maybe []porcupine.Operation) {
	seen := map[string]bool{}
	for _, s := range steps {
		if o := s.Input.(history.Op); o.Kind == history.Show { //nolint:errcheck // nothing else is put in
			seen[o.Identity] = true
		}
	}
	for _, s := range steps {
		o := s.Input.(history.Op) //nolint:errcheck // nothing else is put in
		if s.Return != history.Never || o.Kind == history.Create && seen[o.Identity] {
			sure = append(sure, s)
		} else {
			maybe = append(maybe, s)
		}
	}
	return sure, maybe
}

func change(was identities, o history.Op, places map[string]int) (bool, identities) {
	at := places[o.Index]
	switch o.Kind {
	case history.Show:
		return was[at] == o.Identity, was
	case history.Create:
		return apply(was, o, was[at] == "", alreadyExists, func(is *identities) { is[at] = o.Identity })
	case history.Drop:
		return apply(was, o, was[at] != "", notFound, func(is *identities) { is[at] = "" })
	}
	other := places[o.Other]
	return apply(was, o, was[at] != "" && was[other] != "", notFound, func(is *identities) { is[at], is[other] = is[other], is[at] })
}

// apply changes the state where that is possible, and says whether the task ended as it had to. How the task of an
// operation without an answer ended nobody knows.
func apply(was identities, o history.Op, possible bool, otherwise string, do func(*identities)) (bool, identities) {
	if possible {
		do(&was)
		return o.Ended == "" || o.Ended == succeeded, was
	}
	return o.Ended == "" || o.Reason == otherwise, was
}

// unexplained tells the first operation that the longest order found leaves out, and the end of that order.
func unexplained(steps []porcupine.Operation, info porcupine.LinearizationInfo) string {
	var longest []porcupine.Operation
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, order := range partition {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	explained := map[int64]bool{}
	for _, s := range longest {
		explained[s.Call] = true
	}
	slices.SortFunc(steps, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	text := ""
	for _, s := range steps {
		if !explained[s.Call] && s.Return != history.Never {
			text = shown(s) + ", where the longest order ends with"
			break
		}
	}
	for _, s := range longest[max(0, len(longest)-8):] {
		text += " " + shown(s) + ";"
	}
	return text
}

func shown(s porcupine.Operation) string {
	o := s.Input.(history.Op) //nolint:errcheck // nothing else is put in
	text := fmt.Sprintf("%s %s %s %s %s%s [%d ms, ", name(o), o.Index, o.Other, o.Identity, o.Ended, o.Reason, s.Call/int64(time.Millisecond))
	if s.Return == history.Never {
		return text + "…]"
	}
	return text + fmt.Sprintf("%d ms]", s.Return/int64(time.Millisecond))
}
