package meili

import (
	"bytes"
	"encoding/json"
	"strconv"
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
	return apierr.New("invalid_index_uid", "`%s` %s", uid, uidRule)
}

// IndexCreation is the body of POST /indexes.
type IndexCreation struct {
	UID        string
	PrimaryKey *string
}

// ParseIndexCreation reads the body of POST /indexes.
func ParseIndexCreation(body []byte) (IndexCreation, *apierr.Error) {
	var out IndexCreation
	if e := checkBody(body); e != nil {
		return out, e
	}
	members, e := decodeObject(body, "")
	if e != nil {
		return out, e
	}
	seen := false
	for _, m := range members {
		switch m.name {
		case "uid":
			s, e := decodeString("invalid_index_uid", ".uid", m.value, false)
			if e != nil {
				return out, e
			}
			if !ValidIndexUID(*s) {
				return out, apierr.New("invalid_index_uid", "Invalid value at `.uid`: `%s` %s", *s, uidRule)
			}
			out.UID, seen = *s, true
		case "primaryKey":
			if out.PrimaryKey, e = decodeString("invalid_index_primary_key", ".primaryKey", m.value, true); e != nil {
				return out, e
			}
		default:
			return out, unknownField(m.name, "", "uid", "primaryKey")
		}
	}
	if !seen {
		return out, apierr.New("missing_index_uid", "Missing field `uid`")
	}
	return out, nil
}

// IndexUpdate is the body of PATCH /indexes/{uid}.
type IndexUpdate struct {
	UID        *string
	PrimaryKey *string
}

// ParseIndexUpdate reads the body of PATCH /indexes/{uid}.
func ParseIndexUpdate(body []byte) (IndexUpdate, *apierr.Error) {
	var out IndexUpdate
	if e := checkBody(body); e != nil {
		return out, e
	}
	members, e := decodeObject(body, "")
	if e != nil {
		return out, e
	}
	for _, m := range members {
		switch m.name {
		case "primaryKey":
			out.PrimaryKey, e = decodeString("invalid_index_primary_key", ".primaryKey", m.value, true)
		case "uid":
			if out.UID, e = decodeString("invalid_index_uid", ".uid", m.value, true); e == nil && out.UID != nil {
				e = CheckIndexUID(*out.UID)
			}
		case "createdAt":
			e = apierr.New("immutable_index_created_at", "Immutable field `createdAt`: expected one of `primaryKey`, `uid`")
		case "updatedAt":
			e = apierr.New("immutable_index_updated_at", "Immutable field `updatedAt`: expected one of `primaryKey`, `uid`")
		default:
			e = unknownField(m.name, "", "primaryKey", "uid")
		}
		if e != nil {
			return out, e
		}
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
	if e := checkBody(body); e != nil {
		return nil, e
	}
	var items []json.RawMessage
	if json.Unmarshal(body, &items) != nil {
		return nil, wrongType(apierr.BadRequest, "", "an array", body)
	}
	swaps := make([]Swap, 0, len(items))
	for i, item := range items {
		s, e := parseSwap(item, "["+strconv.Itoa(i)+"]")
		if e != nil {
			return nil, e
		}
		swaps = append(swaps, s)
	}
	return swaps, checkSwaps(swaps)
}

func parseSwap(item []byte, where string) (Swap, *apierr.Error) {
	var s Swap
	members, e := decodeObject(item, where)
	if e != nil {
		return s, e
	}
	for _, m := range members {
		switch m.name {
		case "indexes":
			if json.Unmarshal(m.value, &s.Indexes) != nil || string(bytes.TrimSpace(m.value)) == "null" {
				return s, wrongType("invalid_swap_indexes", where+".indexes", "an array", m.value)
			}
			for j, uid := range s.Indexes {
				if !ValidIndexUID(uid) {
					return s, apierr.New("invalid_swap_indexes", "Invalid value at `%s.indexes[%d]`: `%s` %s", where, j, uid, uidRule)
				}
			}
		case "rename":
			if json.Unmarshal(m.value, &s.Rename) != nil {
				return s, wrongType("invalid_swap_rename", where+".rename", "a boolean", m.value)
			}
		default:
			return s, unknownField(m.name, where, "indexes", "rename")
		}
	}
	if s.Indexes == nil {
		return s, apierr.New("missing_swap_indexes", "Missing field `indexes` inside `%s`", where)
	}
	return s, nil
}

func checkSwaps(swaps []Swap) *apierr.Error {
	count := map[string]int{}
	var twice []string
	for _, s := range swaps {
		if len(s.Indexes) != 2 {
			list, _ := json.Marshal(s.Indexes)
			return apierr.New("invalid_swap_indexes", "Two indexes must be given for each swap. The list `%s` contains %d indexes.",
				strings.ReplaceAll(string(list), `","`, `", "`), len(s.Indexes))
		}
		for _, uid := range s.Indexes {
			if count[uid]++; count[uid] == 2 {
				twice = append(twice, uid)
			}
		}
	}
	switch len(twice) {
	case 0:
		return nil
	case 1:
		return apierr.New("invalid_swap_duplicate_index_found",
			"Indexes must be declared only once during a swap. %s was specified several times.", quoteAll(twice))
	}
	return apierr.New("invalid_swap_duplicate_index_found",
		"Indexes must be declared only once during a swap. %s were specified several times.", quoteAll(sorted(twice)))
}
