package check

import (
	"fmt"

	"github.com/anishathalye/porcupine"

	"github.com/miroir-search/miroir/chaos/history"
)

// throne is who leads a scope: the leader with the token, unless its time is over.
type throne struct {
	token int64
	over  bool
}

// leaders looks for one order of what the candidates for a scope were told in which at most one leads at a time: who leads has a
// larger token than all before, and nobody before writes any more.
func leaders(claims []history.Claim) (found []Violation) {
	scopes := map[string][]porcupine.Operation{}
	for _, c := range claims {
		scopes[c.Scope] = append(scopes[c.Scope], porcupine.Operation{Input: c, Call: c.Start, Return: c.End})
	}
	model := porcupine.Model{
		Init: func() any { return throne{} },
		Step: func(was, claim, _ any) (bool, any) {
			return succeed(was.(throne), claim.(history.Claim)) //nolint:errcheck // nothing else is put in
		},
	}
	for scope, steps := range scopes {
		switch porcupine.CheckOperationsTimeout(model, steps, patience) {
		case porcupine.Illegal:
			found = append(found, violated("leaders", "%s has had two leaders at a time: %s", scope, claimed(claims, scope)))
		case porcupine.Unknown:
			found = append(found, violated("leaders", "%s: no order was found in time", scope))
		}
	}
	return found
}

func succeed(was throne, c history.Claim) (bool, throne) {
	switch c.Kind {
	case history.Led:
		return c.Token > was.token, throne{token: c.Token}
	case history.Wrote:
		return c.Token == was.token && !was.over, was
	}
	if c.Token == was.token {
		was.over = true
	}
	return c.Token <= was.token, was
}

func claimed(claims []history.Claim, scope string) (text string) {
	for _, c := range claims {
		if c.Scope == scope {
			text += fmt.Sprintf(" %s %s %d [%d ms, %d ms];", c.Holder, c.Kind, c.Token, c.Start/1e6, c.End/1e6)
		}
	}
	return text
}
