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

// AppendDocument frames one document of a leg: the shard in decimal, a tab, the canonical id, a tab, the JSON object
// on one line, a line feed. Neither id nor document may contain a line feed; ids never contain tabs.
func AppendDocument(dst []byte, shard int, id, document []byte) []byte {
	dst = strconv.AppendInt(dst, int64(shard), 10)
	dst = append(dst, '\t')
	dst = append(dst, id...)
	dst = append(dst, '\t')
	dst = append(dst, document...)
	return append(dst, '\n')
}

// SplitDocument undoes AppendDocument for one line without its line feed. id and document alias line.
func SplitDocument(line []byte) (shard int, id, document []byte, err error) {
	head, rest, ok := bytes.Cut(line, []byte{'\t'})
	if !ok {
		return 0, nil, nil, ErrDocumentLine
	}
	shard, err = strconv.Atoi(string(head))
	if err != nil || shard < 0 {
		return 0, nil, nil, ErrDocumentLine
	}
	id, document, ok = bytes.Cut(rest, []byte{'\t'})
	if !ok || len(id) == 0 || len(document) < 2 {
		return 0, nil, nil, ErrDocumentLine
	}
	return shard, id, document, nil
}
