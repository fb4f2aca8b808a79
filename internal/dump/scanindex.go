package dump

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// index takes one of the files of an index.
func (s *scanner) index(f file) error {
	ix := s.indexes[f.index]
	if ix == nil {
		if len(s.indexes) == s.limits.Indexes {
			return ContentError{File: f.path, Reason: fmt.Sprintf("more than %d indexes", s.limits.Indexes)}
		}
		ix = &scannedIndex{}
		s.indexes[f.index] = ix
	}
	switch f.part {
	case partDocuments:
		ix.documents = true
		s.order = append(s.order, f.index)
		return s.documents(f, ix)
	case partIndexMetadata:
		b, err := s.small(f)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &ix.IndexMetadata); err != nil || ix.UID != f.index {
			return ContentError{File: f.path, Reason: "does not describe the index of its folder"}
		}
		ix.metadata = true
	default:
		b, err := s.small(f)
		if err != nil {
			return err
		}
		if !rawjson.Valid(b) || b[rawjson.Space(b, 0)] != '{' {
			return ContentError{File: f.path, Reason: "holds no settings"}
		}
		ix.Settings, ix.settings = b, true
	}
	return nil
}

func (s *scanner) documents(f file, ix *scannedIndex) error {
	const often = 4096 // documents between two reports
	l := s.archive.lines(f, s.lines, s.limits.Document)
	for {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			ix.Bytes = l.bytes
			return nil
		}
		if err != nil {
			return err
		}
		if line[0] != '{' {
			return l.wrong(0, "is no document")
		}
		if ix.Documents++; ix.Documents%often == 0 {
			s.report(s.archive.in.read)
		}
	}
}

// finish judges the archive as a whole.
func (s *scanner) finish() (*Summary, error) {
	if s.out.DumpVersion == "" {
		return nil, UnsupportedError{s.instead()}
	}
	for _, folder := range s.order {
		ix := s.indexes[folder]
		if !ix.metadata || !ix.settings {
			return nil, ContentError{File: folderIndexes + printable(folder), Reason: "lacks metadata.json or settings.json"}
		}
		if !meili.ValidIndexUID(ix.UID) {
			s.out.Aside.Internal = append(s.out.Aside.Internal, printable(ix.UID))
			continue
		}
		s.out.Indexes = append(s.out.Indexes, ix.Index)
	}
	for _, folder := range slices.Sorted(maps.Keys(s.indexes)) {
		if !s.indexes[folder].documents {
			return nil, ContentError{File: folderIndexes + printable(folder), Reason: "lacks documents.jsonl"}
		}
	}
	return s.out, nil
}

// instead names what an archive without metadata is.
func (s *scanner) instead() string {
	switch {
	case slices.Contains(s.strange, "VERSION"), slices.Contains(s.strange, "data.mdb"), slices.Contains(s.strange, "auth"):
		return "a snapshot, which only an instance of the same version can load"
	case slices.Contains(s.strange, "updates"), slices.Contains(s.strange, "index_uuids"):
		return "a dump of version 5 or older without its metadata"
	}
	return "an archive without metadata.json"
}
