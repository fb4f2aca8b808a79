package transfer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// errResults says that an answer of the engine is no list of documents.
var errResults = errors.New("engine answer is no list of documents")

const resultsHead = `{"results":[`

// eachResult visits the documents of an engine's answer while it comes, so that a long one is never held as a whole. It
// goes by braces and quotes, for the engine writes valid JSON; visit may keep nothing of a document.
func eachResult(answer io.Reader, visit func(document []byte) error) error {
	r := bufio.NewReaderSize(io.LimitReader(answer, maxFetch), 64<<10)
	for _, want := range []byte(resultsHead) {
		if got, err := r.ReadByte(); err != nil || got != want {
			return errors.Join(errResults, err)
		}
	}
	var document []byte
	depth, quoted, escaped := 0, false, false
	for {
		c, err := r.ReadByte()
		if err != nil {
			return fmt.Errorf("read documents: %w", err)
		}
		if depth == 0 {
			switch c {
			case '{':
			case ',':
				continue
			case ']':
				_, err := io.Copy(io.Discard, r) // the rest must come, or the answer was cut off
				return err
			default:
				return errResults
			}
		}
		document = append(document, c)
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				if err := visit(document); err != nil {
					return err
				}
				document = document[:0]
			}
		}
	}
}
