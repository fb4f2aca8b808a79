package dump

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// lines reads a file of the archive line by line.
type lines struct {
	archive *archive
	file    file
	src     *bufio.Reader
	limit   int
	number  int64
	bytes   int64
	long    []byte // a line longer than the buffer
}

func (a *archive) lines(f file, buffer *bufio.Reader, limit int) *lines {
	buffer.Reset(a.tar)
	return &lines{archive: a, file: f, src: buffer, limit: limit}
}

// next is the next line that is not blank, without white space around it, valid until the next call; io.EOF at the end.
// The last line may lack its line feed.
func (l *lines) next() ([]byte, error) {
	for {
		line, err := l.read()
		if err != nil {
			return nil, err
		}
		l.number++
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

func (l *lines) read() ([]byte, error) {
	part, err := l.src.ReadSlice('\n')
	l.bytes += int64(len(part))
	if err == nil && len(part) <= l.limit {
		return part, nil
	}
	l.long = l.long[:0]
	for errors.Is(err, bufio.ErrBufferFull) {
		if l.long = append(l.long, part...); len(l.long) > l.limit {
			return nil, l.wrong(1, fmt.Sprintf("longer than %d bytes", l.limit))
		}
		part, err = l.src.ReadSlice('\n')
		l.bytes += int64(len(part))
	}
	if l.long = append(l.long, part...); len(l.long) > l.limit {
		return nil, l.wrong(1, fmt.Sprintf("longer than %d bytes", l.limit))
	}
	switch {
	case err == nil, errors.Is(err, io.EOF) && len(l.long) > 0:
		return l.long, nil
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	}
	return nil, l.archive.damaged(err)
}

// wrong is an error about the current line, or with ahead about one that comes after it.
func (l *lines) wrong(ahead int64, reason string) error {
	return ContentError{File: l.file.path, Line: l.number + ahead, Reason: reason}
}
