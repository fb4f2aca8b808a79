package meili

import (
	"bytes"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// maxID is the longest document id in bytes.
const maxID = 511

// ParseID turns the raw JSON value of a primary key into the canonical id: a string of letters, digits, hyphens and
// underscores, or an integer (SH-1). The result aliases raw where the value needs no decoding.
func ParseID(raw []byte) ([]byte, *apierr.Error) {
	if len(raw) > 0 && raw[0] == '"' {
		id, plain := rawjson.Plain(raw)
		if !plain {
			id, _ = rawjson.AppendUnquoted(nil, raw)
		}
		if ValidID(id) {
			return id, nil
		}
	} else if validInteger(raw) {
		return raw, nil
	}
	return nil, invalidID(raw)
}

// ValidID says whether bytes are a canonical document id.
func ValidID(id []byte) bool {
	if len(id) == 0 || len(id) > maxID {
		return false
	}
	for _, c := range id {
		if !isWord(c) {
			return false
		}
	}
	return true
}

// validInteger says whether a raw number is an integer that fits 64 bits, signed or not.
func validInteger(raw []byte) bool {
	digits := bytes.TrimPrefix(raw, []byte{'-'})
	if len(digits) == 0 || string(raw) == "-0" {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	limit := "18446744073709551615"
	if len(digits) < len(raw) {
		limit = "9223372036854775808"
	}
	return len(digits) < len(limit) || len(digits) == len(limit) && string(digits) <= limit
}

func invalidID(raw []byte) *apierr.Error {
	return apierr.New(apierr.InvalidDocumentID, "Document identifier `%s` is invalid. A document identifier can be of type integer or "+
		"string, only composed of alphanumeric characters (a-z A-Z 0-9), hyphens (-) and underscores (_), and can not be more than "+
		"511 bytes.", appendSerde(nil, raw))
}
