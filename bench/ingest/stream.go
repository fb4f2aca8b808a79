package ingest

import (
	"io"
	"strconv"
)

// Stream is a body of made-up documents in a format, of at least size bytes. It is made while it is read, so that its size costs
// no memory.
func Stream(format string, size int64) (body io.Reader, contentType string) {
	s := &stream{format: format, left: size}
	switch format {
	case JSON:
		s.block = append(s.block, '[')
		return s, "application/json"
	case CSV:
		s.block = append(s.block, "id:number,title,overview,year:number\n"...)
		return s, "text/csv"
	}
	return s, "application/x-ndjson"
}

// stream makes documents in blocks.
type stream struct {
	format string
	left   int64 // bytes of documents that are still to be made
	id     int64
	block  []byte
	at     int // of the block, what was read
	over   bool
}

// streamBlock is what is made at once.
const streamBlock = 64 << 10

// streamText makes a document some 300 bytes long, which is what entries of a catalog have.
const streamText = "A river, a town and the people who left it years ago; what they find when they come back is told by a boatman who has seen " +
	"everything twice and believes none of it. With a map, two songs and a list of all names."

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if s.at == len(s.block) {
		if s.over {
			return 0, io.EOF
		}
		s.block, s.at = s.block[:0], 0
	}
	for !s.over && len(s.block) < streamBlock {
		before := len(s.block)
		s.document()
		if s.left -= int64(len(s.block) - before); s.left <= 0 {
			s.over = true
			if s.format == JSON {
				s.block = append(s.block, ']')
			}
		}
	}
	n := copy(p, s.block[s.at:])
	s.at += n
	return n, nil
}

func (s *stream) document() {
	s.id++
	b := s.block
	if s.format == CSV {
		b = strconv.AppendInt(b, s.id, 10)
		b = append(b, `,River,"`...)
		b = append(b, streamText...)
		b = append(b, "\",2001\n"...)
		s.block = b
		return
	}
	if s.format == JSON && s.id > 1 {
		b = append(b, ',')
	}
	b = append(b, `{"id":`...)
	b = strconv.AppendInt(b, s.id, 10)
	b = append(b, `,"title":"River","overview":"`...)
	b = append(b, streamText...)
	b = append(b, `","genres":["Drama","Comedy"],"year":2001}`...)
	if s.format != JSON {
		b = append(b, '\n')
	}
	s.block = b
}
