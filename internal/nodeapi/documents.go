package nodeapi

import (
	"bytes"
	"errors"
	"strconv"
)

// DocumentsType is the content type of a document leg: one line per document, see AppendDocument.
const DocumentsType = "application/vnd.miroir.documents"

// ErrDocumentLine says that a line of a document leg is not framed as AppendDocument writes it.
var ErrDocumentLine = errors.New("malformed document line")

// Line is one document of a leg.
type Line struct {
	Shard    int
	Position uint64 // of the document in the client's payload, counted from 0
	ID       []byte // canonical
	Document []byte // the JSON object, without line feeds
}

// AppendDocument frames one document of a leg: shard and position in decimal with a dot between them, a tab, the
// canonical id, a tab, the JSON object on one line, a line feed. Ids never contain tabs or line feeds.
func AppendDocument(dst []byte, l Line) []byte {
	dst = strconv.AppendInt(dst, int64(l.Shard), 10)
	dst = append(dst, '.')
	dst = strconv.AppendUint(dst, l.Position, 10)
	dst = append(dst, '\t')
	dst = append(dst, l.ID...)
	dst = append(dst, '\t')
	dst = append(dst, l.Document...)
	return append(dst, '\n')
}

// SplitDocument undoes AppendDocument for one line without its line feed. ID and Document alias line. A line without a
// position, as senders wrote before there were stamps, has position 0.
func SplitDocument(line []byte) (Line, error) {
	var l Line
	head, rest, ok := bytes.Cut(line, []byte{'\t'})
	if !ok {
		return l, ErrDocumentLine
	}
	shard, position, placed := bytes.Cut(head, []byte{'.'})
	n, good := decimal(shard, 9)
	l.Shard = int(n) //nolint:gosec // nine digits
	if placed && good {
		l.Position, good = decimal(position, 15)
	}
	l.ID, l.Document, ok = bytes.Cut(rest, []byte{'\t'})
	if !good || !ok || len(l.ID) == 0 || len(l.Document) < 2 {
		return l, ErrDocumentLine
	}
	return l, nil
}

// decimal reads an unsigned number of at most so many digits.
func decimal(b []byte, most int) (n uint64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, len(b) > 0 && len(b) <= most
}
