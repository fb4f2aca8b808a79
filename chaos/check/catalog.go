package check

import (
	"slices"

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
	switch porcupine.CheckOperationsTimeout(model, steps, patience) {
	case porcupine.Illegal:
		return []Violation{violated("catalog", "no order of the operations on indexes explains their answers: %s", listed(steps))}
	case porcupine.Unknown:
		return []Violation{violated("catalog", "no order was found in time")}
	}
	return nil
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

func listed(steps []porcupine.Operation) (text string) {
	slices.SortFunc(steps, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	for _, s := range steps {
		o := s.Input.(history.Op) //nolint:errcheck // nothing else is put in
		text += name(o) + " " + o.Index + " " + o.Other + " " + o.Identity + " " + string(o.Outcome) + " " + o.Ended + o.Reason + "; "
	}
	return text
}
