package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const root = "../.."

// patience is how long anything may take on a busy machine.
const patience = 2 * time.Minute

// place is a server: the ingress, the admin API or an engine.
type place struct{ url, key string }

// answer is what a request brought.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (p place) send(method, path, body string, headers ...string) (answer, error) {
	r, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+p.key)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, bytes.TrimSpace(raw)}, err
}

// ask is send for a request that must be answered.
func (p place) ask(method, path, body string, headers ...string) answer {
	GinkgoHelper()
	a, err := p.send(method, path, body, headers...)
	Expect(err).NotTo(HaveOccurred())
	return a
}

// task is what the suite looks at of a task.
type task struct {
	UID    int
	Status string
	Error  *struct{ Code, Message string }
}

func (p place) enqueue(method, path, body string) (uid int) {
	GinkgoHelper()
	a := p.ask(method, path, body)
	Expect(a.status).To(Equal(http.StatusAccepted), "%s", a.body)
	var enqueued struct{ TaskUID int }
	Expect(json.Unmarshal(a.body, &enqueued)).To(Succeed())
	return enqueued.TaskUID
}

func (p place) ended(uid int) (t task) {
	GinkgoHelper()
	Eventually(func() string {
		a, err := p.send("GET", fmt.Sprintf("/tasks/%d", uid), "")
		if t = (task{}); err == nil && a.status == http.StatusOK {
			Expect(json.Unmarshal(a.body, &t)).To(Succeed())
		}
		return t.Status
	}).WithTimeout(patience).WithPolling(20 * time.Millisecond).Should(BeElementOf("succeeded", "failed"))
	return t
}

func (p place) run(method, path, body string) {
	GinkgoHelper()
	t := p.ended(p.enqueue(method, path, body))
	Expect(t.Status).To(Equal("succeeded"), "%+v", t.Error)
}

// settled waits until answers are made with one version of the settings.
func (p place) settled() {
	GinkgoHelper()
	Eventually(func() string {
		return p.ask("POST", search, `{"q":"word1"}`).header.Get(headerInconsistent)
	}).WithTimeout(patience).WithPolling(10 * time.Millisecond).Should(BeEmpty())
}
