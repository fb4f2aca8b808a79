package meili

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// reader checks a value and writes it the way Meilisearch shows it in task details: members in their fixed order, sets
// sorted, everything that was not given left out.
type reader func(v node, p place) ([]byte, *apierr.Error)

// canonField is one member of an object.
type canonField struct {
	name     string
	read     reader
	required bool
}

// canonString copies a string; canonBool, canonUint and canonNonZero do so for other scalars.
func canonString(v node, p place) ([]byte, *apierr.Error) {
	s, e := v.str(p)
	return rawjson.AppendQuoted(nil, s), e
}

func canonBool(v node, p place) ([]byte, *apierr.Error) {
	b, e := v.boolean(p)
	return strconv.AppendBool(nil, b), e
}

func canonUint(limit uint64) reader {
	return func(v node, p place) ([]byte, *apierr.Error) {
		n, e := v.uint(p, limit)
		return strconv.AppendUint(nil, n, 10), e
	}
}

func canonNonZero(v node, p place) ([]byte, *apierr.Error) {
	n, e := v.nonZero(p)
	return strconv.AppendUint(nil, n, 10), e
}

func canonAnything(v node, _ place) ([]byte, *apierr.Error) { return appendSerde(nil, v), nil }

func canonOneOf(accepted ...string) reader {
	return func(v node, p place) ([]byte, *apierr.Error) {
		s, e := v.oneOf(p, accepted)
		return rawjson.AppendQuoted(nil, s), e
	}
}

// canonStrings copies a list of strings, canonSet sorts it and drops repetitions.
func canonStrings(v node, p place) ([]byte, *apierr.Error) {
	list, e := v.strings(p)
	return appendStrings(nil, list), e
}

func canonSet(v node, p place) ([]byte, *apierr.Error) {
	list, e := v.strings(p)
	slices.Sort(list)
	return appendStrings(nil, slices.Compact(list)), e
}

// canonList copies an array of anything.
func canonList(read reader) reader {
	return func(v node, p place) ([]byte, *apierr.Error) {
		out := []byte{'['}
		e := v.array(p, func(p place, v node) *apierr.Error {
			b, e := read(v, p)
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, b...)
			return e
		})
		return append(out, ']'), e
	}
}

// canonMap copies an object with any keys, sorted by them.
func canonMap(read reader) reader {
	return func(v node, p place) ([]byte, *apierr.Error) {
		if v[0] != '{' {
			return nil, p.wrongType("an object", v)
		}
		list := v.members()
		for i, m := range list {
			b, e := read(m.value, p.key(m.name, ""))
			if e != nil {
				return nil, e
			}
			list[i].value = b
		}
		slices.SortFunc(list, func(a, b member) int { return cmp.Compare(a.name, b.name) })
		return appendObject(nil, list), nil
	}
}

// canonNullable lets null through, which resets a member to its default.
func canonNullable(read reader) reader {
	return func(v node, p place) ([]byte, *apierr.Error) {
		if v.isNull() {
			return []byte("null"), nil
		}
		return read(v, p)
	}
}

// canonObject copies an object with known members, in their fixed order. finish may look at the whole.
func canonObject(fields []canonField, finish func(members []member, p place) *apierr.Error) reader {
	names := canonNames(fields)
	return func(v node, p place) ([]byte, *apierr.Error) {
		values := make([][]byte, len(fields))
		e := v.object(p, names, func(name string, v node) (e *apierr.Error) {
			i := slices.Index(names, name)
			values[i], e = fields[i].read(v, p.key(name, ""))
			return e
		})
		if e != nil {
			return nil, e
		}
		var list []member
		for i, f := range fields {
			switch {
			case values[i] != nil:
				list = append(list, member{f.name, values[i]})
			case f.required:
				return nil, p.missing(f.name)
			}
		}
		if finish != nil {
			if e := finish(list, p); e != nil {
				return nil, e
			}
		}
		return appendObject(nil, list), nil
	}
}

// appendObject writes members in their order.
func appendObject(dst []byte, list []member) []byte {
	dst = append(dst, '{')
	for i, m := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(rawjson.AppendQuoted(dst, m.name), ':')
		dst = append(dst, m.value...)
	}
	return append(dst, '}')
}

// get is the value of a member, nil when it is not there.
func get(list []member, name string) node {
	for _, m := range list {
		if m.name == name {
			return m.value
		}
	}
	return nil
}
