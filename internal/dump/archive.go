package dump

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// UnsupportedError says that the file is something else than a dump of version 6.
type UnsupportedError struct{ Variant string }

// Error implements error.
func (e UnsupportedError) Error() string {
	return "not a Meilisearch dump of version 6 but " + e.Variant
}

// DamagedError says that the archive can not be read on.
type DamagedError struct {
	Offset int64 // bytes of the compressed file that were read
	Cause  error
}

// Error implements error.
func (e DamagedError) Error() string {
	if errors.Is(e.Cause, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("the dump is cut off after byte %d", e.Offset)
	}
	return fmt.Sprintf("the dump is damaged before byte %d: %v", e.Offset, e.Cause)
}

// Unwrap implements errors.Unwrap.
func (e DamagedError) Unwrap() error { return e.Cause }

// ContentError says that a file of the dump does not hold what it should.
type ContentError struct {
	File   string
	Line   int64 // 0 when the file is no list
	Reason string
}

// Error implements error.
func (e ContentError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s, line %d: %s", e.File, e.Line, e.Reason)
	}
	return fmt.Sprintf("%s: %s", e.File, e.Reason)
}

// counter counts what was read of the compressed file.
type counter struct {
	src  io.Reader
	read int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.read += int64(n)
	return n, err
}

// file is one regular file of the archive; its content is read from the archive.
type file struct {
	path  string
	part  part
	index string // name of the folder, for files of an index
	size  int64
}

// archive walks the files of a dump in their order.
type archive struct {
	in  *counter
	buf *bufio.Reader
	raw io.Reader // the tar archive, uncompressed
	tar *tar.Reader

	began bool // the archive has an entry
}

const (
	readBuffer = 256 << 10
	sniffed    = 512
)

// open begins to read a dump.
func open(src io.Reader) (*archive, error) {
	a := &archive{in: &counter{src: src}}
	a.buf = bufio.NewReaderSize(a.in, readBuffer)
	head, err := a.buf.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read dump: %w", err)
	}
	if what := otherThanGzip(head); what != "" {
		return nil, UnsupportedError{what}
	}
	gz, err := gzip.NewReader(a.buf)
	if err != nil {
		return nil, a.damaged(err)
	}
	a.raw, a.tar = gz, tar.NewReader(gz)
	return a, nil
}

// otherThanGzip names what a file is by its first bytes; empty for a gzip stream.
func otherThanGzip(head []byte) string {
	for _, known := range []struct {
		at    int
		magic string
		what  string
	}{
		{257, "ustar", "a tar archive that is not compressed"},
		{0, "\x28\xb5\x2f\xfd", "a file compressed with zstd"},
		{0, "PK\x03\x04", "a zip archive"},
		{0, "BZh", "a file compressed with bzip2"},
		{0, "\xfd7zXZ\x00", "a file compressed with xz"},
		{0, "\x04\x22\x4d\x18", "a file compressed with lz4"},
	} {
		if len(head) >= known.at && bytes.HasPrefix(head[known.at:], []byte(known.magic)) {
			return known.what
		}
	}
	switch {
	case len(head) == 0:
		return "an empty file"
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return ""
	case bytes.ContainsAny(firstOf(head), "{["):
		return "a JSON text"
	}
	return "a file that is not compressed with gzip"
}

// firstOf is the first byte that is no white space.
func firstOf(head []byte) []byte {
	text := bytes.TrimLeft(head, " \t\r\n\xef\xbb\xbf")
	return text[:min(1, len(text))]
}

// next is the next regular file; io.EOF after the last one. Of the stream nothing is left unread then, so that its
// checksum has been compared.
func (a *archive) next() (file, error) {
	for {
		h, err := a.tar.Next()
		if errors.Is(err, io.EOF) {
			return file{}, a.finish()
		}
		if errors.Is(err, tar.ErrHeader) && !a.began {
			return file{}, UnsupportedError{"a compressed file that is no tar archive"}
		}
		if err != nil {
			return file{}, a.damaged(err)
		}
		a.began = true
		if h.Typeflag != tar.TypeReg {
			continue
		}
		f := file{path: strings.TrimPrefix(path.Clean("/"+h.Name), "/"), size: h.Size}
		f.part, f.index = partOf(f.path)
		return f, nil
	}
}

// finish reads what stands behind the end of the archive, which is padding.
func (a *archive) finish() error {
	if _, err := io.Copy(io.Discard, a.raw); err != nil {
		return a.damaged(err)
	}
	return io.EOF
}

func (a *archive) damaged(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return DamagedError{Offset: a.in.read - int64(a.buf.Buffered()), Cause: err}
}

// whole reads a small file.
func (a *archive) whole(f file, limit int) ([]byte, error) {
	if f.size > int64(limit) {
		return nil, ContentError{File: f.path, Reason: fmt.Sprintf("larger than %d bytes", limit)}
	}
	b := make([]byte, f.size)
	if _, err := io.ReadFull(a.tar, b); err != nil {
		return nil, a.damaged(err)
	}
	return b, nil
}
