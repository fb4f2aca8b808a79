package write

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// firstWindow is the size of a window in bytes as long as no document needs more.
const firstWindow = 64 << 10

// ErrBody wraps an error of the body's own reader: the payload could not be read to its end.
var ErrBody = errors.New("payload could not be read")

// window is the part of a stream that is being looked at. It holds whatever is needed to see one document whole, and
// knows at which line and column of the payload it stands.
type window struct {
	src  io.Reader
	buf  []byte // what was read and not given up
	at   int    // position in buf up to which everything was dealt with
	done bool   // nothing more comes
	gone int64  // bytes of the payload before buf[0]
	line int    // line of buf[0], from 1
	col  int    // bytes of that line before buf[0]
}

func newWindow(src io.Reader) *window {
	return &window{src: src, buf: make([]byte, 0, firstWindow), line: 1}
}

// rest is what lies before the window, not dealt with yet.
func (w *window) rest() []byte { return w.buf[w.at:] }

// more brings further bytes into the window, at least as many as are in it already, so that looking at a long document
// again and again costs no more than a multiple of its length. false at the end of the stream.
func (w *window) more() (bool, error) {
	w.forget()
	for had := len(w.buf); len(w.buf) < 2*had || len(w.buf) == had; {
		if w.done {
			return len(w.buf) > had, nil
		}
		if err := w.read(); err != nil {
			return false, err
		}
	}
	return true, nil
}

// forget gives up what was dealt with.
func (w *window) forget() {
	if w.at == 0 {
		return
	}
	line, col := rawjson.Position(w.buf, w.at)
	if line == 1 {
		col += w.col
	}
	w.line, w.col = w.line+line-1, col
	w.gone += int64(w.at)
	w.buf = w.buf[:copy(w.buf, w.buf[w.at:])]
	w.at = 0
}

// read reads once.
func (w *window) read() error {
	if len(w.buf) == cap(w.buf) {
		w.buf = append(make([]byte, 0, 2*cap(w.buf)), w.buf...)
	}
	for range 100 {
		n, err := w.src.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			w.done = true
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", ErrBody, err)
		case n > 0:
			return nil
		}
	}
	return fmt.Errorf("%w: %w", ErrBody, io.ErrNoProgress)
}

// token skips white space and gives the byte behind it; false at the end of the stream.
func (w *window) token() (byte, bool, error) {
	for {
		if w.at = rawjson.Space(w.buf, w.at); w.at < len(w.buf) {
			return w.buf[w.at], true, nil
		}
		if ok, err := w.more(); !ok {
			return 0, false, err
		}
	}
}

// all brings the whole rest of the stream into the window.
func (w *window) all() error {
	for {
		if ok, err := w.more(); !ok {
			return err
		}
	}
}

// drain reads the stream to its end without keeping anything.
func (w *window) drain() error {
	w.buf, w.at = w.buf[:0], 0
	for !w.done {
		if err := w.read(); err != nil {
			return err
		}
		w.buf = w.buf[:0]
	}
	return nil
}

// fault words what is wrong with the text, of which the byte before buf[at] showed it.
func (w *window) fault(reason rawjson.Reason, at int) error {
	line, col := rawjson.Position(w.buf, at)
	return w.placed(meili.NewJSONError(reason, line, col))
}

// placed moves an error's place in the window to its place in the payload.
func (w *window) placed(e *meili.JSONError) error {
	if e.Line == 1 {
		e.Column += w.col
	}
	e.Line += w.line - 1
	return e
}

// blank says whether the stream has no bytes at all.
func (w *window) blank() (bool, error) {
	if len(w.buf) == 0 {
		if ok, err := w.more(); !ok {
			return err == nil, err
		}
	}
	return false, nil
}

// countLines counts the line feeds of a text.
func countLines(b []byte) int { return bytes.Count(b, []byte{'\n'}) }
