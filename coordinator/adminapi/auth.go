package adminapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
)

// rule says who may use a route.
type rule int

const (
	adminOnly rule = iota // the admin key, as X-Admin-Key or as a bearer; the zero value, so that a forgotten rule is strict
	exempt                // everybody, no credential is looked at (AU-4)
)

// guard compares credentials with the admin key, over digests and in constant time (AU-17).
type guard struct{ digest [sha256.Size]byte }

func newGuard(key string) guard { return guard{sha256.Sum256([]byte(key))} }

// check applies AU-5: an X-Admin-Key decides alone, else a bearer does.
func (g guard) check(h http.Header) (kind string, e *apierr.Error) {
	token, given := h.Get("X-Admin-Key"), len(h.Values("X-Admin-Key")) > 0
	if !given {
		scheme, bearer, _ := strings.Cut(h.Get("Authorization"), " ")
		if given = strings.EqualFold(scheme, "bearer"); given {
			token = bearer
		}
	}
	sum := sha256.Sum256([]byte(token))
	switch {
	case !given:
		return "missing", apierr.New(apierr.MiroirInvalidAuth, "This route needs the admin key.")
	case subtle.ConstantTimeCompare(sum[:], g.digest[:]) != 1:
		return "wrong", apierr.New(apierr.MiroirInvalidAuth, "The provided admin key is invalid.")
	}
	return "", nil
}
