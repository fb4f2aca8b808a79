package imports

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/dump"
	"github.com/miroir-search/miroir/internal/key"
)

// load imports a whole file and returns how it ended.
func load(t *testing.T, w *world, file []byte, o Options) Status {
	t.Helper()
	m := w.importer(t.TempDir())
	running(t, m)
	s, err := m.Receive(t.Context(), o, bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return await(t, m, s.JobID)
}

func TestF9ImportBringsEverythingInItsOrder(t *testing.T) {
	w := newWorld(t)
	for _, d := range key.Defaults(time.Now(), func() string { return fmt.Sprint(len(w.keys)) }) {
		d.UID = *d.Name
		w.keys[d.UID] = d
	}
	name := "mine"
	documents := many(50)
	s := load(t, w, dumpOf(t, []dump.Key{{UID: "U1", Name: &name, Actions: []string{"search"}, Indexes: []string{"*"}, CreatedAt: time.Unix(7, 0)}},
		content{uid: "empty"}, content{uid: "movies", pk: "id", documents: documents,
			settings: `{"stopWords":["a"],"foreignKeys":[],"chat":{"description":"","searchParameters":{}}}`},
		content{uid: "other", pk: "k", documents: []string{`{"k":"x","_miroir_shard":"⊕","_miroir_other":1}`}}), defaults())
	if s.State != workflow.Succeeded || s.Error != nil || s.Total.Documents != 51 || s.Written != s.Sent || s.Sent.Documents != 51 {
		t.Fatalf("%+v", s)
	}
	if !slices.Equal(w.documents("movies"), documents) {
		t.Errorf("movies: %v", w.documents("movies"))
	}
	if got := w.documents("other"); len(got) != 1 || got[0] != `{"k":"x","_miroir_other":1}` {
		t.Errorf("other: %v", got)
	}
	if ix := w.indexes["movies"]; *ix.primaryKey != "id" || ix.settings != `{"stopWords":["a"]}` {
		t.Errorf("%+v", ix)
	}
	if ix := w.indexes["empty"]; ix == nil || ix.primaryKey != nil || ix.settings != "" {
		t.Errorf("%+v", ix)
	}
	if k := w.keys["u1"]; len(w.keys) != 1 || *k.Name != name || !k.CreatedAt.Equal(time.Unix(7, 0)) {
		t.Errorf("keys of a fresh cluster: %+v", w.keys)
	}
	for _, n := range w.batches {
		if n > 7 {
			t.Errorf("a batch of %d documents", n)
		}
	}
}

func TestF9ImportBoundsWhatIsUnderWay(t *testing.T) {
	w := newWorld(t)
	w.openTasks = true
	s := load(t, w, dumpOf(t, nil, content{uid: "m", pk: "id", documents: many(100)}), defaults())
	if s.State != workflow.Succeeded || w.mostOpen != 3 || len(w.documents("m")) != 100 {
		t.Errorf("%d at once: %+v", w.mostOpen, s)
	}
}

// BG-10, A9.2: whoever takes over after any commit goes on at the cursor; no document is sent twice, none is missing.
func TestBG10ImportGoesOnAtItsCursor(t *testing.T) {
	documents := many(40)
	file := dumpOf(t, []dump.Key{{UID: "u1", Actions: []string{"*"}, Indexes: []string{"*"}}},
		content{uid: "a", pk: "id", documents: documents, settings: `{"stopWords":["x"]}`}, content{uid: "b", pk: "id", documents: documents[:9]})
	for dieAt := 1; ; dieAt++ {
		w := newWorld(t)
		survived := w.takeOver(t, defaults(), file, dieAt)
		if !slices.Equal(w.documents("a"), documents) || !slices.Equal(w.documents("b"), documents[:9]) || len(w.keys) != 1 {
			t.Errorf("commit %d: %d and %d documents", dieAt, len(w.documents("a")), len(w.documents("b")))
		}
		if survived {
			if dieAt < 10 {
				t.Errorf("only %d commits", dieAt)
			}
			return
		}
	}
}

// A batch whose answer was lost is found by its mark and not sent again.
func TestA92LostAnswerSendsNothingTwice(t *testing.T) {
	w := newWorld(t)
	dropped := map[string]bool{}
	w.drop = func(mark string) bool {
		first := !dropped[mark]
		dropped[mark] = true
		return first
	}
	documents := many(30)
	s := load(t, w, dumpOf(t, nil, content{uid: "m", pk: "id", documents: documents}), defaults())
	if s.State != workflow.Succeeded || !slices.Equal(w.documents("m"), documents) || len(dropped) < 4 {
		t.Errorf("%d batches dropped, %d documents: %+v", len(dropped), len(w.documents("m")), s)
	}
}

func TestF9UploadGoesOnWhereItBroke(t *testing.T) {
	w, folder := newWorld(t), t.TempDir()
	documents := many(20)
	file := dumpOf(t, nil, content{uid: "m", pk: "id", documents: documents})
	size, print := int64(len(file)), fingerprintOf(t, file)
	m := w.importer(folder)
	stop := running(t, m)
	var none *apierr.Error
	if _, err := m.Open(t.Context(), size, print, defaults(), true); !errors.As(err, &none) || none.Status != http.StatusNotFound {
		t.Fatalf("there is nothing to go on with: %v", err)
	}
	s, err := m.Open(t.Context(), size, print, defaults(), false)
	if err != nil || !s.NeedsFile || s.Received != 0 || s.Phase != phaseReceive {
		t.Fatalf("%+v %v", s, err)
	}
	broken := io.MultiReader(bytes.NewReader(file[:100]), iotestErr{})
	if _, err := m.Append(t.Context(), s.JobID, 0, broken); err == nil {
		t.Fatal("a connection that broke was no error")
	}
	stop() // and the coordinator dies, too
	m = w.importer(folder)
	running(t, m)
	again, err := m.Open(t.Context(), size, print, defaults(), true)
	if err != nil || again.JobID != s.JobID || again.Received != 100 {
		t.Fatalf("%+v %v", again, err)
	}
	var told *apierr.Error
	if _, err := m.Append(t.Context(), s.JobID, 7, bytes.NewReader(file[7:])); !errors.As(err, &told) || !strings.Contains(told.Message, "100") {
		t.Errorf("a gap: %v", err)
	}
	if _, err := m.Append(t.Context(), s.JobID, 100, bytes.NewReader(file[100:])); err != nil {
		t.Fatal(err)
	}
	if s = await(t, m, s.JobID); s.State != workflow.Succeeded || !slices.Equal(w.documents("m"), documents) {
		t.Errorf("%+v", s)
	}
	eventually(t, func() bool { // the file is removed
		entries, _ := os.ReadDir(folder)
		return len(entries) == 0
	})
	if next, err := m.Open(t.Context(), size, print, defaults(), false); err != nil || next.JobID != s.JobID || !next.NeedsFile {
		t.Errorf("the same file again is a new run: %+v %v", next, err)
	}
}

type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestF9WrongFilesAreRefused(t *testing.T) {
	w := newWorld(t)
	m := w.importer(t.TempDir())
	running(t, m)
	file := []byte("the file that was announced")
	s, err := m.Open(t.Context(), int64(len(file)), fingerprintOf(t, file), defaults(), false)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{"longer": string(file) + "!", "other": strings.ToUpper(string(file))} {
		_, err := m.Append(t.Context(), s.JobID, 0, strings.NewReader(body))
		var told *apierr.Error
		if !errors.As(err, &told) || told.Code != apierr.MiroirConfigInvalid {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.WriteFile(m.Spool.at(s.JobID, nameContent), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		size  int64
		print string
		code  apierr.Code
	}{{65 << 30, fingerprintOf(t, file), apierr.PayloadTooLarge}, {0, fingerprintOf(t, file), apierr.MiroirConfigInvalid}, {9, "x", apierr.MiroirConfigInvalid}} {
		_, err := m.Open(t.Context(), c.size, c.print, defaults(), false)
		var told *apierr.Error
		if !errors.As(err, &told) || told.Code != c.code {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, id := range []string{"", "../../etc", "0123456789abcdef"} {
		var told *apierr.Error
		if _, err := m.Status(t.Context(), id); !errors.As(err, &told) || told.Status != http.StatusNotFound {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := m.Append(t.Context(), id, 0, strings.NewReader("x")); !errors.As(err, &told) || told.Status != http.StatusNotFound {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A file that its coordinator lost can be sent to another one, and the job goes on where it was.
func TestF9LostFileIsSentAgain(t *testing.T) {
	w := newWorld(t)
	documents := many(40)
	file := dumpOf(t, nil, content{uid: "m", pk: "id", documents: documents})
	first := w.importer(t.TempDir())
	w.dieAt = 8
	stop := running(t, first)
	s, err := first.Receive(t.Context(), defaults(), bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return w.committed() >= 8 })
	stop()
	second := w.importer(t.TempDir())
	running(t, second)
	w.leader = "coordinator-9"
	if s, err = second.Open(t.Context(), int64(len(file)), fingerprintOf(t, file), defaults(), false); err != nil || s.NeedsFile || *s.Runner != "coordinator-9" {
		t.Fatalf("somebody has the file: %+v %v", s, err)
	}
	w.leader = ""
	if s, err = second.Status(t.Context(), s.JobID); err != nil || !s.NeedsFile || s.Sent.Documents == 0 {
		t.Fatalf("%+v %v", s, err)
	}
	if s, err = second.Receive(t.Context(), defaults(), bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	if s = await(t, second, s.JobID); s.State != workflow.Succeeded || !slices.Equal(w.documents("m"), documents) {
		t.Errorf("%d documents: %+v", len(w.documents("m")), s)
	}
}

func TestF9BadDocumentsFailOrAreLeftOut(t *testing.T) {
	file := dumpOf(t, nil, content{uid: "m", pk: "id", documents: []string{
		`{"id":1}`, `{"id":"not ok"}`, `{"name":"secret"}`, `{"id":2,}`, `{"id":3}`,
	}})
	w := newWorld(t)
	s := load(t, w, file, defaults())
	if s.State != workflow.Failed || s.Error.Code != apierr.InvalidDocumentID || !strings.Contains(s.Error.Message, "documents.jsonl, line 2") {
		t.Errorf("%+v", s.Error)
	}
	o := defaults()
	o.Bad = BadSkip
	w = newWorld(t)
	s = load(t, w, file, o)
	if s.State != workflow.Succeeded || s.Rejected != 3 || len(s.Rejections) != 3 || !strings.Contains(s.Rejections[2], "line 4") {
		t.Errorf("%+v", s)
	}
	if got := w.documents("m"); len(got) != 2 {
		t.Errorf("%v", got)
	}
	if told := fmt.Sprint(s.Rejections); strings.Contains(told, "secret") {
		t.Errorf("a document is told: %s", told)
	}
}

func TestF9FailuresAreToldAndEndTheImport(t *testing.T) {
	good := dumpOf(t, nil, content{uid: "m", pk: "id", documents: many(20), settings: `{"stopWords":["x"]}`})
	for name, c := range map[string]struct {
		file []byte
		set  func(w *world)
		code apierr.Code
		text string
	}{
		"no dump":   {[]byte("PK\x03\x04 zip"), nil, apierr.MiroirDumpUnsupported, "zip"},
		"truncated": {good[:len(good)-9], nil, apierr.MiroirDumpUnsupported, fmt.Sprintf("after byte %d", len(good)-9)},
		"conflict": {good, func(w *world) { w.indexes["m"] = &index{documents: []string{"{}"}} },
			apierr.MiroirConflict, "`m` can not be imported: it exists and has 1 documents"},
		"refused settings": {good, func(w *world) {
			w.refuse = func(_, path string) *apierr.Error {
				if strings.HasSuffix(path, "/settings") {
					return apierr.New("invalid_settings_stop_words", "No.")
				}
				return nil
			}
		}, "invalid_settings_stop_words", "Index `m` can not be imported: No."},
	} {
		w := newWorld(t)
		if c.set != nil {
			c.set(w)
		}
		before := len(w.indexes)
		s := load(t, w, c.file, defaults())
		if s.State != workflow.Failed || s.Error.Code != c.code || !strings.Contains(s.Error.Message, c.text) {
			t.Errorf("%s: %+v", name, s.Error)
		}
		if name != "refused settings" && (len(w.indexes) != before || len(w.batches) > 0) {
			t.Errorf("%s: something was changed", name)
		}
	}
}

// Two imports go on at the same time, and each is found by its file and options.
func TestBG13ImportsInterleave(t *testing.T) {
	w := newWorld(t)
	m := w.importer(t.TempDir())
	file := dumpOf(t, nil, content{uid: "m", pk: "id", documents: many(5)})
	renamed := defaults()
	renamed.Indexes = []Renaming{{"m", "n"}}
	one, err := m.Open(t.Context(), int64(len(file)), fingerprintOf(t, file), defaults(), false)
	if err != nil {
		t.Fatal(err)
	}
	two, err := m.Open(t.Context(), int64(len(file)), fingerprintOf(t, file), renamed, false)
	if err != nil || one.JobID == two.JobID {
		t.Fatalf("%+v %v", two, err)
	}
	list, err := m.List(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v %v", list, err)
	}
	stop := running(t, m)
	if _, err := m.Append(t.Context(), two.JobID, 0, bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	if s := await(t, m, two.JobID); s.State != workflow.Succeeded || len(w.documents("n")) != 5 || w.documents("m") != nil {
		t.Errorf("%+v", s)
	}
	stop()
	if left, _ := filepath.Glob(filepath.Join(string(m.Spool), "*")); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}
