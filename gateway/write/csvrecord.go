package write

import (
	"bytes"
	"unicode/utf8"

	"github.com/miroir-search/miroir/internal/apierr"
)

// csvReader reads the records of CSV as Meilisearch does: a quote counts only at the beginning of a cell, what follows a
// closing quote belongs to the cell as it stands, a cell whose quote is never closed ends with the payload, records end
// with any of \n, \r and \r\n, and lines with nothing on them are none.
type csvReader struct {
	*window
	delimiter byte
	record    int // number of the record at hand, the header is 0
	line      int // line feeds that were passed, plus 1
	cells     []byte
	ends      []int // of every cell in cells
	// Place of the record at hand: where reading began, which is before lines with nothing on them.
	startLine int
	startByte int64
	width     int // cells of the header
}

// byteMark may stand before the first record.
var byteMark = []byte("\uFEFF")

func newCSVReader(w *window, delimiter byte) (*csvReader, error) {
	for len(w.buf) < len(byteMark) && !w.done {
		if _, err := w.more(); err != nil {
			return nil, err
		}
	}
	if bytes.HasPrefix(w.buf, byteMark) {
		w.at = len(byteMark)
	}
	return &csvReader{window: w, delimiter: delimiter, record: -1, line: 1, startLine: 1}, nil
}

// peek is the next byte; false at the end of the payload.
func (r *csvReader) peek() (byte, bool, error) {
	for r.at == len(r.buf) {
		if ok, err := r.more(); !ok {
			return 0, false, err
		}
	}
	return r.buf[r.at], true, nil
}

// next reads the next record; false at the end of the payload.
func (r *csvReader) next() (bool, error) {
	r.cells, r.ends = r.cells[:0], r.ends[:0]
	if r.record++; r.record > 0 {
		r.startLine, r.startByte = r.line, r.gone+int64(r.at)
	}
	for {
		c, ok, err := r.peek()
		if !ok {
			return false, err
		}
		if c != '\n' && c != '\r' {
			break
		}
		r.pass(c)
	}
	for more := true; more; {
		var err error
		if more, err = r.cell(); err != nil {
			return false, err
		}
		r.ends = append(r.ends, len(r.cells))
	}
	return true, r.check()
}

// pass goes behind the byte at hand.
func (r *csvReader) pass(c byte) {
	if c == '\n' {
		r.line++
	}
	r.at++
}

// cell reads a cell and what ends it, and says whether another one follows.
func (r *csvReader) cell() (more bool, err error) {
	c, ok, err := r.peek()
	if ok && c == '"' {
		r.at++
		if err = r.quoted(); err != nil {
			return false, err
		}
	}
	for err == nil {
		if c, ok, err = r.peek(); !ok {
			break
		}
		if c == r.delimiter || c == '\n' || c == '\r' {
			r.pass(c)
			return c == r.delimiter, nil
		}
		end := r.at + 1
		for end < len(r.buf) && r.buf[end] != r.delimiter && r.buf[end] != '\n' && r.buf[end] != '\r' {
			end++
		}
		r.cells = append(r.cells, r.buf[r.at:end]...)
		r.at = end
	}
	return false, err
}

// quoted reads the quoted part of a cell behind its first quote.
func (r *csvReader) quoted() error {
	for {
		if _, ok, err := r.peek(); !ok {
			return err
		}
		rest := r.rest()
		end := bytes.IndexByte(rest, '"')
		if end < 0 {
			end = len(rest)
		}
		r.cells = append(r.cells, rest[:end]...)
		r.line += countLines(rest[:end])
		if r.at += end; end == len(rest) {
			continue
		}
		r.at++
		if c, ok, err := r.peek(); err != nil || !ok || c != '"' {
			return err
		}
		r.cells = append(r.cells, '"')
		r.at++
	}
}

// check refuses a record that has not as many cells as the header, or a cell that is not UTF-8.
func (r *csvReader) check() error {
	if r.record == 0 {
		r.width = len(r.ends)
	}
	if len(r.ends) != r.width {
		return malformedCSV("CSV error: record %d (line: %d, byte: %d): found record with %d fields, but the previous record has %d fields",
			r.record, r.startLine, r.startByte, len(r.ends), r.width)
	}
	if utf8.Valid(r.cells) {
		return nil
	}
	for i := range r.ends {
		cell := r.cellAt(i)
		for n := 0; n < len(cell); {
			c, size := utf8.DecodeRune(cell[n:])
			if c == utf8.RuneError && size == 1 {
				return malformedCSV("CSV parse error: record %d (line %d, field: %d, byte: %d): invalid utf-8: invalid UTF-8 in field %d near byte index %d",
					r.record, r.startLine, i, r.startByte, i, n)
			}
			n += size
		}
	}
	return nil // parts of one letter stand in two cells: each of them was refused above
}

// cellAt is the i-th cell of the record at hand.
func (r *csvReader) cellAt(i int) []byte {
	from := 0
	if i > 0 {
		from = r.ends[i-1]
	}
	return r.cells[from:r.ends[i]]
}

func malformedCSV(format string, args ...any) *apierr.Error {
	return apierr.New(apierr.MalformedPayload, "The `csv` payload provided is malformed: `"+format+"`.", args...)
}
