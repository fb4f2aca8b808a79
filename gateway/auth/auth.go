package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
)

// Checker holds the digests of the keys it accepts.
type Checker struct {
	open   bool
	master [sha256.Size]byte
}

// NewChecker returns a checker for the master key. Without a master key every route but the key routes is open, which
// only development setups use (AU-18).
func NewChecker(masterKey string) *Checker {
	return &Checker{open: masterKey == "", master: sha256.Sum256([]byte(masterKey))}
}

// Check returns nil when the Authorization header's value allows the operation, and the error Meilisearch would answer
// otherwise. Keys are compared in constant time over their digests (AU-17).
func (c *Checker) Check(op operation.Operation, authorization string) *apierr.Error {
	if op.Access != operation.Keyed || c.open {
		return nil
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if scheme != "Bearer" {
		return meili.MissingAuthorizationHeader()
	}
	sum := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(sum[:], c.master[:]) == 1 {
		return nil
	}
	return meili.InvalidAPIKey()
}
