package meili

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"mime"
	"net/url"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
)

// member is one member of a JSON object, in the order of the text.
type member struct {
	name  string
	value json.RawMessage
}

// CheckJSONContentType refuses a content type that JSON routes do not accept. An absent one is accepted.
func CheckJSONContentType(value string) *apierr.Error {
	if value == "" {
		return nil
	}
	media, _, err := mime.ParseMediaType(value)
	if err == nil && (media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")) {
		return nil
	}
	return InvalidContentType(value, "application/json")
}

// InvalidContentType answers a content type that the route does not accept.
func InvalidContentType(got string, accepted ...string) *apierr.Error {
	return apierr.New(apierr.InvalidContentType,
		"The Content-Type `%s` is invalid. Accepted values for the Content-Type header are: %s", got, quoteAll(accepted))
}

// MissingContentType answers a document request without a content type.
func MissingContentType(accepted ...string) *apierr.Error {
	return apierr.New(apierr.MissingContentType,
		"A Content-Type header is missing. Accepted values for the Content-Type header are: %s", quoteAll(accepted))
}

// CheckBody refuses an empty or malformed JSON body.
func CheckBody(body []byte) *apierr.Error { return checkBody(body) }

func checkBody(body []byte) *apierr.Error {
	if len(bytes.TrimSpace(body)) == 0 {
		return apierr.New(apierr.MissingPayload, "A json payload is missing.")
	}
	if err := CheckJSON(body); err != nil {
		return apierr.New(apierr.MalformedPayload, "The json payload provided is malformed. `%s`.", err.Error())
	}
	return nil
}

// decodeObject reads a body that must be an object; where says at which path it stands, for error texts.
func decodeObject(raw []byte, where string) ([]member, *apierr.Error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '{' {
		return nil, wrongType(apierr.BadRequest, where, "an object", raw)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, _ = dec.Token()
	var list []member
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		var value json.RawMessage
		if err != nil || !ok || dec.Decode(&value) != nil {
			return nil, apierr.New(apierr.MalformedPayload, "The json payload provided is malformed.")
		}
		list = append(list, member{name, value})
	}
	return list, nil
}

// wrongType words a value of another kind than expected. where is empty at the root, ".a.b" or "[0]" below it.
func wrongType(code apierr.Code, where, expected string, raw []byte) *apierr.Error {
	at := ""
	if where != "" {
		at = " at `" + where + "`"
	}
	return apierr.New(code, "%s", "Invalid value type"+at+": expected "+expected+", but found "+describe(raw))
}

// describe names a JSON value and shows it.
func describe(raw []byte) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "nothing"
	}
	kind := ""
	switch raw[0] {
	case '{':
		kind = "an object"
	case '[':
		kind = "an array"
	case '"':
		kind = "a string"
	case 't', 'f':
		kind = "a boolean"
	case 'n':
		return "null"
	case '-':
		kind = "a negative integer"
	default:
		kind = "a positive integer"
	}
	if kind[2] != 's' && bytes.ContainsAny(raw, ".eE") && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		kind = "a number"
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) == nil {
		raw = compact.Bytes()
	}
	return kind + ": `" + string(raw) + "`"
}

// decodeString reads a string member; null gives nil where optional allows it.
func decodeString(code apierr.Code, where string, raw []byte, optional bool) (*string, *apierr.Error) {
	if optional && string(raw) == "null" {
		return nil, nil
	}
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return nil, wrongType(code, where, "a string", raw)
	}
	return &s, nil
}

func unknownField(name, inside string, accepted ...string) *apierr.Error {
	if inside != "" {
		inside = " inside `" + inside + "`"
	}
	return apierr.New(apierr.BadRequest, "Unknown field `%s`%s: expected one of %s", name, inside, quoteAll(accepted))
}

// queryParameters reads a query string in order, refusing names that the route does not know.
func queryParameters(raw string, accepted ...string) ([]member, *apierr.Error) {
	var list []member
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		k, v, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(v)
		if err1 != nil || err2 != nil {
			return nil, apierr.New(apierr.BadRequest, "The query string is not percent-encoded correctly.")
		}
		known := false
		for _, a := range accepted {
			known = known || a == name
		}
		if !known {
			return nil, apierr.New(apierr.BadRequest, "Unknown parameter `%s`: expected one of %s", name, quoteAll(accepted))
		}
		list = append(list, member{name, json.RawMessage(value)})
	}
	return list, nil
}

func badParameter(code apierr.Code, name, format string, args ...any) *apierr.Error {
	return apierr.New(code, "%s", "Invalid value in parameter `"+name+"`: "+fmt.Sprintf(format, args...))
}

func parseUint(code apierr.Code, name, value string, bits int) (uint64, *apierr.Error) {
	n, err := strconv.ParseUint(value, 10, bits)
	if err != nil {
		return 0, badParameter(code, name, "could not parse `%s` as a positive integer", value)
	}
	return n, nil
}

func parseBool(code apierr.Code, name, value string) (bool, *apierr.Error) {
	switch value {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, badParameter(code, name, "could not parse `%s` as a boolean, expected either `true` or `false`", value)
}

// Page is a window over a list.
type Page struct{ Offset, Limit int }

// defaultLimit is the length of a page of any list.
const defaultLimit = 20

// ParsePage reads offset and limit of a listing.
func ParsePage(query string, offsetCode, limitCode apierr.Code) (Page, *apierr.Error) {
	p := Page{Limit: defaultLimit}
	list, e := queryParameters(query, "offset", "limit")
	for i := 0; e == nil && i < len(list); i++ {
		code, to := offsetCode, &p.Offset
		if list[i].name == "limit" {
			code, to = limitCode, &p.Limit
		}
		var n uint64
		if n, e = parseUint(code, list[i].name, string(list[i].value), 64); e == nil {
			*to = int(min(n, math.MaxInt64)) //nolint:gosec // bounded
		}
	}
	return p, e
}

// binarySize writes a number of bytes in binary units, as Meilisearch words its payload limit.
func binarySize(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, u := float64(n), 0
	for f >= 1024 && u < len(units)-1 {
		f /= 1024
		u++
	}
	s := strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(f, 'f', 2, 64), "0"), ".")
	return s + " " + units[u]
}
