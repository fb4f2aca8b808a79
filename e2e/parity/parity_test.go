package parity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/e2e/parity/operation"
	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/testkit/golden"
	"github.com/miroir-search/miroir/internal/testkit/need"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

// quick is the number of requests of a run that nobody asked more of.
const quick = 300

// setting is a number given by the environment.
func setting(t *testing.T, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// IN-1, RT-7, TE-3: whoever manages a cluster is answered as by one Meilisearch.
func TestManagedAsOne(t *testing.T) {
	need.Feature(t, need.V150Answers)
	seed, requests := uint64(setting(t, "PARITY_SEED", 1)), setting(t, "PARITY_REQUESTS", quick)
	lone := node.Start(t, node.Options{})
	cluster, err := provider.StartLocal(t.Context(), "../..", provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	pair := golden.NewPair(golden.Target{URL: lone.URL, MasterKey: lone.MasterKey}, golden.Target{URL: cluster.URL(), MasterKey: cluster.MasterKey()})
	defer pair.Close()
	pair.Normal = normal
	differ := 0
	for n := range requests {
		r := operation.Make(seed, n, pair.Tasks())
		found, err := pair.Send(t.Context(), r)
		if errors.Is(err, golden.ErrNoAnswer) {
			t.Logf("request %d of seed %d: %v", n, seed, err)
			err = nil
		}
		if err != nil {
			t.Fatalf("request %d of seed %d: %v", n, seed, err)
		}
		if pair.Made() { // whatever it did, both have the same indexes afterwards
			after, err := indexes(t.Context(), pair)
			if err != nil {
				t.Fatalf("after request %d of seed %d: %v", n, seed, err)
			}
			// A change of settings that fails leaves the index behind that it made (docs/settings.md).
			if !strings.Contains(r.Path, "/settings") || slices.ContainsFunc(after, func(d golden.Difference) bool { return d.Want != "no such index" }) {
				found = append(found, after...)
			}
		}
		if found = slices.DeleteFunc(found, func(d golden.Difference) bool { return expected(r, d) }); len(found) == 0 {
			continue
		}
		differ++
		t.Errorf("request %d of seed %d: %s", n, seed, show(r))
		for _, d := range found {
			t.Logf("  %s: want %.400s, got %.400s", d.Path, d.Want, d.Got)
		}
	}
	t.Logf("%d requests, %d tasks, %d requests answered otherwise", requests, pair.Tasks(), differ)
}

// indexes compares which indexes there are, with their primary keys and how many documents they have. Those that differ are deleted, so that they are told of once.
func indexes(ctx context.Context, pair *golden.Pair) ([]golden.Difference, error) {
	w, g, err := pair.Ask(ctx, golden.Request{Method: http.MethodGet, Path: "/indexes?limit=100"})
	if err != nil {
		return nil, err
	}
	wantStats, gotStats, err := pair.Ask(ctx, golden.Request{Method: http.MethodGet, Path: "/stats"})
	if err != nil {
		return nil, err
	}
	want, got := states(w, wantStats), states(g, gotStats)
	all := maps.Clone(want)
	maps.Copy(all, got)
	var found []golden.Difference
	for _, uid := range slices.Sorted(maps.Keys(all)) {
		d := golden.Difference{Path: "/afterwards/" + uid, Want: "no such index", Got: "no such index"}
		if key, there := want[uid]; there {
			d.Want = key
		}
		if key, there := got[uid]; there {
			d.Got = key
		}
		if d.Want == d.Got {
			continue
		}
		found = append(found, d)
		if _, _, err := pair.Ask(ctx, golden.Request{Method: http.MethodDelete, Path: "/indexes/" + uid}); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// states are the primary keys of listed indexes and how many documents they have, by their uids.
func states(list, stats any) map[string]string {
	all, _ := stats.(map[string]any)
	counts, _ := all["indexes"].(map[string]any)
	keys := map[string]string{}
	object, _ := list.(map[string]any)
	results, _ := object["results"].([]any)
	for _, r := range results {
		if index, ok := r.(map[string]any); ok {
			uid := fmt.Sprint(index["uid"])
			count, _ := counts[uid].(map[string]any)
			keys[uid] = fmt.Sprintf("primary key %s, %v documents", encoded(index["primaryKey"]), count["numberOfDocuments"])
		}
	}
	return keys
}

func show(r golden.Request) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s", r.Method, r.Path)
	if r.ContentType.Value != nil {
		fmt.Fprintf(&out, " (%s)", *r.ContentType.Value)
	}
	if r.Auth.Given {
		out.WriteString(" (other credentials)")
	}
	if r.RawBody != nil {
		fmt.Fprintf(&out, " %.500q", *r.RawBody)
	}
	return out.String()
}

// normal takes out of an answer what is not promised: the order in which documents are listed that nobody sorted, for a replaced
// document counts as written anew (docs/decisions/2026-11-25-listing-order.md).
func normal(r golden.Request, body any) any {
	if !strings.Contains(r.Path, "/documents") {
		return body
	}
	object, ok := body.(map[string]any)
	if !ok {
		return body
	}
	results, ok := object["results"].([]any)
	if !ok {
		return body
	}
	if total, ok := object["total"].(json.Number); ok && total.String() != strconv.Itoa(len(results)) {
		object["results"] = json.Number(strconv.Itoa(len(results))) // a page of a list in another order
		return body
	}
	slices.SortFunc(results, func(a, b any) int { return strings.Compare(encoded(a), encoded(b)) })
	return body
}

func encoded(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// anyway are parts of answers that have no meaning for others than the node that gave them: what a batch cost it, and why it ended.
var anyway = regexp.MustCompile(`/(batchStrategy|stats/(internalDatabaseSizes|writeChannelCongestion|progressTrace))(/|$)`)

// expected says whether a difference is one that is documented.
func expected(r golden.Request, d golden.Difference) bool {
	if strings.HasPrefix(r.Path, "/tasks") || strings.HasPrefix(r.Path, "/batches") {
		// One engine gives the tasks of swapped indexes the other name; in a cluster they keep the name that the client used (docs/tasks.md).
		if strings.Contains(r.Path, "indexUids=") || strings.HasSuffix(d.Path, "/indexUid") || strings.Contains(d.Path, "/stats/indexUids") {
			return true
		}
	}
	return anyway.MatchString(d.Path) ||
		strings.HasPrefix(d.Want, `primary key "",`) || // an empty name of a key: the index of a cluster has no key then
		strings.Contains(d.Want, "no vectors provided for document") || // of the documents of one node
		strings.Contains(d.Want, "their new name conflicts with") // one engine names them in no order
}
