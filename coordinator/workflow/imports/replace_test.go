package imports

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
)

func replacing(t *testing.T) Options {
	t.Helper()
	o, e := ParseOptions(map[string][]string{"on_existing": {ExistingReplace}})
	if e != nil {
		t.Fatal(e)
	}
	return o
}

// F9: what is replaced is there until all of the new is, whoever dies at whatever commit, and nothing else is left.
func TestF9ReplaceExchangesIndexesAtTheEnd(t *testing.T) {
	documents := many(30)
	file := dumpOf(t, nil, content{uid: "a", pk: "id", documents: documents, settings: `{"stopWords":["x"]}`}, content{uid: "b", pk: "id", documents: documents[:9]})
	other := "other"
	for dieAt := 1; ; dieAt++ {
		w := newWorld(t)
		w.indexes["a"] = &index{primaryKey: &other, documents: []string{`{"other":1}`}}
		survived := w.takeOver(t, replacing(t), file, dieAt)
		if names := slices.Sorted(maps.Keys(w.indexes)); !slices.Equal(names, []string{"a", "b"}) {
			t.Errorf("commit %d: indexes %v", dieAt, names)
		}
		if !slices.Equal(w.documents("a"), documents) || !slices.Equal(w.documents("b"), documents[:9]) || w.indexes["a"].settings != `{"stopWords":["x"]}` || *w.indexes["a"].primaryKey != "id" {
			t.Errorf("commit %d: %d and %d documents, %+v", dieAt, len(w.documents("a")), len(w.documents("b")), w.indexes["a"])
		}
		if survived {
			if dieAt < 10 {
				t.Errorf("only %d commits", dieAt)
			}
			return
		}
	}
}

// A9.7: an import that can not be carried out leaves what was there, and nothing of its own.
func TestA97FailedReplaceLeavesNothing(t *testing.T) {
	pk := "id"
	for name, refuse := range map[string]func(method, path string) *apierr.Error{
		"documents": func(_, path string) *apierr.Error {
			if strings.HasSuffix(path, "/documents") {
				return apierr.New(apierr.InvalidDocumentFields, "Index `%s` does not want it.", strings.Split(path, "/")[2])
			}
			return nil
		},
		"swap": func(_, path string) *apierr.Error {
			if path == "/swap-indexes" {
				return apierr.New(apierr.IndexNotFound, "no")
			}
			return nil
		},
	} {
		w := newWorld(t)
		w.indexes["a"] = &index{primaryKey: &pk, documents: []string{`{"id":1}`}}
		w.refuse = refuse
		s := load(t, w, dumpOf(t, nil, content{uid: "a", pk: "id", documents: many(9)}, content{uid: "b", pk: "id", documents: many(9)}), replacing(t))
		if s.State != workflow.Failed || s.Error == nil || strings.Contains(s.Error.Message, "import-") {
			t.Errorf("%s: %+v %v", name, s, s.Error)
		}
		if len(w.indexes) != 1 || len(w.documents("a")) != 1 {
			t.Errorf("%s: left %v", name, w.indexes)
		}
	}
	if _, e := ParseOptions(map[string][]string{"on_existing": {"replace"}, "settings": {"skip"}}); e == nil || e.Code != apierr.MiroirConfigInvalid {
		t.Errorf("without settings: %v", e)
	}
}
