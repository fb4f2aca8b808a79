package meili

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/miroir-search/miroir/internal/apierr"
)

// parameter is one parameter of a query string.
type parameter struct {
	name, value string
}

// place is where errors of the parameter stand.
func (p parameter) place(code apierr.Code) place { return place{code: code, path: p.name, query: true} }

// readQuery visits the parameters of a query string in order. Of a repeated name the last value stands at the first
// place; names that the route does not know are errors.
func readQuery(raw string, accepted []string, visit func(p parameter) *apierr.Error) *apierr.Error {
	var list []parameter
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		p := parameter{unescapeForm(name), unescapeForm(value)}
		if i := slices.IndexFunc(list, func(q parameter) bool { return q.name == p.name }); i >= 0 {
			list[i] = p
		} else {
			list = append(list, p)
		}
	}
	for _, p := range list {
		if !slices.Contains(accepted, p.name) {
			return place{code: apierr.BadRequest, query: true}.unknownKey(p.name, accepted)
		}
		if e := visit(p); e != nil {
			return e
		}
	}
	return nil
}

// unescapeForm decodes one part of a query string. What is not an escape stays as it is, and bytes that are not UTF-8
// become U+FFFD.
func unescapeForm(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 && utf8.ValidString(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '+' {
			c = ' '
		} else if c == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				c = byte(n)
				i += 2
			}
		}
		b = append(b, c)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// uint reads a positive integer of the given width, which may carry a plus sign.
func (p parameter) uint(code apierr.Code, bits int) (uint64, *apierr.Error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(p.value, "+"), 10, bits)
	if err != nil {
		return 0, p.notUint(code, p.value)
	}
	return n, nil
}

func (p parameter) notUint(code apierr.Code, value string) *apierr.Error {
	return p.place(code).invalid("could not parse `" + value + "` as a positive integer")
}

// count reads a positive integer that is bounded on the way, because no window is wider.
func (p parameter) count(code apierr.Code) (int, *apierr.Error) {
	n, e := p.uint(code, 64)
	return bounded(n), e
}

// maxWindow bounds offsets and limits.
const maxWindow = math.MaxInt32

// bounded cuts a number down to what fits an int on every machine.
func bounded(n uint64) int { return int(min(n, maxWindow)) } //nolint:gosec // bounded

func (p parameter) boolean(code apierr.Code) (bool, *apierr.Error) {
	switch p.value {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, p.place(code).invalid("could not parse `" + p.value + "` as a boolean, expected either `true` or `false`")
}

// Page is a window over a list.
type Page struct{ Offset, Limit int }

// defaultLimit is the length of a page of any list.
const defaultLimit = 20

// ParsePage reads offset and limit of a listing.
func ParsePage(query string, offsetCode, limitCode apierr.Code) (Page, *apierr.Error) {
	page := Page{Limit: defaultLimit}
	e := readQuery(query, []string{"offset", "limit"}, func(p parameter) (e *apierr.Error) {
		if p.name == "offset" {
			page.Offset, e = p.count(offsetCode)
		} else {
			page.Limit, e = p.count(limitCode)
		}
		return e
	})
	return page, e
}
