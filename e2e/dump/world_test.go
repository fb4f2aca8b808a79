package dump

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/operator"
	"github.com/miroir-search/miroir/internal/lifecycle"
)

const root = "../.."

// place is where a client finds an index: one Meilisearch, or a cluster.
type place struct{ url, key string }

// ask sends a request and reads the answer into a value.
func (p place) ask(method, path string, body any, into any) {
	GinkgoHelper()
	var raw []byte
	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	default:
		var err error
		raw, err = json.Marshal(b)
		Expect(err).NotTo(HaveOccurred())
	}
	r, err := http.NewRequest(method, p.url+path, bytes.NewReader(raw))
	Expect(err).NotTo(HaveOccurred())
	r.Header.Set("Authorization", "Bearer "+p.key)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	Expect(err).NotTo(HaveOccurred())
	Expect(res.StatusCode).To(BeNumerically("<", 300), "%s %s: %s", method, path, answer)
	if into != nil {
		dec := json.NewDecoder(bytes.NewReader(answer))
		dec.UseNumber()
		Expect(dec.Decode(into)).To(Succeed(), "%s", answer)
	}
}

// run sends a request that becomes a task, and waits until that has succeeded.
func (p place) run(method, path string, body any) map[string]any {
	GinkgoHelper()
	var enqueued struct{ TaskUID int }
	p.ask(method, path, body, &enqueued)
	return p.succeeded(enqueued.TaskUID)
}

func (p place) succeeded(uid int) (task map[string]any) {
	GinkgoHelper()
	Eventually(func() any {
		p.ask("GET", fmt.Sprintf("/tasks/%d", uid), nil, &task)
		return task["status"]
	}).WithTimeout(2 * time.Minute).WithPolling(20 * time.Millisecond).Should(BeElementOf("succeeded", "failed"))
	Expect(task["status"]).To(Equal("succeeded"), "%v", task["error"])
	return task
}

// documents lists all documents of an index, in the order in which they are shown.
func (p place) documents(index string) []any {
	GinkgoHelper()
	var list struct{ Results []any }
	p.ask("GET", "/indexes/"+index+"/documents?limit=1000000&retrieveVectors=true", nil, &list)
	return list.Results
}

func (p place) settings(index string) (settings map[string]any) {
	GinkgoHelper()
	p.ask("GET", "/indexes/"+index+"/settings", nil, &settings)
	return settings
}

// keys lists the API keys with their values.
func (p place) keys() []any {
	GinkgoHelper()
	var list struct{ Results []any }
	p.ask("GET", "/keys?limit=1000", nil, &list)
	return list.Results
}

// movies reads the documents beside the project.
func movies() (list []map[string]any) {
	GinkgoHelper()
	path := filepath.Join(root, "..", "shared", "data", "movies.ndjson")
	f, err := os.Open(path)
	Expect(err).NotTo(HaveOccurred(), "the documents %s are missing: they stand beside the project in ../shared", path)
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		var m map[string]any
		Expect(json.Unmarshal(s.Bytes(), &m)).To(Succeed())
		list = append(list, m)
	}
	return list
}

// status is an import as the admin API shows it.
type status struct {
	JobID   string `json:"job_id"`
	State   string
	Phase   string
	Size    int64 `json:"size_bytes"`
	Written struct{ Documents int }
	Error   any
}

func imported(c operator.Ctl, job string) (s status) {
	GinkgoHelper()
	code, out, _ := c.Run("dump", "status", job, "-o", "json")
	if code == lifecycle.ExitOK { // it may be away for a moment
		Expect(json.Unmarshal([]byte(out), &s)).To(Succeed())
	}
	return s
}
