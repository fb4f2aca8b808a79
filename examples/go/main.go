package main

import (
	"net/http"
	"os"

	"github.com/meilisearch/meilisearch-go"
)

const prefix = "tour_go_"

// tour is what its parts share.
type tour struct {
	*ledger
	sdk    meilisearch.ServiceManager
	url    string
	miroir bool
}

func main() {
	t := &tour{ledger: newLedger(), url: environment("MEILI_URL", "http://127.0.0.1:7700")}
	t.sdk = t.client(environment("MEILI_KEY", "masterKey"))
	t.miroir = isMiroir(t.url)
	for _, p := range []struct {
		name string
		run  func()
	}{
		{"tidy", t.tidy}, {"server", t.server}, {"readers", t.readers}, {"indexes", t.indexes}, {"documents", t.documents},
		{"selection", t.selection}, {"settings", t.settings}, {"searches", t.searches}, {"keys", t.keys}, {"tasks", t.tasks},
		{"webhooks", t.webhooks}, {"features", t.features}, {"copies", t.copies}, {"network", t.network}, {"chat", t.chat},
		{"rules", t.rules}, {"tidy", t.tidy},
	} {
		t.part(p.name, p.run)
	}
	t.sdk.Close()
	t.note("ServiceManager.Close")
	os.Exit(t.report())
}

// client is the package's client with a key; all its requests go through the ledger.
func (t *tour) client(key string) meilisearch.ServiceManager {
	return meilisearch.New(t.url, meilisearch.WithAPIKey(key), meilisearch.WithCustomClient(&http.Client{Transport: t.ledger}))
}

// isMiroir says whether a cluster of Miroir answers: it alone numbers every answer.
func isMiroir(url string) bool {
	answer, err := http.Get(url + "/health") //nolint:gosec,noctx // the address that was asked for
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.Header.Get("X-Request-Id") != ""
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func (t *tour) tidy() {
	for _, ix := range get(t.sdk.ListIndexes(&meilisearch.IndexesQuery{Limit: 1000})).Results {
		if len(ix.UID) > len(prefix) && ix.UID[:len(prefix)] == prefix {
			t.done(t.sdk.DeleteIndex(ix.UID))
		}
	}
}
