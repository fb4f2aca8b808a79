package merge

import (
	"strings"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// unique lets every document pass once.
type unique struct {
	key  []byte   // raw key of the primary key's top-level field
	path [][]byte // raw keys below it
	seen map[string]struct{}
}

func newUnique(primaryKey string) *unique {
	parts := strings.Split(primaryKey, ".")
	u := &unique{key: rawKey(parts[0]), seen: map[string]struct{}{}}
	for _, p := range parts[1:] {
		u.path = append(u.path, rawKey(p))
	}
	return u
}

// admit says whether the current hit's document is seen for the first time. A hit without the key cannot be told apart
// and passes.
func (u *unique) admit(s *stream) bool { return u.admitValue(s.hit.primary.of(s.body)) }

// admitHit is admit for a hit of which nothing was read.
func (u *unique) admitHit(hit []byte) bool { return u.admitValue(memberOf(hit, u.key)) }

func (u *unique) admitValue(raw []byte) bool {
	for _, name := range u.path {
		raw = memberOf(raw, name)
	}
	if len(raw) == 0 {
		return true
	}
	id, text := rawjson.Unquote(raw)
	if !text {
		id = string(raw) // 1 and "1" are one document
	}
	if _, ok := u.seen[id]; ok {
		return false
	}
	u.seen[id] = struct{}{}
	return true
}

// memberOf is the raw value of a member of a raw object, nil if there is none.
func memberOf(raw, name []byte) []byte {
	m := objectAt(raw, 0)
	for m.next() {
		if string(m.key) == string(name) {
			return m.raw()
		}
	}
	return nil
}
