package digest

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/zeebo/xxh3"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/sidecar/span"
)

// maxDepth is the nesting below which values are taken as they are written. Engines refuse documents of a quarter of it.
const maxDepth = 512

// Content stands for what clients wrote into a document, as an engine shows it. An error is span.ErrSyntax.
func Content(document []byte) (Hash, error) {
	fields, err := members(document)
	if err != nil {
		return Hash{}, err
	}
	var c canonical
	for _, f := range fields {
		if bytes.HasPrefix(f.name, reserved) && nodeapi.IsReserved(string(f.name)) {
			continue
		}
		if string(f.name) == "_vectors" && len(f.value) > 0 && f.value[0] == '{' {
			err = c.vectors(f)
		} else {
			c.text('k', f.name)
			err = c.value(f.value, 1)
		}
		if err != nil {
			return Hash{}, err
		}
	}
	return c.h.Sum128(), nil
}

var reserved = []byte(nodeapi.ReservedPrefix)

type field struct{ name, value []byte }

// members lists the members of an object by their names; of those that repeat the last one counts.
func members(object []byte) ([]field, error) {
	list := make([]field, 0, 16)
	err := span.Members(object, func(key, value []byte) error {
		name, err := span.Text(key)
		list = append(list, field{name, value})
		return err
	})
	slices.SortStableFunc(list, func(a, b field) int { return bytes.Compare(a.name, b.name) })
	kept := list[:0]
	for i, f := range list {
		if i+1 == len(list) || !bytes.Equal(f.name, list[i+1].name) {
			kept = append(kept, f)
		}
	}
	return kept, err
}

// canonical hashes JSON values in one form: members of objects by their names, numbers in their shortest writing, strings
// without escapes, no white space. What it writes is prefix-free, so no two values are written alike.
type canonical struct {
	h       xxh3.Hasher
	scratch []byte
}

func (c *canonical) text(tag byte, s []byte) {
	c.scratch = append(binary.AppendUvarint(append(c.scratch[:0], tag), uint64(len(s))), s...)
	_, _ = c.h.Write(c.scratch)
}

func (c *canonical) mark(tag byte) { _, _ = c.h.Write(append(c.scratch[:0], tag)) }

func (c *canonical) value(v []byte, depth int) error {
	if len(v) == 0 {
		return span.ErrSyntax
	}
	if depth > maxDepth {
		c.text('r', v)
		return nil
	}
	switch v[0] {
	case '{':
		fields, err := members(v)
		if err != nil {
			return err
		}
		c.mark('{')
		for _, f := range fields {
			c.text('k', f.name)
			if err := c.value(f.value, depth+1); err != nil {
				return err
			}
		}
		c.mark('}')
	case '[':
		c.mark('[')
		if err := span.Elements(v, func(one []byte) error { return c.value(one, depth+1) }); err != nil {
			return err
		}
		c.mark(']')
	case '"':
		s, err := span.Text(v)
		if err != nil {
			return err
		}
		c.text('s', s)
	default:
		c.scratch = shortest(append(c.scratch[:0], 'n'), v)
		_, _ = c.h.Write(append(c.scratch, 0))
	}
	return nil
}

// shortest appends a number as short as it can be written. Whole numbers are written the same as integers and as
// fractions; what is no number is appended as it is.
func shortest(dst, number []byte) []byte {
	if !bytes.ContainsAny(number, ".eE") && string(number) != "-0" {
		return append(dst, number...)
	}
	f, err := strconv.ParseFloat(string(number), 64)
	switch {
	case err != nil:
		return append(dst, number...)
	case f == math.Trunc(f) && math.Abs(f) < 1<<53:
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// vectors takes in the vectors that were given with the document; the others follow from it.
func (c *canonical) vectors(f field) error {
	embedders, err := members(f.value)
	if err != nil {
		return err
	}
	none := true
	for _, e := range embedders {
		made, err := regenerated(e.value)
		if err != nil {
			return err
		}
		if made {
			continue
		}
		if none {
			c.text('k', f.name)
			none = false
		}
		c.text('k', e.name)
		if err := c.value(e.value, 2); err != nil {
			return err
		}
	}
	return nil
}

// regenerated says whether the engine makes these vectors itself.
func regenerated(vectors []byte) (made bool, err error) {
	if len(vectors) == 0 || vectors[0] != '{' {
		return false, nil
	}
	err = span.Members(vectors, func(key, value []byte) error {
		made = made || string(key) == `"regenerate"` && string(value) == "true"
		return nil
	})
	return made, err
}
