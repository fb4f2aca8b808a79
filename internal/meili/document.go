package meili

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// DocumentParameters are the query parameters of document additions.
type DocumentParameters struct {
	PrimaryKey     *string // nil when not given; an empty one is a name that no field has
	CSVDelimiter   byte    // 0 when not given
	CustomMetadata *string
	SkipCreation   bool
}

// ParseDocumentParameters reads the query string of POST and PUT documents.
func ParseDocumentParameters(query string) (DocumentParameters, *apierr.Error) {
	var out DocumentParameters
	accepted := []string{"primaryKey", "csvDelimiter", "customMetadata", "skipCreation"}
	e := readQuery(query, accepted, func(p parameter) (e *apierr.Error) {
		switch p.name {
		case "primaryKey":
			out.PrimaryKey = &p.value
		case "csvDelimiter":
			out.CSVDelimiter, e = p.delimiter()
		case "customMetadata":
			out.CustomMetadata = &p.value
		case "skipCreation":
			out.SkipCreation = strings.EqualFold(p.value, "true")
			if !out.SkipCreation && !strings.EqualFold(p.value, "false") {
				e = apierr.New(apierr.InvalidSkipCreation, "skipCreation must be either `true` or `false`. Found: `%s`", p.value)
			}
		}
		return e
	})
	return out, e
}

// delimiter reads the one character that separates the cells of CSV.
func (p parameter) delimiter() (byte, *apierr.Error) {
	at := p.place(apierr.InvalidDocumentCSVDelimiter)
	switch n := utf8.RuneCountInString(p.value); {
	case n == 0:
		return 0, at.invalid("expected a string of one character, but found an empty string")
	case n > 1:
		return 0, at.invalid(fmt.Sprintf("expected a string of one character, but found the following string of %d characters: `%s`",
			n, p.value))
	case p.value[0] >= utf8.RuneSelf:
		return 0, apierr.New(at.code, "csv delimiter must be an ascii character. Found: `%s`", p.value)
	}
	return p.value[0], nil
}

// ParseCustomMetadata reads the query string of document deletions.
func ParseCustomMetadata(query string) (*string, *apierr.Error) {
	var out *string
	e := readQuery(query, []string{"customMetadata"}, func(p parameter) *apierr.Error {
		out = &p.value
		return nil
	})
	return out, e
}

// ParseIDs reads the body of delete-batch: strings become ids as they are, other values as they print. Nothing is checked,
// because what is no id of any document is counted and ignored.
func ParseIDs(body []byte) (ids []string, e *apierr.Error) {
	if e := CheckBody(body); e != nil {
		return nil, e
	}
	list := trimmed(body)
	if list[0] != '[' {
		start := rawjson.Space(body, 0)
		at := start
		if list[0] != '{' {
			at += len(list)
		}
		line, column := rawjson.Position(body, at)
		return nil, apierr.New(apierr.BadRequest, "Json deserialize error: %s at line %d column %d",
			UnexpectedType(list, "a sequence"), line, column)
	}
	ids = []string{}
	rawjson.EachElement(list, func(v []byte) bool {
		if s, ok := rawjson.Unquote(v); ok {
			ids = append(ids, s)
		} else {
			ids = append(ids, string(appendSerde(nil, v)))
		}
		return true
	})
	return ids, nil
}
