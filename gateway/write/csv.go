package write

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// column is one column of a CSV payload: `name`, or `name:type` with the types string, number and boolean. Columns of the
// same name fill the same member; the last one counts.
type column struct {
	member int
	kind   string
}

// table makes JSON objects of records.
type table struct {
	columns []column
	keys    [][]byte // the JSON keys of the members with their colons
	values  [][]byte
	out     []byte
}

func newTable(header *csvReader) *table {
	t := &table{}
	var names []string
	for i := range header.ends {
		name, kind := columnOf(string(header.cellAt(i)))
		at := slices.Index(names, name)
		if at < 0 {
			at = len(names)
			names = append(names, name)
			t.keys = append(t.keys, append(rawjson.AppendQuoted(nil, name), ':'))
		}
		t.columns = append(t.columns, column{at, kind})
	}
	t.values = make([][]byte, len(names))
	return t
}

func columnOf(header string) (name, kind string) {
	if i := strings.LastIndexByte(header, ':'); i >= 0 {
		switch header[i+1:] {
		case "string", "number", "boolean":
			return header[:i], header[i+1:]
		}
	}
	return header, "string"
}

// cutCSV makes a document of every record behind the header.
func (f Format) cutCSV(w *window, visit func(document) error) error {
	r, err := newCSVReader(w, f.delimiter)
	if err != nil {
		return err
	}
	if ok, err := r.next(); !ok || err != nil {
		return err
	}
	t := newTable(r)
	var members []rawjson.Member
	for {
		if ok, err := r.next(); !ok || err != nil {
			return err
		}
		raw, err := t.object(r)
		if err != nil {
			return err
		}
		o := rawjson.ScanObject(raw, 0, members[:0])
		members = o.Members
		if err := visit(document{raw: raw, members: o.Members}); err != nil {
			return err
		}
	}
}

// object is the record at hand as a JSON object, valid until the next one.
func (t *table) object(r *csvReader) ([]byte, error) {
	for i, c := range t.columns {
		var err error
		if t.values[c.member], err = appendCell(t.values[c.member][:0], c.kind, r.cellAt(i), r.record); err != nil {
			return nil, err
		}
	}
	t.out = append(t.out[:0], '{')
	for i, key := range t.keys {
		if i > 0 {
			t.out = append(t.out, ',')
		}
		t.out = append(append(t.out, key...), t.values[i]...)
	}
	t.out = append(t.out, '}')
	return t.out, nil
}

// appendCell writes a cell as a JSON value: nothing is null, typed cells are converted.
func appendCell(dst []byte, kind string, cell []byte, record int) ([]byte, error) {
	trimmed := cell
	if kind != "string" {
		trimmed = bytes.TrimSpace(cell)
	}
	if len(trimmed) == 0 {
		return append(dst, "null"...), nil
	}
	switch kind {
	case "number":
		return appendNumber(dst, string(trimmed), string(cell), record)
	case "boolean":
		if s := string(trimmed); s == "true" || s == "false" {
			return append(dst, s...), nil
		}
		return nil, malformedCSV("Error parsing boolean %s at line %d: provided string was not `true` or `false`",
			meili.QuoteDebug(string(cell)), record)
	}
	return rawjson.AppendQuoted(dst, string(cell)), nil
}

// appendNumber writes an integer if it is one of 64 bits, and else a float. What no JSON number can say is null.
func appendNumber(dst []byte, text, cell string, record int) ([]byte, error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.AppendInt(dst, i, 10), nil
	}
	switch strings.ToLower(strings.TrimLeft(text[:1], "+-") + text[1:]) {
	case "nan", "inf", "infinity":
		return append(dst, "null"...), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || strings.ContainsAny(text, "_xXpP") {
		return nil, malformedCSV("Error parsing number %s at line %d: invalid float literal", meili.QuoteDebug(cell), record)
	}
	if math.IsInf(v, 0) {
		return append(dst, "null"...), nil
	}
	return meili.AppendFloat(dst, v), nil
}
