package dump

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

// entry is one file of an archive made by hand.
type entry struct{ name, content string }

// pack makes an archive of entries in their order.
func pack(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	if _, err := gz.Write(tarOf(t, entries...)); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: int64(len(e.content)), Mode: 0o644, Typeflag: tar.TypeReg}
		if strings.HasSuffix(e.name, "/") {
			h.Typeflag, h.Size, e.content = tar.TypeDir, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const (
	metaV6    = `{"dumpVersion":"V6","dbVersion":"1.50.0","dumpDate":"2026-11-25T19:00:00.5Z"}`
	metaIndex = `{"uid":"movies","primaryKey":"id","createdAt":"2026-01-02T03:04:05.678Z","updatedAt":"2026-01-03T00:00:00Z"}`
	keyLine   = `{"description":"d","name":"n","uid":"74c9c733-3368-4738-bbe5-1d18a5fecb37","actions":["search"],"indexes":["*"],"expires_at":null,"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"}`
)

// asMeilisearch is an archive in the order in which a 1.50 wrote one: documents before the rest of an index.
func asMeilisearch() []entry {
	return []entry{
		{"./", ""}, {"keys.jsonl", keyLine + "\n"}, {"batches/", ""}, {"batches/queue.jsonl", "{}\n{}\n"},
		{"chat-completions-settings/", ""}, {"metadata.json", metaV6}, {"indexes/", ""}, {"indexes/movies/", ""},
		{"indexes/movies/documents.jsonl", "{\"id\":1,\"n\":9007199254740993}\n\n {\"id\":2} \n{\"id\":3}"},
		{"indexes/movies/metadata.json", metaIndex}, {"indexes/movies/settings.json", `{"rankingRules":["words"]}`},
		{"webhooks.json", `{"webhooks":{"u":{}}}`}, {"network.json", `{"self":null,"remotes":{"a":{},"b":{}}}`},
		{"experimental-features.json", `{"metrics":true}`}, {"tasks/", ""}, {"tasks/queue.jsonl", "{}\n"},
		{"tasks/update_files/", ""}, {"tasks/update_files/7.jsonl", "{}\n"}, {"instance_uid.uuid", "x"},
	}
}

func documentsOf(t *testing.T, archive []byte, from Cursor) (list []string, last Cursor) {
	t.Helper()
	d, err := OpenDocuments(bytes.NewReader(archive), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SkipTo(from); err != nil {
		t.Fatal(err)
	}
	for {
		doc, err := d.Next()
		if errors.Is(err, io.EOF) {
			return list, last
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(doc.Raw))
		last = doc.Cursor
	}
}

func TestReadsAnArchiveInMeilisearchsOrder(t *testing.T) {
	archive := pack(t, asMeilisearch()...)
	var told int64
	s, err := Scan(bytes.NewReader(archive), Limits{}, func(n int64) { told = n })
	if err != nil {
		t.Fatal(err)
	}
	if s.DBVersion != "1.50.0" || s.DumpDate.UTC().Format(time.RFC3339Nano) != "2026-11-25T19:00:00.5Z" || told != int64(len(archive)) {
		t.Errorf("metadata %+v, %d of %d bytes told", s.Metadata, told, len(archive))
	}
	ix := s.Indexes[0]
	if len(s.Indexes) != 1 || ix.UID != "movies" || *ix.PrimaryKey != "id" || ix.Documents != 3 || string(ix.Settings) != `{"rankingRules":["words"]}` {
		t.Errorf("indexes %+v", s.Indexes)
	}
	if len(s.Keys) != 1 || *s.Keys[0].Name != "n" || s.Keys[0].ExpiresAt != nil || s.Keys[0].Actions[0] != "search" {
		t.Errorf("keys %+v", s.Keys)
	}
	want := Aside{Tasks: 1, Enqueued: 1, Batches: 2, Webhooks: 1, Remotes: 2, Instance: true}
	if !reflect.DeepEqual(s.Aside, want) || string(s.Features) != `{"metrics":true}` {
		t.Errorf("aside %+v, features %s", s.Aside, s.Features)
	}
	list, last := documentsOf(t, archive, Cursor{})
	if got := strings.Join(list, "|"); got != `{"id":1,"n":9007199254740993}|{"id":2}|{"id":3}` || last != (Cursor{"movies", 4}) {
		t.Errorf("documents %s up to %+v", got, last)
	}
}

func TestDocumentsGoOnAtACursor(t *testing.T) {
	var entries []entry
	entries = append(entries, entry{"metadata.json", metaV6})
	for _, uid := range []string{"b", "a"} {
		var lines strings.Builder
		for i := range 5 {
			fmt.Fprintf(&lines, "{\"id\":\"%s%d\"}\n", uid, i)
		}
		entries = append(entries, entry{"indexes/" + uid + "/documents.jsonl", lines.String()})
	}
	archive := pack(t, entries...)
	all, _ := documentsOf(t, archive, Cursor{})
	at := 0
	for _, uid := range []string{"b", "a"} {
		for line := range 6 {
			rest, _ := documentsOf(t, archive, Cursor{uid, int64(line)})
			if !reflect.DeepEqual(append([]string{}, rest...), append([]string{}, all[at+line:]...)) {
				t.Errorf("after %s %d: %v", uid, line, rest)
			}
		}
		at += 5
	}
	for _, c := range []Cursor{{"c", 1}, {"a", 6}} {
		d, err := OpenDocuments(bytes.NewReader(archive), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.SkipTo(c); err == nil {
			t.Errorf("a cursor of another dump, %+v, is found", c)
		}
	}
}

// F9, bad input: what is no dump of version 6 is told by its name.
func TestF9OtherVariantsAreNamed(t *testing.T) {
	var plain bytes.Buffer
	gz := gzip.NewWriter(&plain)
	_, _ = gz.Write(bytes.Repeat([]byte("no tar "), 500))
	_ = gz.Close()
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"version 5":      {pack(t, entry{"metadata.json", `{"dumpVersion":"V5"}`}), "version V5"},
		"version 1":      {pack(t, entry{"a", ""}, entry{"metadata.json", `{"dumpVersion":"V1","dbVersion":"0.20"}`}), "version V1"},
		"odd version":    {pack(t, entry{"metadata.json", `{"dumpVersion":"V\u00075"}`}), "version V?5"},
		"snapshot":       {pack(t, entry{"VERSION", "1.50.0"}, entry{"tasks/data.mdb", ""}), "snapshot"},
		"no metadata":    {pack(t, entry{"updates/data.jsonl", ""}), "version 5 or older"},
		"something else": {pack(t, entry{"readme.txt", "hello"}), "without metadata.json"},
		"no tar":         {plain.Bytes(), "no tar archive"},
		"plain tar":      {tarOf(t, asMeilisearch()...), "not compressed"},
		"zip":            {[]byte("PK\x03\x04 and more"), "zip"},
		"zstd":           {[]byte("\x28\xb5\x2f\xfd and more"), "zstd"},
		"documents":      {[]byte(" \n[{\"id\":1}]"), "JSON"},
		"nothing":        {nil, "empty"},
		"text":           {[]byte("hello"), "not compressed with gzip"},
		"blank":          {[]byte(" \n "), "not compressed with gzip"},
	} {
		_, err := Scan(bytes.NewReader(c.file), Limits{}, nil)
		var unsupported UnsupportedError
		if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A9.7: a file that is cut off says where.
func TestA97TruncatedArchiveTellsTheOffset(t *testing.T) {
	archive := pack(t, asMeilisearch()...)
	for n := 20; n < len(archive); n++ {
		_, err := Scan(bytes.NewReader(archive[:n]), Limits{}, nil)
		var damaged DamagedError
		if !errors.As(err, &damaged) || damaged.Offset != int64(n) || !strings.Contains(err.Error(), fmt.Sprintf("after byte %d", n)) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	flipped := bytes.Clone(archive)
	flipped[len(flipped)-6] ^= 1 // the checksum
	if _, err := Scan(bytes.NewReader(flipped), Limits{}, nil); !errors.As(err, new(DamagedError)) {
		t.Errorf("wrong checksum: %v", err)
	}
}

func TestWrongContentIsNamed(t *testing.T) {
	good := []entry{
		{"metadata.json", metaV6}, {"indexes/movies/metadata.json", metaIndex}, {"indexes/movies/settings.json", `{}`},
		{"indexes/movies/documents.jsonl", "{}\n"}, {"keys.jsonl", keyLine},
	}
	small := Limits{Document: 100, Small: 400, Kept: 600, Indexes: 1, Keys: 2}
	if _, err := Scan(bytes.NewReader(pack(t, good...)), small, nil); err != nil {
		t.Fatal(err)
	}
	long := `{"t":"` + strings.Repeat("x", 100) + `"}`
	for want, changed := range map[string]entry{
		"movies/documents.jsonl, line 2: is no document":       {"indexes/movies/documents.jsonl", "{}\n[]\n"},
		"movies/documents.jsonl, line 2: longer than 100":      {"indexes/movies/documents.jsonl", "{}\n" + long + "\n{}"},
		"movies/documents.jsonl, line 1: longer than 100":      {"indexes/movies/documents.jsonl", strings.Repeat("x", 1<<18)},
		"movies/metadata.json: does not describe":              {"indexes/movies/metadata.json", `{"uid":"other"}`},
		"movies/settings.json: holds no settings":              {"indexes/movies/settings.json", `[]`},
		"movies/settings.json: larger than 400":                {"indexes/movies/settings.json", strings.Repeat(" ", 500)},
		"keys.jsonl, line 2: is no API key":                    {"keys.jsonl", keyLine + "\n{}\n"},
		"keys.jsonl, line 3: more than 2 keys":                 {"keys.jsonl", strings.Repeat(`{"uid":"u","actions":[],"indexes":[]}`+"\n", 3)},
		"keys.jsonl: with it, the small files are larger than": {"keys.jsonl", strings.Repeat(`{"uid":"u","actions":["`+strings.Repeat("a", 200)+`"],"indexes":[]}`+"\n", 2)},
		"metadata.json: says no version":                       {"metadata.json", `{}`},
		"metadata.json: parsing time":                          {"metadata.json", `{"dumpVersion":"V6","dumpDate":"yesterday"}`},
	} {
		entries := append([]entry{}, good...)
		for i := range entries {
			if entries[i].name == changed.name {
				entries[i] = changed
			}
		}
		_, err := Scan(bytes.NewReader(pack(t, entries...)), small, nil)
		if !errors.As(err, new(ContentError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for want, entries := range map[string][]entry{
		"stands in the archive twice":    append(append([]entry{}, good...), good[0]),
		"more than 1 indexes":            append(append([]entry{}, good...), entry{"indexes/x/documents.jsonl", ""}),
		"movies: lacks documents.jsonl":  good[:3],
		"movies: lacks metadata.json":    {good[0], good[3]},
		"features.json: is no JSON text": {good[0], {"experimental-features.json", "{"}},
	} {
		_, err := Scan(bytes.NewReader(pack(t, entries...)), small, nil)
		if !errors.As(err, new(ContentError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestNamesLeadNowhere(t *testing.T) {
	s, err := Scan(bytes.NewReader(pack(t,
		entry{"../../metadata.json", metaV6}, entry{"/indexes/./movies/../movies/metadata.json", metaIndex},
		entry{"indexes/movies/settings.json", `{}`}, entry{"indexes/movies/documents.jsonl", "{}\n"}, entry{"../etc/passwd", "x"},
		entry{"indexes/.rules/metadata.json", `{"uid":".rules"}`}, entry{"indexes/.rules/settings.json", `{}`},
		entry{"indexes/.rules/documents.jsonl", "{}\n"},
	)), Limits{}, nil)
	if err != nil || len(s.Indexes) != 1 || !reflect.DeepEqual(s.Aside.Unknown, []string{"etc/passwd"}) ||
		!reflect.DeepEqual(s.Aside.Internal, []string{".rules"}) {
		t.Fatalf("%+v %v", s, err)
	}
}

// written is a dump made by the writer, with two indexes of which one is empty.
func written(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	at := time.Date(2026, 11, 25, 19, 0, 0, 123456789, time.UTC)
	name := "n"
	w, err := NewWriter(&out, Content{DBVersion: "1.50.0", Date: at, Keys: []Key{{
		Name: &name, UID: "74c9c733-3368-4738-bbe5-1d18a5fecb37", Actions: []string{"search"}, Indexes: []string{"a*"}, CreatedAt: at, UpdatedAt: at,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	pk := "id"
	documents := "{\"id\":1,\"t\":\"<&>\"}\n{\"id\":2}\n"
	err = w.Index(IndexMetadata{UID: "movies", PrimaryKey: &pk, CreatedAt: at, UpdatedAt: at}, json.RawMessage(`{"stopWords":["a"]}`),
		strings.NewReader(documents), int64(len(documents)))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Index(IndexMetadata{UID: strings.Repeat("long", 100), CreatedAt: at, UpdatedAt: at}, json.RawMessage(`{}`), strings.NewReader(""), 0); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWriterWritesWhatTheReaderReads(t *testing.T) {
	archive := written(t)
	s, err := Scan(bytes.NewReader(archive), Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.DumpDate.Nanosecond() != 123456789 || len(s.Indexes) != 2 || s.Indexes[0].Documents != 2 || s.Indexes[1].PrimaryKey != nil ||
		len(s.Keys) != 1 || s.Keys[0].Indexes[0] != "a*" || !reflect.DeepEqual(s.Aside, Aside{}) {
		t.Errorf("%+v", s)
	}
	if list, _ := documentsOf(t, archive, Cursor{}); strings.Join(list, "|") != `{"id":1,"t":"<&>"}|{"id":2}` {
		t.Errorf("documents %v", list)
	}
}

func TestWriterRefusesAWrongSize(t *testing.T) {
	for _, documents := range []string{"{}\n", "{}\n{}\n{}\n"} {
		w, err := NewWriter(io.Discard, Content{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Index(IndexMetadata{UID: "x"}, nil, strings.NewReader(documents), 6); err == nil {
			t.Errorf("%d bytes were taken for 6", len(documents))
		}
	}
}

// unpacked is an archive without the gzip around it: its checksum would keep a fuzzer out.
func unpacked(content []byte) *archive {
	r := bytes.NewReader(content)
	return &archive{in: &counter{src: r}, buf: bufio.NewReaderSize(r, 16), raw: r, tar: tar.NewReader(r)}
}

// FuzzScan: whatever the files of an archive hold, reading it ends, and both readers agree on what is in it.
func FuzzScan(f *testing.F) {
	for _, e := range asMeilisearch() {
		f.Add(e.name, []byte(e.content), "indexes/movies/documents.jsonl", []byte("{}\n\n{\"id\":1}"))
	}
	f.Add("indexes/a/documents.jsonl", []byte("{}\n"), "indexes/b/documents.jsonl", []byte("{"))
	limits := Limits{Document: 256, Small: 1024, Kept: 4096, Indexes: 4, Keys: 3}
	f.Fuzz(func(t *testing.T, name string, content []byte, other string, rest []byte) {
		if strings.ContainsRune(name+other, 0) || len(name+other) > 500 {
			return // no tar header holds such names
		}
		archive := tarOf(t, entry{nameMetadata, metaV6}, entry{name + "x", string(content)}, entry{name, string(content)},
			entry{other, string(rest)}, entry{"indexes/movies/metadata.json", metaIndex}, entry{"indexes/movies/settings.json", "{}"})
		s, err := scan(unpacked(archive), limits, nil)
		if err != nil {
			return
		}
		found := map[string]int64{}
		d := documents(unpacked(archive), limits)
		for {
			doc, err := d.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("scanned, but %v", err)
			}
			found[doc.Index]++
		}
		for _, ix := range s.Indexes {
			if found[ix.UID] != ix.Documents {
				t.Fatalf("%s: %d documents counted, %d read", ix.UID, ix.Documents, found[ix.UID])
			}
		}
	})
}

// FuzzArchive: whatever the bytes of an archive are, reading it ends.
func FuzzArchive(f *testing.F) {
	f.Add(tarOf(f, asMeilisearch()...))
	f.Add(tarOf(f, entry{"metadata.json", `{"dumpVersion":"V2"}`}))
	f.Add([]byte("no tar"))
	f.Fuzz(func(_ *testing.T, content []byte) {
		_, _ = scan(unpacked(content), Limits{Document: 256, Small: 1024, Kept: 4096, Indexes: 3, Keys: 3}, nil)
	})
}

func TestFingerprintTellsDumpsApart(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 3*fingerprinted)
	seen := map[string]string{}
	for name, file := range map[string][]byte{
		"a dump": written(t), "nothing": nil, "one byte": []byte("x"), "long": long, "longer": append(bytes.Clone(long), 'x'),
		"other end": append(bytes.Clone(long[1:]), 'y'), "other beginning": append([]byte("y"), long[1:]...),
	} {
		print, err := Fingerprint(bytes.NewReader(file), int64(len(file)))
		again, errAgain := Fingerprint(bytes.NewReader(file), int64(len(file)))
		if err != nil || errAgain != nil || print != again || len(print) != 64 || seen[print] != "" {
			t.Errorf("%s: %s like %s, %v", name, print, seen[print], err)
		}
		seen[print] = name
	}
}
