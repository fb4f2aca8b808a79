package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/meilisearch/meilisearch-go"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
)

// lossLine is what a sidecar logs when its engine has lost an index.
const lossLine = "the engine has lost an index, its copies serve no reads until they are repaired"

// loseData kills processes of a node, the engine among them, and takes the engine's database away. The node comes back
// while documents are read all the time, and written. No read may miss a document that was there before.
func loseData(cluster *provider.Local, in *inside, app *client, node string, processes ...string) {
	GinkgoHelper()
	before := map[string]bool{}
	for id := range app.want {
		before[id] = true
	}
	lines := func() int { return strings.Count(cluster.Log("sidecar-"+node), lossLine) }
	had := lines()
	for _, p := range processes {
		Expect(cluster.Kill(p)).To(Succeed())
	}
	Eventually(func() error { return in.Engine("node-"+node, http.MethodGet, "/health", nil, &struct{}{}) }).
		WithTimeout(longest).WithPolling(10 * time.Millisecond).ShouldNot(Succeed())
	Expect(os.RemoveAll(filepath.Join(cluster.Data("node-"+node), "db"))).To(Succeed())

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	reads, stopped := 0, make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(stopped)
		for ctx.Err() == nil {
			Expect(misses(app.sdk, before)).To(Succeed())
			reads++
		}
	}()
	back := func() error {
		app.add([]map[string]any{{"id": fmt.Sprint("late-", node, "-", len(app.want)), "round": 0.0}})
		if err := errors.Join(cluster.Revive(), in.Clean()); err != nil {
			return err
		}
		if lines() == had {
			return errors.New("nobody noticed the loss yet")
		}
		return nil
	}
	Eventually(back).WithTimeout(longest).WithPolling(20 * time.Millisecond).Should(Succeed())
	Eventually(func() error { return in.equal(app.want) }).WithTimeout(longest).WithPolling(200 * time.Millisecond).Should(Succeed())
	cancel()
	Eventually(stopped).WithTimeout(longest).Should(BeClosed())
	Expect(reads).To(BeNumerically(">", 10))
	Expect(lines()).To(Equal(had+1), "the loss was noticed once")
}

// misses says which of the documents clients do not see. Being refused is no miss.
func misses(sdk meilisearch.IndexManager, want map[string]bool) error {
	found, err := sdk.Search("", &meilisearch.SearchRequest{Page: 1, HitsPerPage: ptr(int64(1))})
	if refused(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if int(found.TotalHits) < len(want) {
		return fmt.Errorf("a search has %d hits of %d at least", found.TotalHits, len(want))
	}
	var page meilisearch.DocumentsResult
	err = sdk.GetDocuments(&meilisearch.DocumentsQuery{Limit: 100_000, Fields: []string{"id"}}, &page)
	if refused(err) {
		return nil
	}
	seen := map[string]bool{}
	for _, d := range page.Results {
		var id string
		err = errors.Join(err, json.Unmarshal(d["id"], &id))
		seen[id] = true
	}
	for id := range want {
		if err == nil && !seen[id] {
			err = fmt.Errorf("%s is missed among %d documents", id, len(seen))
		}
	}
	one := 0
	for id := range want { // in an order of its own each time
		if one++; err != nil || one > 10 {
			break
		}
		var got map[string]any
		if err = sdk.GetDocument(id, nil, &got); refused(err) {
			err = nil
		}
	}
	return err
}

func refused(err error) bool {
	var e *meilisearch.Error
	return errors.As(err, &e) && e.StatusCode == http.StatusServiceUnavailable
}
