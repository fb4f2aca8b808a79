package write

import (
	"bytes"
	"fmt"
	"mime"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// Content types of document payloads.
const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
	typeCSV    = "text/csv"
)

// Format is how a payload is written.
type Format struct {
	media     string
	delimiter byte
}

// FormatOf reads the content type of a document request together with the csvDelimiter parameter.
func FormatOf(contentType string, delimiter byte) (Format, *apierr.Error) {
	if contentType == "" {
		return Format{}, meili.MissingContentType(typeJSON, typeNDJSON, typeCSV)
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != typeJSON && media != typeNDJSON && media != typeCSV {
		return Format{}, meili.InvalidContentType(contentType, typeJSON, typeNDJSON, typeCSV)
	}
	if delimiter != 0 && media != typeCSV {
		return Format{}, apierr.New(apierr.InvalidContentType, "The Content-Type `%s` does not support the use of a csv delimiter. "+
			"The csv delimiter can only be used with the Content-Type `text/csv`.", media)
	}
	if delimiter == 0 {
		delimiter = ','
	}
	return Format{media, delimiter}, nil
}

// Cut calls visit with every document of the payload, in order, each a raw JSON object. A payload that is not what its
// format says is an error, and visit may have been called before it is found.
func (f Format) Cut(payload []byte, visit func(document []byte)) *apierr.Error {
	switch f.media {
	case typeNDJSON:
		return f.cutLines(payload, visit)
	case typeCSV:
		return f.cutCSV(payload, visit)
	}
	return f.cutJSON(payload, visit)
}

func (f Format) missing() *apierr.Error {
	return apierr.New(apierr.MissingPayload, "A %s payload is missing.", f.name())
}

func (f Format) name() string {
	switch f.media {
	case typeNDJSON:
		return "ndjson"
	case typeCSV:
		return "csv"
	}
	return "json"
}

func (f Format) malformed(err error) *apierr.Error {
	return apierr.New(apierr.MalformedPayload, "The `%s` payload provided is malformed. `Couldn't serialize document value: %s`.",
		f.name(), err.Error())
}

// notAnObject is Meilisearch's answer to a document that is no object.
func notAnObject(value []byte) *apierr.Error {
	kind := "null"
	switch c := value[0]; {
	case c == '"':
		s, _ := rawjson.Unquote(value)
		kind = fmt.Sprintf("string %q", s)
	case c == '[':
		kind = "sequence"
	case c == 't' || c == 'f':
		kind = "boolean `" + string(value) + "`"
	case c == '-' || c >= '0' && c <= '9':
		kind = "integer `" + string(value) + "`"
		if bytes.ContainsAny(value, ".eE") {
			kind = "floating point `" + string(value) + "`"
		}
	}
	return apierr.New(apierr.Internal, "invalid type: %s, expected a map at line 1 column %d", kind, len(value))
}

func (f Format) cutJSON(payload []byte, visit func([]byte)) *apierr.Error {
	at := rawjson.Space(payload, 0)
	if at == len(payload) {
		return f.missing()
	}
	if err := meili.CheckJSON(payload); err != nil {
		return f.malformed(err)
	}
	if payload[at] != '[' {
		return visitObject(payload[at:rawjson.SkipValue(payload, at)], visit)
	}
	var e *apierr.Error
	rawjson.EachElement(payload, func(v []byte) bool {
		e = visitObject(v, visit)
		return e == nil
	})
	return e
}

func visitObject(v []byte, visit func([]byte)) *apierr.Error {
	if v[0] != '{' {
		return notAnObject(v)
	}
	visit(v)
	return nil
}

func (f Format) cutLines(payload []byte, visit func([]byte)) *apierr.Error {
	any := false
	for line := range bytes.Lines(payload) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		any = true
		if err := meili.CheckJSON(line); err != nil {
			return f.malformed(err)
		}
		if e := visitObject(line, visit); e != nil {
			return e
		}
	}
	if !any {
		return f.missing()
	}
	return nil
}
