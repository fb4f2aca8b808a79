package dispatch

import "testing"

// §6 "Order": success is told when somebody allows it, and what was sent again for it has succeeded; where that failed it will be sent
// once more.
func TestSuccessWaitsForWhatIsSentAgain(t *testing.T) {
	q := &queue{}
	table := newTable(t, q, 10)
	write, again := q.add("write"), q.add("again")
	node := known{after: map[string]string{"write": "again"}, open: map[string]bool{"write": true}}
	table.Heed(node)
	if err := table.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	told := func(want, when string) {
		t.Helper()
		found, err := table.Lookup(t.Context(), []string{"write"})
		if err != nil || found[0].State != want {
			t.Errorf("%s: %s, %v, want %s", when, found[0].State, err, want)
		}
	}
	told("processing", "not allowed")
	node.open["write"] = false
	for _, status := range []string{"enqueued", "failed", "canceled"} {
		q.move(int(again), status)
		told("processing", "what was sent again is "+status)
	}
	q.move(int(again), "succeeded")
	told("succeeded", "all is there")
	q.move(int(write), "failed")
	told("failed", "a failure waits for nothing")
}
