package edition

import (
	"regexp"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rhai"
	"github.com/miroir-search/miroir/sidecar/span"
)

// leaves finds the words that may end a function early, in one that is not understood.
var leaves = regexp.MustCompile(`\b(return|exit)\b`)

// Unserved says why the function of an edition, which the engine would take, can not run between the two pieces; nil where it
// can.
func Unserved(body []byte) (e *apierr.Error) {
	replace(body, "function", func(value []byte) []byte {
		if function, err := span.Text(value); err == nil && e == nil {
			e = unserved(string(function))
		}
		return value
	})
	return e
}

func unserved(function string) *apierr.Error {
	script, ok := rhai.Read(function)
	switch {
	case !ok && leaves.MatchString(function):
		return apierr.New(apierr.MiroirNotImplemented, "It can not be made out where the function leaves by `return` or `exit`.")
	case script.Exits:
		return apierr.New(apierr.MiroirNotImplemented,
			"A function that calls `exit` is not served: it would leave before the document is complete again. `return` does the same.")
	case script.Leaves && script.Closures:
		return apierr.New(apierr.MiroirNotImplemented,
			"A function that leaves by `return` can not make closures: let a function that is defined by `fn` make them, or leave by `if` and `else`.")
	}
	return nil
}
