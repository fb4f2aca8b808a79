package dump

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Cursor is a place in the documents of a dump. Archives do not change, so it means the same in every run.
type Cursor struct {
	Index string `json:"index"` // empty: before the first document
	Line  int64  `json:"line"`  // of the last document that was taken; lines count from 1
}

// Document is one document.
type Document struct {
	Cursor
	Raw []byte // a JSON object, unchecked, on one line; valid until the next call
}

// Documents hands over the documents of a dump, index by index in the order of the archive.
type Documents struct {
	limits  Limits
	archive *archive
	buffer  *bufio.Reader
	lines   *lines // of the file at hand, nil between files
	index   string
}

// OpenDocuments begins to read the documents of a dump that Scan found to be one.
func OpenDocuments(src io.Reader, l Limits) (*Documents, error) {
	a, err := open(src)
	if err != nil {
		return nil, err
	}
	return documents(a, l), nil
}

func documents(a *archive, l Limits) *Documents {
	return &Documents{limits: l.withDefaults(), archive: a, buffer: bufio.NewReaderSize(nil, lineBuffer)}
}

// Next is the next document; io.EOF after the last one.
func (d *Documents) Next() (Document, error) {
	for {
		if d.lines == nil {
			if err := d.nextFile(); err != nil {
				return Document{}, err
			}
		}
		line, err := d.lines.next()
		if errors.Is(err, io.EOF) {
			d.lines = nil
			continue
		}
		if err != nil {
			return Document{}, err
		}
		return Document{Cursor{d.index, d.lines.number}, line}, nil
	}
}

func (d *Documents) nextFile() error {
	for {
		f, err := d.archive.next()
		if err != nil {
			return err
		}
		if f.part == partDocuments {
			d.lines, d.index = d.archive.lines(f, d.buffer, d.limits.Document), f.index
			return nil
		}
	}
}

// SkipTo passes everything up to and including the document at the cursor. It must be called before Next.
func (d *Documents) SkipTo(c Cursor) error {
	if c.Index == "" {
		return nil
	}
	for {
		if err := d.nextFile(); err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("the dump has no documents of index %s", printable(c.Index))
			}
			return err
		}
		if d.index == c.Index {
			break
		}
	}
	for d.lines.number < c.Line {
		if _, err := d.lines.next(); err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("the dump has fewer documents of index %s than were read before", printable(c.Index))
			}
			return err
		}
	}
	return nil
}

// Offset is how many bytes of the compressed file were read.
func (d *Documents) Offset() int64 { return d.archive.in.read }

// Fail is an error about a document, by its file and line.
func (c Cursor) Fail(reason string) error {
	return ContentError{File: folderIndexes + c.Index + "/" + nameDocuments, Line: c.Line, Reason: reason}
}
