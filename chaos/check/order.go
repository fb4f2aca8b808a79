package check

import (
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// glance bounds one of many attempts to find an order.
const glance = 2 * time.Second

// ordered says whether an order was found of what took place for sure, together with none, one or two of the operations that may or may
// not have taken place. Whatever is left out did not take place then, so an order of these is an order of all; with all of them the
// search is often too long to end. The attempts end after the usual patience.
func ordered(model porcupine.Model, sure, maybe []porcupine.Operation) bool {
	until := time.Now().Add(patience)
	try := func(more ...porcupine.Operation) bool {
		return porcupine.CheckOperationsTimeout(model, slices.Concat(sure, more), glance) == porcupine.Ok
	}
	if try() {
		return true
	}
	for _, one := range maybe {
		if time.Now().After(until) {
			return false
		}
		if try(one) {
			return true
		}
	}
	for i, one := range maybe {
		for _, other := range maybe[:i] {
			if time.Now().After(until) {
				return false
			}
			if try(one, other) {
				return true
			}
		}
	}
	return false
}
