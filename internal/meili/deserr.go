package meili

import (
	"slices"
	"strconv"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// place is where a value of a request stands and which code its errors carry. Bodies and query strings word their errors
// differently.
type place struct {
	code  apierr.Code
	path  string // ".a.b[0]" in a body, the parameter's name in a query string, empty at the root
	query bool
}

// root is the place of a whole body.
func root(code apierr.Code) place { return place{code: code} }

// key is the place of a member. An empty code leaves the code as it is.
func (p place) key(name string, code apierr.Code) place {
	if p.query {
		return place{code: cmpOr(code, p.code), path: name, query: true}
	}
	return place{code: cmpOr(code, p.code), path: p.path + "." + name}
}

// index is the place of an element.
func (p place) index(i int) place {
	return place{code: p.code, path: p.path + "[" + strconv.Itoa(i) + "]", query: p.query}
}

func cmpOr(a, b apierr.Code) apierr.Code {
	if a != "" {
		return a
	}
	return b
}

// said is " article `path`", or nothing at the root.
func (p place) said(article string) string {
	if p.path == "" {
		return ""
	}
	return " " + article + " `" + p.path + "`"
}

func (p place) fail(message string) *apierr.Error { return apierr.New(p.code, "%s", message) }

// wrongType words a value of another kind than expected.
func (p place) wrongType(expected string, v node) *apierr.Error {
	if p.query {
		return p.fail("Invalid value type" + p.said("for parameter") + ": expected a string, but found a string: `" + string(v) + "`")
	}
	return p.fail("Invalid value type" + p.said("at") + ": expected " + expected + ", but found " + describe(v))
}

// invalid words a value that is of the right kind and yet not acceptable.
func (p place) invalid(reason string) *apierr.Error {
	if p.query {
		return p.fail("Invalid value" + p.said("in parameter") + ": " + reason)
	}
	return p.fail("Invalid value" + p.said("at") + ": " + reason)
}

// missing words a member that is not there.
func (p place) missing(name string) *apierr.Error {
	if p.query {
		return p.fail("Missing parameter `" + name + "`" + p.said("inside"))
	}
	return p.fail("Missing field `" + name + "`" + p.said("inside"))
}

// unknownKey words a member that the object does not have.
func (p place) unknownKey(name string, accepted []string) *apierr.Error {
	what := "Unknown field `"
	if p.query {
		what = "Unknown parameter `"
	}
	return p.fail(what + name + "`" + p.said("inside") + ": " + didYouMean(name, accepted) + "expected one of " + quoteAll(accepted))
}

// unknownValue words a string that is none of those known.
func (p place) unknownValue(value string, accepted []string) *apierr.Error {
	article := "at"
	if p.query {
		article = "for parameter"
	}
	return p.fail("Unknown value `" + value + "`" + p.said(article) + ": " + didYouMean(value, accepted) + "expected one of " +
		quoteAll(accepted))
}

// node is one raw JSON value of a body that was checked before.
type node []byte

// member is one member of an object.
type member struct {
	name  string
	value node
}

func (v node) isNull() bool { return len(v) > 0 && v[0] == 'n' }

// members lists the members of an object in the order of the text. Of a repeated name the last value stands at the first
// place, as in Meilisearch's maps.
func (v node) members() []member {
	var list []member
	var at map[string]int
	rawjson.EachMember(v, func(key, value []byte) bool {
		name, _ := rawjson.Unquote(key)
		if len(list) == smallObject {
			at = make(map[string]int, 4*smallObject)
			for i, m := range list {
				at[m.name] = i
			}
		}
		i, seen := at[name]
		if at == nil {
			i = slices.IndexFunc(list, func(m member) bool { return m.name == name })
			seen = i >= 0
		}
		if seen {
			list[i].value = value
			return true
		}
		if at != nil {
			at[name] = len(list)
		}
		list = append(list, member{name, value})
		return true
	})
	return list
}

// smallObject is the number of members up to which a list is searched faster than a map.
const smallObject = 32

// object visits the members of an object, each at its own place. Names that are not accepted are errors at the object's
// place.
func (v node) object(p place, accepted []string, visit func(name string, value node) *apierr.Error) *apierr.Error {
	if v[0] != '{' {
		return p.wrongType("an object", v)
	}
	for _, m := range v.members() {
		if !slices.Contains(accepted, m.name) {
			return p.unknownKey(m.name, accepted)
		}
		if e := visit(m.name, m.value); e != nil {
			return e
		}
	}
	return nil
}

// array visits the elements of an array.
func (v node) array(p place, visit func(p place, value node) *apierr.Error) *apierr.Error {
	if v[0] != '[' {
		return p.wrongType("an array", v)
	}
	var e *apierr.Error
	i := 0
	rawjson.EachElement(v, func(value []byte) bool {
		e = visit(p.index(i), value)
		i++
		return e == nil
	})
	return e
}

func (v node) str(p place) (string, *apierr.Error) {
	if v[0] != '"' {
		return "", p.wrongType("a string", v)
	}
	s, _ := rawjson.Unquote(v)
	return s, nil
}

func (v node) boolean(p place) (bool, *apierr.Error) {
	if v[0] != 't' && v[0] != 'f' {
		return false, p.wrongType("a boolean", v)
	}
	return v[0] == 't', nil
}

// uint reads a positive integer up to limit.
func (v node) uint(p place, limit uint64) (uint64, *apierr.Error) {
	if v.kind() != kindPositive {
		return 0, p.wrongType("a positive integer", v)
	}
	n, _ := strconv.ParseUint(string(v), 10, 64)
	if n > limit {
		return 0, p.invalid("value: `" + string(v) + "` is too large to be deserialized, maximum value authorized is `" +
			strconv.FormatUint(limit, 10) + "`")
	}
	return n, nil
}

// nonZero reads a positive integer that is not zero.
func (v node) nonZero(p place) (uint64, *apierr.Error) {
	n, e := v.uint(p, maxUint)
	if e == nil && n == 0 {
		e = p.invalid("a non-zero integer value lower than `" + strconv.FormatUint(maxUint, 10) + "` was expected, but found a zero")
	}
	return n, e
}

const maxUint = 1<<64 - 1

func (v node) float(p place) (float64, *apierr.Error) {
	switch v.kind() {
	case kindPositive, kindNegative, kindFloat:
		f, _ := strconv.ParseFloat(string(v), 64)
		return f, nil
	}
	return 0, p.wrongType("a number", v)
}

func (v node) strings(p place) ([]string, *apierr.Error) {
	list := []string{}
	e := v.array(p, func(p place, value node) *apierr.Error {
		s, e := value.str(p)
		list = append(list, s)
		return e
	})
	return list, e
}

// oneOf reads a string out of a closed list.
func (v node) oneOf(p place, accepted []string) (string, *apierr.Error) {
	s, e := v.str(p)
	if e == nil && !slices.Contains(accepted, s) {
		e = p.unknownValue(s, accepted)
	}
	return s, e
}

// optional applies a reader to a value that may be null; then the result is nil.
func optional[T any](v node, read func() (T, *apierr.Error)) (*T, *apierr.Error) {
	if v.isNull() {
		return nil, nil
	}
	t, e := read()
	if e != nil {
		return nil, e
	}
	return &t, nil
}

// kind tells JSON values apart as Meilisearch's parser does: numbers by how they are stored.
type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindPositive
	kindNegative
	kindFloat
	kindString
	kindArray
	kindObject
)

func (v node) kind() kind {
	switch v[0] {
	case '{':
		return kindObject
	case '[':
		return kindArray
	case '"':
		return kindString
	case 't', 'f':
		return kindBoolean
	case 'n':
		return kindNull
	}
	switch {
	case !validInteger(v):
		return kindFloat
	case v[0] == '-':
		return kindNegative
	}
	return kindPositive
}

// kindNames describes the kinds in errors.
var kindNames = [...]string{
	"null", "a boolean", "a positive integer", "a negative integer", "a number", "a string", "an array", "an object",
}

// describe names the kind of a value and shows it.
func describe(v node) string {
	k := v.kind()
	if k == kindNull {
		return kindNames[k]
	}
	return kindNames[k] + ": `" + string(appendSerde(nil, v)) + "`"
}

// didYouMean is "did you mean `x`? " for the accepted word that is nearest to a mistyped one, or nothing.
func didYouMean(got string, accepted []string) string {
	allowed := 0
	switch n := len(got); {
	case n <= 3:
		return ""
	case n <= 7:
		allowed = 1
	case n <= 12:
		allowed = 2
	case n <= 17:
		allowed = 3
	case n <= 24:
		allowed = 4
	default:
		allowed = 5
	}
	best, least := "", allowed+1
	for _, a := range accepted {
		if d := damerau([]rune(got), []rune(a)); d < least {
			best, least = a, d
		}
	}
	if least > allowed {
		return ""
	}
	return "did you mean `" + best + "`? "
}

// damerau is the edit distance with transpositions, where a transposed pair may be edited again.
func damerau(a, b []rune) int {
	width := len(b) + 2
	d := make([]int, (len(a)+2)*width)
	far := len(a) + len(b)
	d[0] = far
	for i := 0; i <= len(a); i++ {
		d[(i+1)*width], d[(i+1)*width+1] = far, i
	}
	for j := 0; j <= len(b); j++ {
		d[j+1], d[width+j+1] = far, j
	}
	last := map[rune]int{}
	for i := 1; i <= len(a); i++ {
		match := 0
		for j := 1; j <= len(b); j++ {
			k, l := last[b[j-1]], match
			cost := 1
			if a[i-1] == b[j-1] {
				cost, match = 0, j
			}
			d[(i+1)*width+j+1] = min(d[i*width+j]+cost, d[(i+1)*width+j]+1, d[i*width+j+1]+1,
				d[k*width+l]+(i-k-1)+1+(j-l-1))
		}
		last[a[i-1]] = i
	}
	return d[(len(a)+1)*width+len(b)+1]
}

// UnexpectedType words a raw value of another type than expected the way Meilisearch does where it reads JSON without
// naming members: "invalid type: integer `1`, expected a map".
func UnexpectedType(raw []byte, expected string) string {
	v := node(raw)
	found := ""
	switch v.kind() {
	case kindNull:
		found = "null"
	case kindBoolean:
		found = "boolean `" + string(raw) + "`"
	case kindPositive, kindNegative:
		found = "integer `" + string(raw) + "`"
	case kindFloat:
		found = "floating point `" + string(appendSerde(nil, v)) + "`"
	case kindString:
		s, _ := rawjson.Unquote(raw)
		found = "string " + QuoteDebug(s)
	case kindArray:
		found = "sequence"
	case kindObject:
		found = "map"
	}
	return "invalid type: " + found + ", expected " + expected
}
