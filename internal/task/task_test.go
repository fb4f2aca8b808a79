package task

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
)

func outcome(node, status, details string, from, to int) Outcome {
	o := Outcome{Node: node, Known: true, Status: status, Details: json.RawMessage(details)}
	if from > 0 {
		o.Started = time.Unix(int64(from), 0)
	}
	if to > 0 {
		o.Ended = time.Unix(int64(to), 0)
	}
	if status == Failed {
		o.Error = apierr.New(apierr.IndexNotFound, "%s", node)
	}
	return o
}

func open() Record {
	return Record{
		UID: 7, Type: DocumentAddition, Status: Enqueued, RF: 2,
		Details: json.RawMessage(`{"receivedDocuments":6,"indexedDocuments":null}`),
		Targets: []Target{{Node: "a", Shards: "0,1"}, {Node: "b", Shards: "1,2"}, {Node: "c", Shards: "0,2"}},
	}
}

// TK-4: the status of a task out of the statuses of its parts.
func TestTK4Aggregate(t *testing.T) {
	for _, c := range []struct {
		name    string
		a, b, c string
		want    string
	}{
		{"nothing started", Enqueued, Enqueued, Enqueued, Enqueued},
		{"one runs", Processing, Enqueued, Enqueued, Processing},
		{"two are done", Succeeded, Succeeded, Processing, Processing},
		{"all are done", Succeeded, Succeeded, Succeeded, Succeeded},
		{"one failed, others run", Failed, Processing, Enqueued, Processing},
		{"one failed", Succeeded, Failed, Succeeded, Failed},
		{"all canceled", Canceled, Canceled, Canceled, Canceled},
	} {
		var list []Outcome
		for i, status := range []string{c.a, c.b, c.c} {
			from, to := 0, 0
			if status != Enqueued {
				from = 10 + i
			}
			if Final(status) {
				to = 20 + i
			}
			list = append(list, outcome([]string{"a", "b", "c"}[i], status, `{"indexedDocuments":4}`, from, to))
		}
		got := Aggregate(open(), list)
		if got.Status != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.Status, c.want)
		}
		if (got.Error != nil) != (c.want == Failed) || (got.FinishedAt != nil) != Final(c.want) {
			t.Errorf("%s: error %v, finished at %v", c.name, got.Error, got.FinishedAt)
		}
	}
}

// TK-6: counts are the client's, times span all parts.
func TestTK6DetailsAndTimes(t *testing.T) {
	got := Aggregate(open(), []Outcome{
		outcome("a", Succeeded, `{"indexedDocuments":4}`, 12, 20), outcome("b", Succeeded, `{"indexedDocuments":4}`, 10, 25),
		outcome("c", Succeeded, `{"indexedDocuments":4}`, 11, 22),
	})
	if string(got.Details) != `{"receivedDocuments":6,"indexedDocuments":6}` {
		t.Errorf("details %s", got.Details)
	}
	if got.StartedAt.Unix() != 10 || got.FinishedAt.Unix() != 25 {
		t.Errorf("from %v to %v", got.StartedAt, got.FinishedAt)
	}
	missed := open()
	missed.Targets[2].Missed = true
	got = Aggregate(missed, []Outcome{
		outcome("a", Succeeded, `{"indexedDocuments":4}`, 12, 20), outcome("b", Succeeded, `{"indexedDocuments":4}`, 10, 25),
	})
	if got.Status != Succeeded || string(got.Details) != `{"receivedDocuments":6,"indexedDocuments":6}` {
		t.Errorf("a copy was missed: %s, %s", got.Status, got.Details)
	}
}

// TK-5: a part that nobody can be asked about keeps the task open.
func TestTK5UnknownPartKeepsTaskOpen(t *testing.T) {
	got := Aggregate(open(), []Outcome{
		outcome("a", Succeeded, `{}`, 12, 20), outcome("b", Succeeded, `{}`, 10, 25), {Node: "c"},
	})
	if got.Status != Processing || got.FinishedAt != nil {
		t.Errorf("%s, finished at %v", got.Status, got.FinishedAt)
	}
}

func TestDeletionOfAGoneIndexSucceeds(t *testing.T) {
	r := Record{Type: IndexDeletion, Status: Enqueued, Targets: []Target{{Node: "a", Shards: "0"}}}
	if got := Aggregate(r, []Outcome{outcome("a", Failed, `{}`, 1, 2)}); got.Status != Succeeded || got.Error != nil {
		t.Errorf("%s, %v", got.Status, got.Error)
	}
}

// TK-8: every filter of GET /tasks.
// A swap counts for all indexes that it exchanges, and is listed for none.
func TestTK8SwapsCountForTheirIndexes(t *testing.T) {
	r := Record{Type: IndexSwap, Details: []byte(`{"swaps":[{"indexes":["a","b"],"rename":false},{"indexes":["c","d"],"rename":true}]}`)}
	for uid, want := range map[string]bool{"a": true, "d": true, "e": false} {
		f := Filter{IndexUIDs: []string{uid}}
		if got := f.Count(&r); got != want || f.Match(&r) {
			t.Errorf("%s: %v", uid, got)
		}
	}
}

func TestTK8Filter(t *testing.T) {
	at := func(s int) *time.Time { x := time.Unix(int64(s), 0); return &x }
	name, by := "movies", uint32(9)
	r := Record{UID: 7, Type: DocumentAddition, Status: Succeeded, IndexUID: &name, CanceledBy: &by,
		EnqueuedAt: *at(10), StartedAt: at(20), FinishedAt: at(30)}
	for _, c := range []struct {
		name string
		f    Filter
		want bool
	}{
		{"none", Filter{}, true},
		{"uid", Filter{UIDs: []uint32{7}}, true},
		{"other uid", Filter{UIDs: []uint32{8}}, false},
		{"empty list", Filter{Types: []string{}}, false},
		{"batch", Filter{BatchUIDs: []uint32{7}}, true},
		{"canceled by", Filter{CanceledBy: []uint32{9}}, true},
		{"type", Filter{Types: []string{DocumentAddition}}, true},
		{"status", Filter{Statuses: []string{Failed}}, false},
		{"index", Filter{IndexUIDs: []string{"movies"}}, true},
		{"after enqueued", Filter{AfterEnqueued: at(10)}, false},
		{"before started", Filter{BeforeStarted: at(21)}, true},
		{"within finished", Filter{AfterFinished: at(29), BeforeFinished: at(31)}, true},
	} {
		if got := c.f.Match(&r); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
