package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"github.com/miroir-search/miroir/internal/key"
)

// entry is one API key, ready to be checked.
type entry struct {
	rec     *key.Record
	may     map[string]bool // actions, wildcards expanded
	digests [][sha256.Size]byte
}

// ring is the API keys of the cluster at one moment. It must not be modified.
type ring struct {
	byUID    map[string]*entry
	byDigest map[[sha256.Size]byte]*entry // of values
}

// next is the ring of another set of keys. What is known about keys that did not change is taken over.
func (r *ring) next(set *key.Set, masters []string) *ring {
	n := &ring{
		byUID:    make(map[string]*entry, len(set.List)),
		byDigest: make(map[[sha256.Size]byte]*entry, len(set.List)*len(masters)),
	}
	for _, rec := range set.List {
		e := r.byUID[rec.UID]
		if e == nil || e.rec != rec {
			e = &entry{rec: rec, may: key.Expand(rec.Actions)}
			for _, m := range masters {
				e.digests = append(e.digests, sha256.Sum256([]byte(key.Value(m, rec.UID))))
			}
		}
		n.byUID[rec.UID] = e
		for _, d := range e.digests {
			n.byDigest[d] = e
		}
	}
	return n
}

// find finds a key by its value, whose digits may be large ones; nil when there is none. What the look-up takes depends on
// the digest alone, which says nothing about how much of a value was right.
func (r *ring) find(value string) *entry {
	if _, err := hex.DecodeString(value); err == nil {
		value = strings.ToLower(value)
	}
	sum := sha256.Sum256([]byte(value))
	e := r.byDigest[sum]
	if e == nil {
		return nil
	}
	equal := 0
	for i := range e.digests {
		equal |= subtle.ConstantTimeCompare(sum[:], e.digests[i][:])
	}
	if equal != 1 {
		return nil
	}
	return e
}
