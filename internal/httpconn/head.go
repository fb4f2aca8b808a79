package httpconn

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// maxHeaders bounds the headers of an answer.
const maxHeaders = 100

// head is what the status line and the headers of an answer say.
type head struct {
	status      int
	length      int64 // -1 when it is not told
	chunked     bool
	close       bool
	contentType string
	retryAfter  string
	note        string
}

// bodiless says whether an answer with this status has no body, whatever its headers say (RFC 9112, section 6.3).
func (h *head) bodiless() bool {
	return h.status == http.StatusNoContent || h.status == http.StatusNotModified
}

// readHead reads a head. note is the name of one more header to keep, empty for none, and last what its value was before: the
// same one takes no memory.
func readHead(in *bufio.Reader, note, last string) (head, error) {
	h := head{length: -1}
	line, err := readLine(in)
	if err != nil {
		return h, err
	}
	if h.status, err = parseStatus(line); err != nil {
		return h, err
	}
	for range maxHeaders {
		line, err := readLine(in)
		if err != nil {
			return h, unexpected(err)
		}
		if len(line) == 0 {
			if h.chunked && h.length >= 0 {
				return h, fmt.Errorf("answer with two lengths: %w", errMalformed)
			}
			return h, nil
		}
		if err := h.take(line, note, last); err != nil {
			return h, err
		}
	}
	return h, fmt.Errorf("answer with too many headers: %w", errMalformed)
}

// parseStatus reads "HTTP/1.1 200 OK". Interim answers (1xx) are not asked for and not understood.
func parseStatus(line []byte) (int, error) {
	rest, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if ok && len(rest) >= 3 && (len(rest) == 3 || rest[3] == ' ') {
		status := 0
		for _, c := range rest[:3] {
			if c < '0' || c > '9' {
				status = 0
				break
			}
			status = 10*status + int(c-'0')
		}
		if status >= http.StatusOK {
			return status, nil
		}
	}
	return 0, fmt.Errorf("status line: %w", errMalformed)
}

var (
	nameLength     = []byte("content-length")
	nameEncoding   = []byte("transfer-encoding")
	nameConnection = []byte("connection")
	nameType       = []byte("content-type")
	nameRetry      = []byte("retry-after")
	valueChunked   = []byte("chunked")
	valueClose     = []byte("close")
)

const typeJSON = "application/json"

// take looks at one header line.
func (h *head) take(line []byte, note, last string) error {
	name, value, err := field(line)
	if err != nil {
		return err
	}
	switch {
	case bytes.EqualFold(name, nameLength):
		n, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil || h.length >= 0 {
			return fmt.Errorf("content length: %w", errMalformed)
		}
		h.length = int64(n) //nolint:gosec // 63 bits
	case bytes.EqualFold(name, nameEncoding):
		if h.chunked || !bytes.EqualFold(value, valueChunked) {
			return fmt.Errorf("transfer encoding: %w", errMalformed)
		}
		h.chunked = true
	case bytes.EqualFold(name, nameConnection):
		h.close = h.close || bytes.EqualFold(value, valueClose)
	case bytes.EqualFold(name, nameType):
		h.contentType = typeJSON // what nearly all answers are takes no memory
		if string(value) != typeJSON {
			h.contentType = string(value)
		}
	case bytes.EqualFold(name, nameRetry):
		h.retryAfter = string(value)
	case len(name) == len(note) && strings.EqualFold(string(name), note):
		if h.note = last; string(value) != last {
			h.note = string(value)
		}
	}
	return nil
}

// field cuts a header line.
func field(line []byte) (name, value []byte, err error) {
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok || !token(name) {
		return nil, nil, fmt.Errorf("header line: %w", errMalformed)
	}
	value = bytes.Trim(value, " \t")
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7F {
			return nil, nil, fmt.Errorf("header value: %w", errMalformed)
		}
	}
	return name, value, nil
}

// token says whether a header name is one (RFC 9110, section 5.6.2).
func token(name []byte) bool {
	for _, c := range name {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && bytes.IndexByte(marks, c) < 0 {
			return false
		}
	}
	return len(name) > 0
}

var lineEnd = []byte("\r\n")

var marks = []byte("!#$%&'*+-.^_`|~")

// readLine reads one line without its end. It is valid until the next read. A line that exceeds the buffer is malformed.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("line too long: %w", errMalformed)
	}
	if err != nil {
		return nil, err
	}
	line, ok := bytes.CutSuffix(line, lineEnd)
	if !ok {
		return nil, fmt.Errorf("end of line: %w", errMalformed)
	}
	return line, nil
}
