package meili

import (
	"slices"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/key"
)

// APIKeyNotFound answers a request for a key that does not exist. name is what the client named it by.
func APIKeyNotFound(name string) *apierr.Error {
	return apierr.New(apierr.APIKeyNotFound, "API key `%s` not found.", name)
}

// APIKeyAlreadyExists answers the creation of a key whose uid is taken.
func APIKeyAlreadyExists(uid string) *apierr.Error {
	return apierr.New(apierr.APIKeyAlreadyExists, "`uid` field value `%s` is already an existing API key.", uid)
}

// MissingMasterKey answers a request for keys where there is no master key.
func MissingMasterKey() *apierr.Error {
	return apierr.New(apierr.MissingMasterKey, "Meilisearch is running without a master key. To access this API endpoint, "+
		"you must have set a master key at launch.")
}

// KeyCreation is the body of POST /keys.
type KeyCreation struct {
	UID         string // empty when not given
	Name        *string
	Description *string
	Actions     []string
	Indexes     []string
	ExpiresAt   *time.Time // as given, its offset too
}

// ParseKeyCreation reads the body of POST /keys.
func ParseKeyCreation(body []byte, now time.Time) (KeyCreation, *apierr.Error) {
	var k KeyCreation
	expires := false
	at := root(apierr.BadRequest)
	e := readObject(body, at, []string{"description", "name", "uid", "actions", "indexes", "expiresAt"},
		func(name string, v node) (e *apierr.Error) {
			switch name {
			case "description":
				k.Description, e = v.optionalString(at.key(name, apierr.InvalidAPIKeyDescription))
			case "name":
				k.Name, e = v.optionalString(at.key(name, apierr.InvalidAPIKeyName))
			case "uid":
				k.UID, e = v.uuid(at.key(name, apierr.InvalidAPIKeyUID))
			case "actions":
				k.Actions, e = v.actions(at.key(name, apierr.InvalidAPIKeyActions))
			case "indexes":
				k.Indexes, e = v.patterns(at.key(name, apierr.InvalidAPIKeyIndexes))
			case "expiresAt":
				expires = true
				k.ExpiresAt, e = v.future(at.key(name, apierr.InvalidAPIKeyExpiresAt), now)
			}
			return e
		})
	switch {
	case e != nil:
		return k, e
	case k.Actions == nil:
		return k, root(apierr.MissingAPIKeyActions).missing("actions")
	case k.Indexes == nil:
		return k, root(apierr.MissingAPIKeyIndexes).missing("indexes")
	case !expires:
		return k, root(apierr.MissingAPIKeyExpiresAt).missing("expiresAt")
	}
	return k, k.acceptable()
}

// acceptable refuses a key for some indexes that holds an action which knows no index.
func (k *KeyCreation) acceptable() *apierr.Error {
	if len(k.Indexes) == 0 || slices.Contains(k.Indexes, key.AllIndexes) {
		return nil
	}
	if i := slices.IndexFunc(k.Actions, key.IsGlobal); i >= 0 {
		return apierr.New(apierr.IndexScopedAPIKeyWithGlobalAction,
			"cannot create index-scoped API key with global action `\"%[1]s\"`\n  - Hint: remove action `\"%[1]s\"` from the action list, "+
				"or remove `indexes` to make the key global", k.Actions[i])
	}
	return nil
}

func (v node) uuid(p place) (string, *apierr.Error) {
	s, e := v.str(p)
	if e != nil {
		return "", e
	}
	uid, reason := ParseUUID(s)
	if reason != "" {
		return "", p.invalid(reason)
	}
	return uid, nil
}

func (v node) actions(p place) ([]string, *apierr.Error) {
	list := []string{}
	e := v.array(p, func(p place, v node) *apierr.Error {
		name, e := v.oneOf(p, key.ActionNames())
		list = append(list, name)
		return e
	})
	return list, e
}

const patternRule = "is not a valid index uid pattern. Index uid patterns can be an integer or a string containing only " +
	"alphanumeric characters, hyphens (-), underscores (_), and optionally end with a star (*)."

// indexPattern reads the name of an index, a prefix with a star behind it, or a star.
func (v node) indexPattern(p place) (string, *apierr.Error) {
	s, e := v.str(p)
	if e != nil || s == key.AllIndexes {
		return s, e
	}
	if name := strings.TrimSuffix(s, "*"); !ValidIndexUID(name) {
		return s, p.invalid("`" + name + "` " + patternRule)
	}
	return s, nil
}

func (v node) patterns(p place) ([]string, *apierr.Error) {
	list := []string{}
	e := v.array(p, func(p place, v node) *apierr.Error {
		s, e := v.indexPattern(p)
		list = append(list, s)
		return e
	})
	return list, e
}

// future reads a time that is yet to come, or null.
func (v node) future(p place, now time.Time) (*time.Time, *apierr.Error) {
	return optional(v, func() (time.Time, *apierr.Error) {
		s, e := v.str(p)
		if e != nil {
			return time.Time{}, e
		}
		for _, parse := range []func(string) (time.Time, bool){parseRFC3339, parseSecond, parseDate} {
			if t, ok := parse(s); ok {
				if t.After(now) {
					return t, nil
				}
				break
			}
		}
		return time.Time{}, p.invalid("`" + s + "` is not a valid date. It should follow the RFC 3339 format to represents a date or " +
			"datetime in the future or specified as a null value. e.g. 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS'.\n")
	})
}

// Text is a change of a text that may be absent.
type Text struct {
	Given bool
	Value *string
}

// KeyPatch is the body of PATCH /keys/{key}.
type KeyPatch struct{ Name, Description Text }

// immutableKey are the members of a key that PATCH names apart from unknown ones.
var immutableKey = map[string]apierr.Code{
	"uid": apierr.ImmutableAPIKeyUID, "actions": apierr.ImmutableAPIKeyActions, "indexes": apierr.ImmutableAPIKeyIndexes,
	"expiresAt": apierr.ImmutableAPIKeyExpiresAt, "createdAt": apierr.ImmutableAPIKeyCreatedAt,
	"updatedAt": apierr.ImmutableAPIKeyUpdatedAt,
}

// ParseKeyPatch reads the body of PATCH /keys/{key}.
func ParseKeyPatch(body []byte) (KeyPatch, *apierr.Error) {
	var out KeyPatch
	at := root(apierr.BadRequest)
	e := readMutable(body, at, []string{"description", "name"}, immutableKey, func(name string, v node) (e *apierr.Error) {
		if name == "name" {
			out.Name.Given = true
			out.Name.Value, e = v.optionalString(at.key(name, apierr.InvalidAPIKeyName))
			return e
		}
		out.Description.Given = true
		out.Description.Value, e = v.optionalString(at.key(name, apierr.InvalidAPIKeyDescription))
		return e
	})
	return out, e
}

// readMutable is readObject for a change of something that has members which never change.
func readMutable(
	body []byte, at place, accepted []string, fixed map[string]apierr.Code, visit func(name string, v node) *apierr.Error,
) *apierr.Error {
	if e := CheckBody(body); e != nil {
		return e
	}
	v := trimmed(body)
	if v[0] != '{' {
		return at.wrongType("an object", v)
	}
	for _, m := range v.members() {
		code, never := fixed[m.name]
		var e *apierr.Error
		switch {
		case slices.Contains(accepted, m.name):
			e = visit(m.name, m.value)
		case never:
			e = apierr.New(code, "Immutable field `%s`: expected one of %s", m.name, quoteAll(accepted))
		default:
			e = at.unknownKey(m.name, accepted)
		}
		if e != nil {
			return e
		}
	}
	return nil
}
