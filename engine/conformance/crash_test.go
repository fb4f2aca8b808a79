//go:build dataplane

package conformance

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/miroir-search/miroir/internal/testkit/need"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

// A task that was accepted is worked off, whenever the process dies: it is killed in the middle of indexing, several
// times over, and in the end every accepted document is there, once.
func TestKilledNodeLosesNothing(t *testing.T) {
	const (
		indexes = 3
		rounds  = 4
		tasks   = 30  // in a round
		size    = 400 // documents of a task
	)
	dir := t.TempDir()
	n := node.Start(t, node.Options{Dir: dir})
	accepted := map[string]int{}
	for i := range indexes {
		must(t, n, http.StatusAccepted, http.MethodPatch, fmt.Sprintf("/indexes/i%d/settings", i), map[string]any{
			"filterableAttributes": []string{"n"}, "sortableAttributes": []string{"n"}, "rankingRules": []string{"words", "n:asc"},
		})
	}
	for round := range rounds {
		finished := total(t, n, "statuses=succeeded")
		for i := range tasks {
			index := fmt.Sprintf("i%d", i%indexes)
			a, err := ask(t, n, http.MethodPost, "/indexes/"+index+"/documents", documents(accepted[index], size))
			if err != nil || a.status != http.StatusAccepted {
				t.Fatalf("round %d, task %d: %d %s %v", round, i, a.status, a.body, err)
			}
			accepted[index] += size
		}
		// In the middle: some of the round is done, most is not.
		eventually(t, "something of the round is done", func() bool { return total(t, n, "statuses=succeeded") > finished })
		n.Kill()
		n = node.Start(t, node.Options{Dir: dir})
	}
	settled(t, n)
	if failed := total(t, n, "statuses=failed,canceled"); failed != 0 {
		t.Errorf("%d tasks did not succeed: %s", failed, must(t, n, http.StatusOK, http.MethodGet, "/tasks?statuses=failed,canceled&limit=1", nil).body)
	}
	if all, want := total(t, n, ""), indexes+rounds*tasks; all != want {
		t.Errorf("%d tasks are left of %d", all, want)
	}
	for index, want := range accepted {
		var stats struct{ NumberOfDocuments int }
		must(t, n, http.StatusOK, http.MethodGet, "/indexes/"+index+"/stats", nil).into(t, &stats)
		var found struct {
			TotalHits int
			Hits      []struct{ ID int }
		}
		must(t, n, http.StatusOK, http.MethodPost, "/indexes/"+index+"/search", map[string]any{
			"q": "document", "filter": "n >= 0", "hitsPerPage": 1,
		}).into(t, &found)
		if stats.NumberOfDocuments != want || found.TotalHits != want {
			t.Errorf("%s: %d documents accepted, %d counted, %d found", index, want, stats.NumberOfDocuments, found.TotalHits)
		}
		must(t, n, http.StatusOK, http.MethodGet, fmt.Sprintf("/indexes/%s/documents/%d", index, want-1), nil)
	}
	var rules []string
	must(t, n, http.StatusOK, http.MethodGet, "/indexes/i0/settings/ranking-rules", nil).into(t, &rules)
	if fmt.Sprint(rules) != "[words n:asc]" {
		t.Errorf("ranking rules are %q", rules)
	}
}

// An operator's stop leaves what the next start continues with, and ends the process without complaint.
func TestStoppedNodeContinues(t *testing.T) {
	need.Feature(t, need.OwnEngine)
	dir := t.TempDir()
	n := node.Start(t, node.Options{Dir: dir})
	for i := range 20 {
		if a, err := ask(t, n, http.MethodPost, "/indexes/a/documents", documents(500*i, 500)); err != nil || a.status != http.StatusAccepted {
			t.Fatalf("%d %s %v", a.status, a.body, err)
		}
	}
	must(t, n, http.StatusAccepted, http.MethodDelete, "/indexes/a/documents/7", nil)
	n.Stop()
	if code := n.ExitCode(); code != 0 {
		t.Errorf("the node ended with code %d", code)
	}
	n = node.Start(t, node.Options{Dir: dir})
	settled(t, n)
	var stats struct{ NumberOfDocuments int }
	must(t, n, http.StatusOK, http.MethodGet, "/indexes/a/stats", nil).into(t, &stats)
	if stats.NumberOfDocuments != 9999 || total(t, n, "statuses=succeeded") != 21 {
		t.Errorf("%d documents, %d tasks succeeded", stats.NumberOfDocuments, total(t, n, "statuses=succeeded"))
	}
}

// Consecutive additions to an index are worked off together (WQ-8).
func TestAdditionsAreBatched(t *testing.T) {
	n := node.Start(t, node.Options{})
	const tasks = 60
	for i := range tasks {
		if a, err := ask(t, n, http.MethodPost, "/indexes/a/documents", documents(10*i, 10)); err != nil || a.status != http.StatusAccepted {
			t.Fatalf("%d %s %v", a.status, a.body, err)
		}
	}
	settled(t, n)
	var batches struct{ Total int }
	must(t, n, http.StatusOK, http.MethodGet, "/batches?limit=0", nil).into(t, &batches)
	if batches.Total >= tasks/2 {
		t.Errorf("%d tasks were worked off in %d batches", tasks, batches.Total)
	}
	if got := total(t, n, "statuses=succeeded"); got != tasks {
		t.Errorf("%d of %d tasks succeeded", got, tasks)
	}
}
