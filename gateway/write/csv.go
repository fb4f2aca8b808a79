package write

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
)

// column is one column of a CSV payload: `name`, or `name:type` with the types string, number and boolean.
type column struct {
	key  []byte // the JSON key with its quotes and colon
	kind string
}

func columnOf(header string) column {
	name, kind := header, "string"
	if i := strings.LastIndexByte(header, ':'); i >= 0 {
		switch header[i+1:] {
		case "string", "number", "boolean":
			name, kind = header[:i], header[i+1:]
		}
	}
	return column{append(quote(name), ':'), kind}
}

// quote writes a JSON string without HTML escapes.
func quote(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // strings always encode
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// cutCSV makes a JSON object of every record, as Meilisearch does: empty cells are null, typed cells are converted.
func (f Format) cutCSV(payload []byte, visit func([]byte)) *apierr.Error {
	if len(bytes.TrimSpace(payload)) == 0 {
		return f.missing()
	}
	r := csv.NewReader(bytes.NewReader(payload))
	r.Comma = rune(f.delimiter)
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return malformedCSV(err.Error())
	}
	columns := make([]column, len(header))
	for i, h := range header {
		columns[i] = columnOf(h)
	}
	for n := 1; ; n++ {
		start := r.InputOffset()
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return malformedCSV(err.Error())
		}
		if len(record) != len(columns) {
			line, _ := r.FieldPos(0)
			return malformedCSV("CSV error: record " + strconv.Itoa(n) + " (line: " + strconv.Itoa(line) + ", byte: " +
				strconv.FormatInt(start, 10) + "): found record with " + strconv.Itoa(len(record)) +
				" fields, but the previous record has " + strconv.Itoa(len(columns)) + " fields")
		}
		document, e := objectOf(columns, record, n)
		if e != nil {
			return e
		}
		visit(document)
	}
}

func malformedCSV(reason string) *apierr.Error {
	return apierr.New(apierr.MalformedPayload, "The `csv` payload provided is malformed: `%s`.", reason)
}

func objectOf(columns []column, record []string, n int) ([]byte, *apierr.Error) {
	out := []byte{'{'}
	for i, cell := range record {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, columns[i].key...)
		value, e := cellOf(columns[i].kind, cell, n)
		if e != nil {
			return nil, e
		}
		out = append(out, value...)
	}
	return append(out, '}'), nil
}

func cellOf(kind, cell string, n int) ([]byte, *apierr.Error) {
	switch trimmed := strings.TrimSpace(cell); kind {
	case "number":
		if trimmed == "" {
			return []byte("null"), nil
		}
		if i, err := strconv.ParseInt(trimmed, 10, 64); err == nil {
			return strconv.AppendInt(nil, i, 10), nil
		}
		v, err := strconv.ParseFloat(trimmed, 64)
		if err != nil {
			return nil, malformedCSV("Error parsing number \"" + cell + "\" at line " + strconv.Itoa(n) + ": invalid float literal")
		}
		b, err := json.Marshal(v)
		if err != nil {
			return nil, malformedCSV("Error parsing number \"" + cell + "\" at line " + strconv.Itoa(n) + ": not a finite number")
		}
		return b, nil
	case "boolean":
		switch trimmed {
		case "":
			return []byte("null"), nil
		case "true", "false":
			return []byte(trimmed), nil
		}
		return nil, malformedCSV("Error parsing boolean \"" + cell + "\" at line " + strconv.Itoa(n) +
			": provided string was not `true` or `false`")
	}
	if cell == "" {
		return []byte("null"), nil
	}
	return quote(cell), nil
}
