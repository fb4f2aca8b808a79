package check

import (
	"github.com/anishathalye/porcupine"

	"github.com/miroir-search/miroir/chaos/history"
)

// aliases looks for one order of flips and of looks by an alias that explains what was seen, for each alias.
func aliases(ops []history.Op, first string) (found []Violation) {
	steps := map[string][]porcupine.Operation{}
	for _, o := range ops {
		until := o.End
		switch {
		case o.Kind == history.Flip && (o.Outcome != history.Acknowledged || o.Late):
			until = history.Never // it may show at any time, or never
		case o.Kind == history.Flip:
		case o.Kind == history.Follow && o.Outcome == history.Acknowledged:
		default:
			continue
		}
		steps[o.Index] = append(steps[o.Index], porcupine.Operation{Input: o, Call: o.Start, Return: until})
	}
	model := porcupine.Model{
		Init: func() any { return first },
		Step: func(was, op, _ any) (bool, any) {
			o := op.(history.Op) //nolint:errcheck // nothing else is put in
			if o.Kind == history.Flip {
				return true, o.Other
			}
			return o.Identity == was, was
		},
	}
	for alias, mine := range steps {
		verdict, info := porcupine.CheckOperationsVerbose(model, mine, patience)
		switch verdict {
		case porcupine.Illegal:
			found = append(found, violated("aliases", "no order of the flips of %s explains %s", alias, unexplained(mine, info)))
		case porcupine.Unknown:
			found = append(found, violated("aliases", "no order of the flips of %s was found in time", alias))
		}
	}
	return found
}
