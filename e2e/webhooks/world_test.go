package webhooks

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const (
	root     = "../.."
	patience = 2 * time.Minute // for any wait, on a busy machine
)

// receiver is a webhook's server. It takes tasks while it is open.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	closed bool
	lines  []string
	header http.Header
	asked  int
}

func newReceiver(closed bool) *receiver {
	r := &receiver{closed: closed}
	r.Server = httptest.NewServer(r)
	DeferCleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	gz, err := gzip.NewReader(q.Body)
	var raw []byte
	if err == nil {
		raw, err = io.ReadAll(gz)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	r.header = q.Header.Clone()
	r.header["Transfer-Encoding"] = q.TransferEncoding
	switch {
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case r.closed:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		r.lines = append(r.lines, strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")...)
	}
}

func (r *receiver) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = false
}

func (r *receiver) requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// taken lists the lines that were taken, without repetitions.
func (r *receiver) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, line := range r.lines {
		if !slices.Contains(list, line) {
			list = append(list, line)
		}
	}
	return list
}

// place is somewhere that the API is served.
type place struct{ url, key string }

func (p place) send(method, path, body string) (int, []byte) {
	GinkgoHelper()
	r, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	r.Header.Set("Authorization", "Bearer "+p.key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(r)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	Expect(err).NotTo(HaveOccurred())
	return res.StatusCode, bytes.TrimSpace(raw)
}

// hook makes a webhook.
func (p place) hook(body string) (uuid string) {
	GinkgoHelper()
	status, raw := p.send("POST", "/webhooks", body)
	Expect(status).To(Equal(http.StatusCreated), "%s", raw)
	var made struct{ UUID string }
	Expect(json.Unmarshal(raw, &made)).To(Succeed())
	return made.UUID
}

// ended sends a request that makes a task, waits until that has ended, and returns it as it is shown.
func (p place) ended(method, path, body string) string {
	GinkgoHelper()
	status, raw := p.send(method, path, body)
	Expect(status).To(BeElementOf(http.StatusAccepted, http.StatusOK), "%s", raw)
	var made struct{ TaskUID uint32 }
	Expect(json.Unmarshal(raw, &made)).To(Succeed())
	var shown []byte
	Eventually(func() string {
		var one struct{ Status string }
		_, shown = p.send("GET", fmt.Sprintf("/tasks/%d", made.TaskUID), "")
		Expect(json.Unmarshal(shown, &one)).To(Succeed())
		return one.Status
	}).WithTimeout(patience).WithPolling(20 * time.Millisecond).Should(BeElementOf("succeeded", "failed", "canceled"))
	return string(shown)
}
