package dump

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// Summary is everything a dump holds but its documents.
type Summary struct {
	Metadata
	Indexes []Index `json:"indexes"` // in the order of their documents in the archive
	Keys    []Key   `json:"keys"`
	// Features are the experimental features as the dump has them; empty when it says nothing.
	Features json.RawMessage `json:"features,omitempty"`
	// Aside lists what a dump may hold beside indexes and keys.
	Aside Aside `json:"aside"`
}

// Aside counts what belongs to the one instance that was dumped, or to nothing that an API could take.
type Aside struct {
	Tasks    int64    `json:"tasks"`    // finished or not
	Enqueued int64    `json:"enqueued"` // files of additions that the instance had not carried out yet
	Batches  int64    `json:"batches"`
	Webhooks int      `json:"webhooks"`
	Remotes  int      `json:"remotes"` // other instances of its network
	Chats    int      `json:"chats"`   // workspaces with settings
	Instance bool     `json:"instance_uid"`
	Internal []string `json:"internal"` // indexes whose names no client can use
	Unknown  []string `json:"unknown"`  // files that this program does not know, the first few
}

// maxUnknown bounds Aside.Unknown.
const maxUnknown = 20

// scanner is one scan under way.
type scanner struct {
	limits  Limits
	archive *archive
	lines   *bufio.Reader
	out     *Summary
	kept    int
	indexes map[string]*scannedIndex // by folder
	order   []string                 // of folders, by their documents
	seen    map[string]bool
	strange []string // top-level names, to tell what the archive is instead
	report  func(bytes int64)
}

// scannedIndex is what is known so far.
type scannedIndex struct {
	Index
	metadata, settings, documents bool
}

const lineBuffer = 64 << 10

// Scan reads a whole dump, checks it, and returns what is in it. progress, which may be nil, is told from time to time
// how many bytes of the file were read. Documents are counted and not looked into.
func Scan(src io.Reader, l Limits, progress func(bytes int64)) (*Summary, error) {
	a, err := open(src)
	if err != nil {
		return nil, err
	}
	return scan(a, l, progress)
}

func scan(a *archive, l Limits, progress func(bytes int64)) (*Summary, error) {
	if progress == nil {
		progress = func(int64) {}
	}
	s := &scanner{
		limits: l.withDefaults(), archive: a, lines: bufio.NewReaderSize(nil, lineBuffer), out: &Summary{},
		indexes: map[string]*scannedIndex{}, seen: map[string]bool{}, report: progress,
	}
	for {
		f, err := a.next()
		if errors.Is(err, io.EOF) {
			return s.finish()
		}
		if err != nil {
			return nil, err
		}
		if err := s.take(f); err != nil {
			return nil, err
		}
		progress(a.in.read)
	}
}

// take reads one file.
func (s *scanner) take(f file) error {
	if f.part != partOther && f.part != partUpdateFile && f.part != partChat {
		if s.seen[f.path] {
			return ContentError{File: f.path, Reason: "stands in the archive twice"}
		}
		s.seen[f.path] = true
	}
	switch f.part {
	case partMetadata:
		return s.metadata(f)
	case partKeys:
		return s.keys(f)
	case partIndexMetadata, partSettings, partDocuments:
		return s.index(f)
	case partTasks:
		return s.count(f, &s.out.Aside.Tasks)
	case partBatches:
		return s.count(f, &s.out.Aside.Batches)
	case partFeatures, partNetwork, partWebhooks:
		return s.aside(f)
	case partUpdateFile:
		s.out.Aside.Enqueued++
	case partChat:
		s.out.Aside.Chats++
	case partInstance:
		s.out.Aside.Instance = true
	default:
		s.unknown(f)
	}
	return nil
}

// small reads a file that is kept.
func (s *scanner) small(f file) ([]byte, error) {
	b, err := s.archive.whole(f, s.limits.Small)
	if err != nil {
		return nil, err
	}
	return b, s.keep(f, len(b))
}

// keep accounts for what stays in memory.
func (s *scanner) keep(f file, bytes int) error {
	if s.kept += bytes; s.kept > s.limits.Kept {
		return ContentError{File: f.path, Reason: fmt.Sprintf("with it, the small files are larger than %d bytes", s.limits.Kept)}
	}
	return nil
}

func (s *scanner) metadata(f file) error {
	b, err := s.small(f)
	if err != nil {
		return err
	}
	var version struct{ DumpVersion string }
	if err := json.Unmarshal(b, &version); err != nil || version.DumpVersion == "" {
		return ContentError{File: f.path, Reason: "says no version of the dump"}
	}
	if version.DumpVersion != Version {
		return UnsupportedError{"a dump of version " + printable(version.DumpVersion)}
	}
	if err := json.Unmarshal(b, &s.out.Metadata); err != nil {
		return ContentError{File: f.path, Reason: err.Error()}
	}
	return nil
}

// printable cuts a name out of a file short, and what is no letter, digit or sign out of it.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), 40)]
}

func (s *scanner) keys(f file) error {
	l := s.archive.lines(f, s.lines, s.limits.Small)
	for {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var k Key
		if err := json.Unmarshal(line, &k); err != nil || k.UID == "" || k.Actions == nil || k.Indexes == nil {
			return l.wrong(0, "is no API key")
		}
		if s.out.Keys = append(s.out.Keys, k); len(s.out.Keys) > s.limits.Keys {
			return l.wrong(0, fmt.Sprintf("more than %d keys", s.limits.Keys))
		}
		if err := s.keep(f, len(line)); err != nil {
			return err
		}
	}
}

func (s *scanner) count(f file, into *int64) error {
	l := s.archive.lines(f, s.lines, s.limits.Document)
	for {
		if _, err := l.next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		*into++
	}
}

func (s *scanner) aside(f file) error {
	b, err := s.small(f)
	if err != nil {
		return err
	}
	if !rawjson.Valid(b) {
		return ContentError{File: f.path, Reason: "is no JSON text"}
	}
	members := func(name string) (n int) {
		v, _ := rawjson.Find(b, name)
		rawjson.EachMember(v, func(_, _ []byte) bool { n++; return true })
		return n
	}
	switch f.part {
	case partFeatures:
		s.out.Features = b
	case partNetwork:
		s.out.Aside.Remotes = members("remotes")
	default:
		s.out.Aside.Webhooks = members("webhooks")
	}
	return nil
}

func (s *scanner) unknown(f file) {
	if len(s.out.Aside.Unknown) < maxUnknown {
		s.out.Aside.Unknown = append(s.out.Aside.Unknown, printable(f.path))
	}
	top, _, _ := strings.Cut(f.path, "/")
	if len(s.strange) < maxUnknown && !slices.Contains(s.strange, top) {
		s.strange = append(s.strange, top)
	}
}
