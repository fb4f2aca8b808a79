package auth

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/meili"
)

// Grant is what the credential of one request allows. The zero Grant allows everything.
type Grant struct {
	key   *entry // nil: everything
	admin bool   // the admin key
	rules *rules // of a tenant token; nil: none
	now   time.Time
}

// Admin says whether the credential is the admin key, for which more of the inside is told.
func (g Grant) Admin() bool { return g.admin }

// Credential names whose credential it is, for what must not be shared between two of them: the uid of the API key, empty for
// the master key.
func (g Grant) Credential() string {
	if g.key == nil {
		return ""
	}
	return g.key.rec.UID
}

// AllIndexes says whether no index is out of bounds.
func (g Grant) AllIndexes() bool {
	return g.key == nil || slices.Contains(g.key.rec.Indexes, key.AllIndexes) &&
		(g.rules == nil || slices.Contains(g.rules.patterns, key.AllIndexes))
}

// Index says whether an index may be touched, be it by a name that is an alias of the targets (AU-13): the name must be
// allowed, or else every target.
func (g Grant) Index(uid string, targets ...string) bool {
	return g.key == nil || covers(g.key.rec.Indexes, uid, targets) && (g.rules == nil || covers(g.rules.patterns, uid, targets))
}

// covers says whether patterns allow a name, or all that it is an alias of.
func covers(patterns []string, uid string, targets []string) bool {
	outside := func(target string) bool { return !key.AnyMatches(patterns, target) }
	return key.AnyMatches(patterns, uid) || len(targets) > 0 && !slices.ContainsFunc(targets, outside)
}

// MayCreate says whether an index may be created, be it by adding documents to it or changing its settings.
func (g Grant) MayCreate(uid string, targets ...string) bool {
	return g.key == nil || g.holds(key.ActionIndexesCreate, "", nil) && g.Index(uid, targets...)
}

// Filter is the filter that a tenant token puts on every search of an index, to be conjoined with the client's own; nil
// for none (AU-14). The rules of all names count by which the index is known, so that an alias evades none.
func (g Grant) Filter(uid string, others ...string) json.RawMessage {
	if g.rules == nil {
		return nil
	}
	pattern, _ := key.Closest(g.rules.patterns, uid)
	filter, seen := g.rules.filters[pattern], []string{pattern}
	for _, other := range others {
		if pattern, ok := key.Closest(g.rules.patterns, other); ok && !slices.Contains(seen, pattern) {
			filter, seen = meili.Fuse(filter, g.rules.filters[pattern]), append(seen, pattern)
		}
	}
	return filter
}

// holds says whether the key allows an action now. index is empty where the route names none.
func (g Grant) holds(action, index string, targets []string) bool {
	k := g.key
	if !k.may[action] || k.rec.Expired(g.now) {
		return false
	}
	switch {
	case slices.Contains(k.rec.Indexes, key.AllIndexes):
		return true
	case index != "":
		return covers(k.rec.Indexes, index, targets)
	}
	return key.ChecksIndexes(action) && len(k.rec.Indexes) > 0
}

// allows checks the operation. An index that is out of bounds is told before everything else; what an API key is limited
// to is told to its holder only.
func (g Grant) allows(op operation.Operation) *apierr.Error {
	if uid := op.Index; uid != "" {
		switch {
		case g.rules != nil && !covers(g.rules.patterns, uid, op.Targets):
			return invalid("The provided tenant token cannot acces the index `%s`, allowed indexes are %s.", uid, list(g.rules.patterns))
		case covers(g.key.rec.Indexes, uid, op.Targets):
		case g.rules != nil:
			return invalid("The API key used to generate this tenant token cannot acces the index `%s`.", uid)
		default:
			return invalid("The API key cannot acces the index `%s`, authorized indexes are %s.", uid, list(g.key.rec.Indexes))
		}
	}
	for action := range strings.FieldsSeq(op.Action) {
		if !g.holds(action, op.Index, op.Targets) {
			return meili.InvalidAPIKey()
		}
	}
	return nil
}

func invalid(format string, args ...any) *apierr.Error {
	return apierr.New(apierr.InvalidAPIKey, format, args...)
}

// list writes patterns as Meilisearch lists them: ascending, each once.
func list(patterns []string) string {
	sorted := slices.Compact(slices.Sorted(slices.Values(patterns)))
	for i, p := range sorted {
		sorted[i] = meili.QuoteDebug(p)
	}
	return "[" + strings.Join(sorted, ", ") + "]"
}
