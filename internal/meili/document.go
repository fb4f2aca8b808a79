package meili

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// maxID is the longest document id in bytes.
const maxID = 511

// ParseID turns the raw JSON value of a primary key into the canonical id: a string or integer of letters, digits,
// hyphens and underscores (SH-1). The result aliases raw where the value needs no decoding.
func ParseID(raw []byte) ([]byte, *apierr.Error) {
	if len(raw) > 0 && raw[0] == '"' {
		if bytes.IndexByte(raw, '\\') < 0 {
			if id := raw[1 : len(raw)-1]; ValidID(id) {
				return id, nil
			}
		} else if s, ok := rawjson.Unquote(raw); ok && ValidID([]byte(s)) {
			return []byte(s), nil
		}
		return nil, invalidID(raw)
	}
	if validInteger(raw) {
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
	return apierr.New("invalid_document_id", "Document identifier `%s` is invalid. A document identifier can be of type integer or "+
		"string, only composed of alphanumeric characters (a-z A-Z 0-9), hyphens (-) and underscores (_), and can not be more than "+
		"511 bytes.", compact(raw))
}

// FindID finds the id of a raw document under a primary key, which may be a dotted path through nested objects. A key
// spelled with its dots is found too.
func FindID(document []byte, primaryKey string) ([]byte, *apierr.Error) {
	found := collect(nil, document, primaryKey)
	switch len(found) {
	case 0:
		return nil, apierr.New("missing_document_id", "Document doesn't have a `%s` attribute: `%s`.", primaryKey, compact(document))
	case 1:
		return ParseID(found[0])
	}
	return nil, apierr.New("invalid_document_id", "Document have too many matching `%s` attribute: `%s`.", primaryKey, compact(document))
}

// collect appends the values under a path. Of a repeated key the last one counts, as when the document is indexed.
func collect(dst [][]byte, object []byte, path string) [][]byte {
	var exact []byte
	var nested [][]byte
	rawjson.EachMember(object, func(key, value []byte) bool {
		if rawjson.KeyIs(key, path) {
			exact = value
			return true
		}
		if !strings.Contains(path, ".") {
			return true
		}
		name, ok := rawjson.Unquote(key)
		if rest, below := strings.CutPrefix(path, name+"."); ok && below {
			nested = collect(nested, value, rest)
		}
		return true
	})
	if exact != nil {
		dst = append(dst, exact)
	}
	return append(dst, nested...)
}

// InferPrimaryKey finds the primary key of an index by its first document: the one top-level key that ends in "id",
// whatever its case (RT-3).
func InferPrimaryKey(document []byte) (string, *apierr.Error) {
	var candidates []string
	rawjson.EachMember(document, func(key, _ []byte) bool {
		name, ok := rawjson.Unquote(key)
		if ok && strings.HasSuffix(strings.ToLower(name), "id") && !slices.Contains(candidates, name) {
			candidates = append(candidates, name)
		}
		return true
	})
	const ask = "Please specify the primary key manually using the `primaryKey` query parameter."
	switch len(candidates) {
	case 0:
		return "", apierr.New("index_primary_key_no_candidate_found",
			"The primary key inference failed as the engine did not find any field ending with `id` in its name. "+ask)
	case 1:
		return candidates[0], nil
	}
	slices.Sort(candidates)
	return "", apierr.New("index_primary_key_multiple_candidates_found",
		"The primary key inference failed as the engine found %d fields ending with `id` in their names: '%s' and '%s'. "+ask,
		len(candidates), candidates[0], candidates[1])
}

// DocumentParameters are the query parameters of document additions.
type DocumentParameters struct {
	PrimaryKey     string
	CSVDelimiter   byte // 0 when not given
	CustomMetadata *string
	SkipCreation   bool
}

// ParseDocumentParameters reads the query string of POST and PUT documents.
func ParseDocumentParameters(query string) (DocumentParameters, *apierr.Error) {
	var p DocumentParameters
	list, e := queryParameters(query, "primaryKey", "csvDelimiter", "customMetadata", "skipCreation")
	for i := 0; e == nil && i < len(list); i++ {
		value := string(list[i].value)
		switch list[i].name {
		case "primaryKey":
			p.PrimaryKey = value
		case "csvDelimiter":
			if len(value) != 1 || value[0] >= 0x80 {
				e = badParameter("invalid_document_csv_delimiter", "csvDelimiter", "expected a string of one character, but found "+
					"the following string of %d characters: `%s`", len([]rune(value)), value)
				break
			}
			p.CSVDelimiter = value[0]
		case "customMetadata":
			p.CustomMetadata = &value
		case "skipCreation":
			p.SkipCreation, e = parseBool("invalid_skip_creation", "skipCreation", value)
		}
	}
	return p, e
}

// ParseCustomMetadata reads the query string of document deletions.
func ParseCustomMetadata(query string) (*string, *apierr.Error) {
	list, e := queryParameters(query, "customMetadata")
	if e != nil || len(list) == 0 {
		return nil, e
	}
	value := string(list[len(list)-1].value)
	return &value, nil
}

// ParseIDs reads the body of delete-batch: strings and numbers become ids, unchecked; other values are not ids of any
// document and are counted only.
func ParseIDs(body []byte) (ids []string, e *apierr.Error) {
	if e := checkBody(body); e != nil {
		return nil, e
	}
	raw := bytes.TrimSpace(body)
	if raw[0] != '[' {
		return nil, wrongType(apierr.BadRequest, "", "an array", raw)
	}
	rawjson.EachElement(raw, func(v []byte) bool {
		if s, ok := rawjson.Unquote(v); ok {
			ids = append(ids, s)
		} else {
			ids = append(ids, compact(v))
		}
		return true
	})
	return ids, nil
}

func compact(raw []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

// ParseFilterBody reads the body of delete by filter and returns the filter as JSON text, as tasks show it.
func ParseFilterBody(body []byte) (string, *apierr.Error) {
	if e := checkBody(body); e != nil {
		return "", e
	}
	members, e := decodeObject(body, "")
	if e != nil {
		return "", e
	}
	filter := ""
	for _, m := range members {
		if m.name != "filter" {
			return "", unknownField(m.name, "", "filter")
		}
		if filter = compact(m.value); filter == "null" {
			filter = ""
		}
	}
	if filter == "" {
		return "", apierr.New("missing_document_filter", "Missing field `filter`")
	}
	return filter, nil
}
