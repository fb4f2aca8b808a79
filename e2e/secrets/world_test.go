package secrets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const root = "../.."

// patience is how long anything may take on a busy machine.
const patience = 2 * time.Minute

// The secrets of this suite. No part of the first five characters tells them apart, as with real ones.
const (
	firstKey  = "sk-proj-firstSecretOfTheSuite-0123456789"
	secondKey = "sk-proj-secondSecretOfTheSuite-0123456789"
	wrongKey  = "sk-proj-wrongSecretOfTheSuite-0123456789"
	header    = "headerSecretOfTheSuite-0123456789"
)

// mark is part of every one of them, and of nothing else.
const mark = "SecretOfTheSuite"

// embedding is a server that embeds for those who have a key it takes.
type embedding struct {
	*httptest.Server
	mu    sync.Mutex
	takes map[string]bool
	asked map[string]int // by key, documents that came with the header
	wrong int            // requests without the header
}

func newEmbedding(keys ...string) *embedding {
	e := &embedding{takes: map[string]bool{}, asked: map[string]int{}}
	for _, k := range keys {
		e.takes[k] = true
	}
	e.Server = httptest.NewServer(e)
	return e
}

func (e *embedding) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	var in struct{ Input []string }
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.Header.Get("X-Tenant") != header {
		e.wrong++
	}
	e.asked[key] += len(in.Input)
	if err != nil || !e.takes[key] {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"the key is wrong"}`)
		return
	}
	vectors := make([]string, len(in.Input))
	for i := range vectors {
		vectors[i] = `{"embedding":[0.5,0.25]}`
	}
	_, _ = fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(vectors, ","))
}

// only lets the server take these keys from now on, and forgets who asked.
func (e *embedding) only(keys ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.takes, e.asked, e.wrong = map[string]bool{}, map[string]int{}, 0
	for _, k := range keys {
		e.takes[k] = true
	}
}

// askers are the keys that came since, and how often the header was missing.
func (e *embedding) askers() (keys []string, wrong int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k := range e.asked {
		keys = append(keys, k)
	}
	return keys, e.wrong
}

// embedder are settings of an index with an embedder that asks the server.
func (e *embedding) embedder(key string) string {
	return fmt.Sprintf(`{"source":"rest","url":%q,"apiKey":%q,"dimensions":2,"documentTemplate":"{{doc.title}}",`+
		`"headers":{"X-Tenant":%q},"request":{"input":["{{text}}","{{..}}"]},"response":{"data":[{"embedding":"{{embedding}}"},"{{..}}"]}}`,
		e.URL, key, header)
}

// place is where a client finds an index: one Meilisearch, or a cluster.
type place struct{ url, key string }

// send sends a request and returns the answer.
func (p place) send(method, path, body string) (status int, answer []byte) {
	GinkgoHelper()
	r, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	r.Header.Set("Authorization", "Bearer "+p.key)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(res.Body)
	Expect(err).NotTo(HaveOccurred())
	return res.StatusCode, bytes.TrimSpace(answer)
}

// ended sends a request that becomes a task, and returns it when it has ended.
func (p place) ended(method, path, body string) (t taskView) {
	GinkgoHelper()
	status, answer := p.send(method, path, body)
	Expect(status).To(Equal(http.StatusAccepted), "%s", answer)
	var enqueued struct{ TaskUID int }
	Expect(json.Unmarshal(answer, &enqueued)).To(Succeed())
	Eventually(func() string {
		status, answer := p.send("GET", fmt.Sprintf("/tasks/%d", enqueued.TaskUID), "")
		Expect(status).To(Equal(http.StatusOK), "%s", answer)
		t = taskView{}
		Expect(json.Unmarshal(answer, &t)).To(Succeed())
		return t.Status
	}).WithTimeout(patience).WithPolling(20 * time.Millisecond).Should(BeElementOf("succeeded", "failed"))
	return t
}

// taskView is what the suite compares of a task.
type taskView struct {
	Status  string
	Details json.RawMessage
	Error   json.RawMessage
}
