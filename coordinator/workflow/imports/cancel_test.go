package imports

import (
	"bytes"
	"errors"
	"testing"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
)

// F9: a canceled import ends between two batches, what was written stays, and the same file can be imported again.
func TestF9ImportIsCanceled(t *testing.T) {
	w := newWorld(t)
	w.dieAt = 6 // the first coordinator is gone after the first batches
	folder, documents := t.TempDir(), many(100)
	file := dumpOf(t, nil, content{uid: "m", pk: "id", documents: documents})
	first := w.importer(folder)
	stop := running(t, first)
	s, err := first.Receive(t.Context(), defaults(), bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return w.committed() >= 6 })
	stop()
	second := w.importer(folder)
	if now, err := second.Cancel(t.Context(), s.JobID); err != nil || now.State != workflow.Running {
		t.Fatalf("%+v %v", now, err)
	}
	stopSecond := running(t, second)
	ended := await(t, second, s.JobID)
	n := len(w.documents("m"))
	if ended.State != workflow.Failed || ended.Error == nil || ended.Error.Code != apierr.MiroirConflict || n == len(documents) {
		t.Errorf("%+v with %d documents", ended, n)
	}
	eventually(t, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.wanted == "" })
	if again, err := second.Cancel(t.Context(), s.JobID); err != nil || again.State != workflow.Failed {
		t.Errorf("one that has ended: %+v %v", again, err)
	}
	stopSecond()
	third := w.importer(folder)
	running(t, third)
	o := defaults()
	o.Existing = ExistingMerge
	if s, err = third.Receive(t.Context(), o, bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	if s = await(t, third, s.JobID); s.State != workflow.Succeeded || len(w.documents("m")) < len(documents) {
		t.Errorf("again: %+v with %d documents", s, len(w.documents("m")))
	}
	var e *apierr.Error
	if _, err := third.Cancel(t.Context(), "nonsense"); !errors.As(err, &e) || e.Code != apierr.MiroirNotFound {
		t.Errorf("%v", err)
	}
}
