package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/meili"
)

// Options are what a Checker works with.
type Options struct {
	// MasterKey is the key that may do everything. Without one every route but those of keys is open, which only
	// development setups use (AU-18).
	MasterKey string
	// PreviousKey is accepted beside the master key while that is being changed, and the API keys that follow from it.
	PreviousKey string
	// AdminKey is the key of administrators, which some routes take as well. Without one nobody is known as one.
	AdminKey string
	Now      func() time.Time
	Metrics  *Metrics
}

// Checker checks credentials. It is safe for concurrent use.
type Checker struct {
	masters []string // the current one first; they are secrets
	digests [][sha256.Size]byte
	admin   *[sha256.Size]byte // nil: there is none
	ring    atomic.Pointer[ring]
	now     func() time.Time
	metrics *Metrics
}

// NewChecker returns a checker that knows no API keys until it adopts some.
func NewChecker(o Options) *Checker {
	c := &Checker{now: o.Now, metrics: o.Metrics}
	for _, k := range []string{o.MasterKey, o.PreviousKey} {
		if o.MasterKey != "" && k != "" {
			c.masters = append(c.masters, k)
			c.digests = append(c.digests, sha256.Sum256([]byte(k)))
		}
	}
	if o.AdminKey != "" {
		sum := sha256.Sum256([]byte(o.AdminKey))
		c.admin = &sum
	}
	c.ring.Store(&ring{})
	return c
}

// Adopt takes over the API keys of the cluster.
func (c *Checker) Adopt(set *key.Set) { c.ring.Store(c.ring.Load().next(set, c.masters)) }

// Value is the value of the key with the given uid; empty without a master key. It is a secret.
func (c *Checker) Value(uid string) string {
	if len(c.masters) == 0 {
		return ""
	}
	return key.Value(c.masters[0], uid)
}

// UID finds the uid of the key with the given value.
func (c *Checker) UID(value string) (uid string, ok bool) {
	e := c.ring.Load().find(value)
	if e == nil {
		return "", false
	}
	return e.rec.UID, true
}

// Check returns what the credential in the headers allows the operation, or the error that Meilisearch would answer.
func (c *Checker) Check(op operation.Operation, h http.Header) (Grant, *apierr.Error) {
	if op.Access != operation.Keyed && op.Access != operation.KeyedOrAdmin {
		return Grant{}, nil
	}
	if op.Access == operation.KeyedOrAdmin {
		if admin, e := c.checkAdmin(h); admin || e != nil {
			return Grant{admin: admin}, e
		}
	}
	kind, grant, e := c.check(op, h)
	if e != nil {
		c.metrics.failures.WithLabelValues(kind).Inc()
	}
	return grant, e
}

// headerAdminKey carries the admin key, which may be a bearer token too.
const headerAdminKey = "X-Admin-Key"

// checkAdmin says whether the request has the admin key. A header for it with something else in it is an error.
func (c *Checker) checkAdmin(h http.Header) (bool, *apierr.Error) {
	if given := h.Get(headerAdminKey); given != "" {
		if !c.isAdmin(given) {
			c.metrics.failures.WithLabelValues(kindAdmin).Inc()
			return false, apierr.New(apierr.MiroirInvalidAuth, "The provided admin key is invalid.")
		}
		return true, nil
	}
	token, e := bearer(h)
	return e == nil && token != "" && c.isAdmin(token), nil
}

func (c *Checker) isAdmin(given string) bool {
	sum := sha256.Sum256([]byte(given))
	return c.admin != nil && subtle.ConstantTimeCompare(sum[:], c.admin[:]) == 1
}

// Kinds of failures, the values of a label.
const (
	kindMissing = "missing" // no credential
	kindUnknown = "unknown" // one that nobody has
	kindDenied  = "denied"  // a key that does not allow this
	kindToken   = "token"   // a tenant token that is not valid
	kindAdmin   = "admin"   // an admin key that is wrong
	kindUI      = "ui"      // a token of the search page that is not valid
)

func (c *Checker) check(op operation.Operation, h http.Header) (kind string, g Grant, e *apierr.Error) {
	token, e := bearer(h)
	switch {
	case e != nil:
		return kindMissing, g, e
	case len(c.masters) == 0 && strings.HasPrefix(op.Action, "keys."):
		return kindMissing, g, meili.MissingMasterKey()
	case len(c.masters) == 0:
		return "", g, nil
	case len(h["Authorization"]) == 0:
		return kindMissing, g, meili.MissingAuthorizationHeader()
	case c.isMaster(token):
		return "", g, nil
	}
	if claims, ok := peek(token); ok {
		return c.checkToken(op, token, claims)
	}
	found := c.ring.Load().find(token)
	if found == nil {
		return kindUnknown, g, meili.InvalidAPIKey()
	}
	g = Grant{key: found, now: c.now()}
	return kindDenied, g, g.allows(op)
}

// bearer reads the token of the Authorization header, the first one where there are several. No header at all is not an
// error here: without a master key none is needed.
func bearer(h http.Header) (string, *apierr.Error) {
	values := h["Authorization"]
	if len(values) == 0 {
		return "", nil
	}
	scheme, token, given := strings.Cut(values[0], " ")
	if scheme != "Bearer" || !visible(values[0]) {
		return "", meili.MissingAuthorizationHeader()
	}
	if !given {
		return "", meili.InvalidAPIKey()
	}
	return token, nil
}

// visible says whether a header's value is plain text, as Meilisearch wants it.
func visible(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }) < 0
}

// isMaster compares with every master key, however early one fits.
func (c *Checker) isMaster(token string) bool {
	sum := sha256.Sum256([]byte(token))
	equal := 0
	for i := range c.digests {
		equal |= subtle.ConstantTimeCompare(sum[:], c.digests[i][:])
	}
	return equal == 1
}

// Fingerprint names a credential in a log line: eight hexadecimal digits that do not lead back to it (AU-17).
func Fingerprint(credential string) string {
	sum := sha256.Sum256([]byte(credential))
	return hex.EncodeToString(sum[:4])
}
