package meili

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// Members of documents whose contents an engine has rules for.
const (
	fieldGeo     = "_geo"
	fieldVectors = "_vectors"
)

// Contents are the rules that an index has for its documents beyond their ids. An engine finds what breaks them while it indexes,
// and takes nothing of a payload with such a document; each node of a cluster sees its own documents only.
type Contents struct {
	Geo        bool           // places are filtered or sorted by
	Dimensions map[string]int // of embedders whose vectors have a known length
}

// Fault is what an engine would find wrong with one document.
type Fault struct {
	Geo, Vectors *apierr.Error
	// HasGeo and HasVectors say that the document has such a member, right or wrong.
	HasGeo, HasVectors bool
}

// Wrong says whether there is anything.
func (f Fault) Wrong() bool { return f.Geo != nil || f.Vectors != nil }

// Error is what the engine would say: it reads vectors first.
func (f Fault) Error() *apierr.Error {
	if f.Vectors != nil {
		return f.Vectors
	}
	return f.Geo
}

// Check looks at a document of an index. Wording and order are those of Meilisearch 1.50, asked with the documents of the test.
// Left to the nodes are vectors that are not there (a document may have some already) and numbers beyond 32 bits.
func (c Contents) Check(index string, id []byte, members []rawjson.Member) Fault {
	var f Fault
	var geo, vectors node
	for _, m := range members {
		switch {
		case rawjson.KeyIs(m.Key, fieldGeo):
			geo, f.HasGeo = bytes.TrimSpace(m.Value), true
		case rawjson.KeyIs(m.Key, fieldVectors):
			vectors, f.HasVectors = bytes.TrimSpace(m.Value), true
		}
	}
	if f.HasVectors {
		f.Vectors = within(index, c.vectors(string(id), vectors))
	}
	if f.HasGeo && c.Geo {
		f.Geo = within(index, checkGeo(strconv.Quote(string(id)), geo))
	}
	return f
}

// within names the index that an error of a task belongs to.
func within(index string, e *apierr.Error) *apierr.Error {
	if e == nil {
		return nil
	}
	return apierr.New(e.Code, "Index `%s`: %s", index, e.Message)
}

func checkGeo(id string, v node) *apierr.Error {
	said := func(format string, args ...any) *apierr.Error {
		return apierr.New(apierr.InvalidDocumentGeoField, format, args...)
	}
	switch {
	case v.isNull():
		return nil
	case v[0] != '{':
		return said("The `_geo` field in the document with the id: `%s` is not an object. Was expecting an object with the `_geo.lat` and `_geo.lng` "+
			"fields but instead got `%s`.", id, compact(v))
	}
	others := v.members()
	lat, others := takeOut(others, "lat")
	lng, others := takeOut(others, "lng")
	switch {
	case lat == nil && lng == nil:
		return said("Could not find latitude nor longitude in the document with the id: `%s`. Was expecting `_geo.lat` and `_geo.lng` fields.", id)
	case lat == nil:
		return said("Could not find latitude in the document with the id: `%s`. Was expecting a `_geo.lat` field.", id)
	case lng == nil:
		return said("Could not find longitude in the document with the id: `%s`. Was expecting a `_geo.lng` field.", id)
	case len(others) > 0:
		return said("The `_geo` field in the document with the id: `%s` contains the following unexpected fields: `%s`.", id, compact(appendObject(nil, others)))
	}
	goodLat, goodLng := finite(lat), finite(lng)
	switch {
	case !goodLat && !goodLng:
		return said("Could not parse latitude nor longitude in the document with the id: `%s`. Was expecting finite numbers but instead got `%s` and `%s`.",
			id, compact(lat), compact(lng))
	case !goodLat:
		return said("Could not parse latitude in the document with the id: `%s`. Was expecting a finite number but instead got `%s`.", id, compact(lat))
	case !goodLng:
		return said("Could not parse longitude in the document with the id: `%s`. Was expecting a finite number but instead got `%s`.", id, compact(lng))
	}
	return nil
}

// finite says whether a value is a number, or a text of one.
func finite(v node) bool {
	text := string(v)
	if v[0] == '"' {
		var ok bool
		if text, ok = rawjson.Unquote(v); !ok || strings.ContainsAny(text, "_xXpP") { // Rust knows none of Go's further spellings
			return false
		}
	} else if v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		return false
	}
	f, err := strconv.ParseFloat(text, 64)
	return err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}

// takeOut takes a member out of an object. As in the engine the last one takes the free place.
func takeOut(members []member, name string) (node, []member) {
	i := slices.IndexFunc(members, func(m member) bool { return m.name == name })
	if i < 0 {
		return nil, members
	}
	value, last := members[i].value, len(members)-1
	members[i] = members[last]
	return value, members[:last]
}

func compact(v []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, v) != nil {
		return v
	}
	return b.Bytes()
}

// vectors checks the member of that name: an object with something for each embedder, known or not.
func (c Contents) vectors(id string, v node) *apierr.Error {
	if v[0] != '{' {
		return apierr.New(apierr.Internal, "%s, expected a map at line 1 column %d", unexpected(v), column(v))
	}
	for _, m := range v.members() {
		if e := c.embedder(id, m.name, m.value); e != nil {
			return e
		}
	}
	return nil
}

func badEmbedder(id, format string, args ...any) *apierr.Error {
	return apierr.New(apierr.InvalidVectorsType, "Bad embedder configuration in the document with id: `%s`. %s", id, fmt.Sprintf(format, args...))
}

func (c Contents) embedder(id, name string, v node) *apierr.Error {
	dimensions, known := c.Dimensions[name]
	at := root(apierr.InvalidVectorsType).key(fieldVectors, "").key(name, "")
	switch v[0] {
	case 'n':
		return nil
	case '[':
		if !known {
			return nil
		}
		return c.embeddings(id, name, dimensions, at, v)
	case '{':
		embeddings, e := explicit(id, name, v)
		if e != nil || embeddings == nil || !known {
			return e
		}
		return c.embeddings(id, name, dimensions, at.key("embeddings", ""), embeddings)
	}
	kind, shown := "string", string(v)
	switch v[0] {
	case 't', 'f':
		kind = "boolean"
	case '"':
		shown, _ = rawjson.Unquote(v)
	default:
		if kind, shown = "integer", integer(v); shown == "" {
			kind, shown = "number", strconv.FormatFloat(number(v), 'f', -1, 64)
		}
	}
	return badEmbedder(id, "Expected `._vectors.%s` to be an array of floats, an array of arrays of floats, or an object with at least the field `regenerate`, "+
		"but got the %s `%s`", name, kind, shown)
}

// explicit reads the object form. Places are columns of the object's own text; what stands behind a wrong value changes what is
// said, for the engine's parser goes on to the end of the object first.
func explicit(id, name string, v node) (embeddings node, e *apierr.Error) {
	regenerate := false
	rawjson.EachMember(v, func(key, value []byte) bool {
		offset := func(part []byte) int { return cap(v) - cap(part) } // of a part of v
		member, _ := rawjson.Unquote(key)
		switch member {
		case "regenerate":
			regenerate = true
			if value[0] == 't' || value[0] == 'f' {
				return true
			}
			end := offset(value) + column(value)
			if next := rawjson.Space(v, end); v[next] == '}' {
				e = badEmbedder(id, "Could not parse `._vectors.%s.regenerate`: %s, expected a boolean at line 1 column %d", name, unexpected(value), end)
			} else {
				trailing := "characters"
				if v[next] == ',' {
					trailing = "comma"
				}
				e = badEmbedder(id, "Could not parse `._vectors.%s`: trailing %s at line 1 column %d", name, trailing, next+1)
			}
			return false
		case "embeddings":
			if value[0] != 'n' {
				embeddings = value
			}
			return true
		}
		colon := rawjson.Space(v, offset(key)+len(key))
		e = badEmbedder(id, "Could not parse `._vectors.%s`: trailing characters at line 1 column %d", name, colon+1)
		return false
	})
	if e == nil && !regenerate {
		e = badEmbedder(id, "Missing field `._vectors.%s.regenerate`\n  - note: `._vectors.%s` must be an array of floats, an array of arrays of floats, "+
			"or an object with field `regenerate`", name, name)
	}
	return embeddings, e
}

// embeddings checks one vector, or a list of vectors: the first element tells which.
func (c Contents) embeddings(id, name string, dimensions int, at place, v node) (e *apierr.Error) {
	wrong := func(at place, expected string, v node) *apierr.Error {
		return badEmbedder(id, "%s", at.wrongType(expected, v).Message)
	}
	if v[0] != '[' {
		return wrong(at, "null or an array", v)
	}
	size := func(at place, v node) (n int) {
		rawjson.EachElement(v, func(value []byte) bool {
			if e == nil && value[0] != '-' && (value[0] < '0' || value[0] > '9') {
				e = wrong(at.index(n), "a number", value)
			}
			n++
			return e == nil
		})
		return n
	}
	lengths, several := []int{}, false
	rawjson.EachElement(v, func(value []byte) bool {
		i := len(lengths)
		switch first := value[0]; {
		case i == 0 && first != '[' && first != '-' && (first < '0' || first > '9'):
			e = wrong(at.index(0), "a number or an array", value)
		case i == 0 && first != '[':
			lengths = append(lengths, size(at, v))
			return false
		case first != '[':
			e = wrong(at.index(i), "an array", value)
		default:
			several = true
			lengths = append(lengths, size(at.index(i), value))
		}
		return e == nil && several
	})
	for i, n := range lengths {
		if e == nil && n != dimensions {
			e = apierr.New(apierr.InvalidVectorDimensions, "Invalid vector dimensions in document with id `%s` in `._vectors.%s`.\n  - note: embedding #%d has "+
				"dimensions %d\n  - note: embedder `%s` requires %d", id, name, i, n, name, dimensions)
		}
	}
	return e
}

// unexpected words a value of the wrong type as the engine's parser does.
func unexpected(v node) string {
	switch v[0] {
	case 'n':
		return "invalid type: null"
	case '[':
		return "invalid type: sequence"
	case '{':
		return "invalid type: map"
	case 't', 'f':
		return "invalid type: boolean `" + string(v) + "`"
	case '"':
		text, _ := rawjson.Unquote(v)
		return "invalid type: string " + strconv.Quote(text)
	}
	if n := integer(v); n != "" {
		return "invalid type: integer `" + n + "`"
	}
	text := strconv.FormatFloat(number(v), 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return "invalid type: floating point `" + text + "`"
}

// column is how far the parser has come when it finds a value to be of the wrong type: behind it, but for lists and objects, which it
// does not enter.
func column(v node) int {
	if v[0] == '[' || v[0] == '{' {
		return 0
	}
	return len(v)
}

// integer is the text of an integer of 64 bits, signed or not; empty for any other number.
func integer(v node) string {
	if _, err := strconv.ParseInt(string(v), 10, 64); err == nil {
		return string(v)
	}
	if _, err := strconv.ParseUint(string(v), 10, 64); err == nil {
		return string(v)
	}
	return ""
}

func number(v node) float64 {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil {
		return math.Inf(1)
	}
	return f
}
