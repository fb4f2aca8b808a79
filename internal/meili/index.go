package meili

import (
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
)

const uidRule = "is not a valid index uid. Index uid can be an integer or a string containing only alphanumeric characters, " +
	"hyphens (-) and underscores (_), and can not be more than 512 bytes."

// maxUID is the longest name of a logical index in bytes (RT-1); the physical name is longer and must still fit 512.
const maxUID = 400

// ValidIndexUID says whether a name may name an index.
func ValidIndexUID(uid string) bool {
	if uid == "" || len(uid) > maxUID {
		return false
	}
	for i := range len(uid) {
		if !isWord(uid[i]) {
			return false
		}
	}
	return true
}

// isWord says whether a byte may stand in a name or an id.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// CheckIndexUID refuses a path segment that is no index name.
func CheckIndexUID(uid string) *apierr.Error {
	if ValidIndexUID(uid) {
		return nil
	}
	return apierr.New(apierr.InvalidIndexUID, "`%s` %s", uid, uidRule)
}

// indexUID reads a name of an index inside a body.
func (v node) indexUID(p place) (string, *apierr.Error) {
	uid, e := v.str(p)
	if e == nil && !ValidIndexUID(uid) {
		e = p.invalid("`" + uid + "` " + uidRule)
	}
	return uid, e
}

// IndexCreation is the body of POST /indexes.
type IndexCreation struct {
	UID        string
	PrimaryKey *string
}

// ParseIndexCreation reads the body of POST /indexes.
func ParseIndexCreation(body []byte) (IndexCreation, *apierr.Error) {
	var out IndexCreation
	seen := false
	at := root(apierr.BadRequest)
	e := readObject(body, at, []string{"uid", "primaryKey"}, func(name string, v node) (e *apierr.Error) {
		if name == "uid" {
			seen = true
			out.UID, e = v.indexUID(at.key(name, apierr.InvalidIndexUID))
			return e
		}
		out.PrimaryKey, e = v.optionalString(at.key(name, apierr.InvalidIndexPrimaryKey))
		return e
	})
	if e == nil && !seen {
		e = root(apierr.MissingIndexUID).missing("uid")
	}
	return out, e
}

func (v node) optionalString(p place) (*string, *apierr.Error) {
	return optional(v, func() (string, *apierr.Error) { return v.str(p) })
}

// IndexUpdate is the body of PATCH /indexes/{uid}.
type IndexUpdate struct {
	UID        *string
	PrimaryKey *string
}

// immutable are the members of an index that PATCH names apart from unknown ones.
var immutable = map[string]apierr.Code{
	"createdAt": apierr.ImmutableIndexCreatedAt, "updatedAt": apierr.ImmutableIndexUpdatedAt,
}

// ParseIndexUpdate reads the body of PATCH /indexes/{uid}.
func ParseIndexUpdate(body []byte) (IndexUpdate, *apierr.Error) {
	var out IndexUpdate
	at := root(apierr.BadRequest)
	e := readMutable(body, at, []string{"primaryKey", "uid"}, immutable, func(name string, v node) (e *apierr.Error) {
		if name == "primaryKey" {
			out.PrimaryKey, e = v.optionalString(at.key(name, apierr.InvalidIndexPrimaryKey))
			return e
		}
		out.UID, e = v.optionalString(at.key(name, apierr.InvalidIndexUID))
		return e
	})
	if e != nil {
		return out, e
	}
	if out.UID != nil {
		return out, CheckIndexUID(*out.UID)
	}
	return out, nil
}

// Swap is one pair of POST /swap-indexes.
type Swap struct {
	Indexes []string `json:"indexes"`
	Rename  bool     `json:"rename"`
}

// ParseSwaps reads the body of POST /swap-indexes.
func ParseSwaps(body []byte) ([]Swap, *apierr.Error) {
	if e := CheckBody(body); e != nil {
		return nil, e
	}
	swaps := []Swap{}
	e := trimmed(body).array(root(apierr.BadRequest), func(p place, v node) *apierr.Error {
		s, e := parseSwap(p, v)
		swaps = append(swaps, s)
		return e
	})
	if e == nil {
		e = CheckSwaps(swaps)
	}
	return swaps, e
}

func parseSwap(p place, v node) (s Swap, e *apierr.Error) {
	e = v.object(p, []string{"indexes", "rename"}, func(name string, v node) (e *apierr.Error) {
		if name == "rename" {
			s.Rename, e = v.boolean(p.key(name, apierr.InvalidSwapRename))
			return e
		}
		s.Indexes = []string{}
		return v.array(p.key(name, apierr.InvalidSwapIndexes), func(p place, v node) *apierr.Error {
			uid, e := v.indexUID(p)
			s.Indexes = append(s.Indexes, uid)
			return e
		})
	})
	if e == nil && s.Indexes == nil {
		p.code = apierr.MissingSwapIndexes
		e = p.missing("indexes")
	}
	return s, e
}

// CheckSwaps refuses pairs that are none, and an index that is in two.
func CheckSwaps(swaps []Swap) *apierr.Error {
	count := map[string]int{}
	var twice []string
	for _, s := range swaps {
		if len(s.Indexes) != 2 {
			return apierr.New(apierr.InvalidSwapIndexes, "Two indexes must be given for each swap. The list `[%s]` contains %d indexes.",
				quoteWith(s.Indexes, `"`), len(s.Indexes))
		}
		for _, uid := range s.Indexes {
			if count[uid]++; count[uid] == 2 {
				twice = append(twice, uid)
			}
		}
	}
	if len(twice) == 0 {
		return nil
	}
	verb := "was"
	if len(twice) > 1 {
		verb = "were"
	}
	slices.Sort(twice)
	return apierr.New(apierr.InvalidSwapDuplicateIndexFound,
		"Indexes must be declared only once during a swap. %s %s specified several times.", quoteAll(twice), verb)
}

// quoteAll lists names in backticks.
func quoteAll(list []string) string { return quoteWith(list, "`") }

func quoteWith(list []string, mark string) string {
	if len(list) == 0 {
		return ""
	}
	return mark + strings.Join(list, mark+", "+mark) + mark
}
