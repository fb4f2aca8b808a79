package aliases

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const root = "../.."

func TestAliases(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "aliases")
}

// client asks the cluster under one credential.
type client struct{ url, key string }

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) into(v any) reply {
	GinkgoHelper()
	Expect(json.Unmarshal(r.body, v)).To(Succeed(), "%d %s", r.status, r.body)
	return r
}

func (r reply) code() string {
	var e struct{ Code string }
	_ = json.Unmarshal(r.body, &e)
	return e.Code
}

// timeless is the body without what differs from request to request.
func (r reply) timeless() string {
	GinkgoHelper()
	var v any
	r.into(&v)
	strip(v)
	raw, err := json.Marshal(v)
	Expect(err).NotTo(HaveOccurred())
	return string(raw)
}

func strip(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "requestUid")
		delete(v, "processingTimeMs")
		for _, below := range v {
			strip(below)
		}
	case []any:
		for _, below := range v {
			strip(below)
		}
	}
}

// send is ask for goroutines: it fails nothing.
func (c client) send(method, path, body string) (reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, raw}, err
}

func (c client) ask(method, path, body string) reply {
	GinkgoHelper()
	r, err := c.send(method, path, body)
	Expect(err).NotTo(HaveOccurred())
	return r
}

// done asks for a task, waits for its end and returns it.
func (c client) done(method, path, body string) (t struct {
	UID          uint32
	IndexUID     string
	Status, Type string
	Error        *struct{ Code, Message string }
	Details      map[string]any
	CanceledBy   *uint32
}) {
	GinkgoHelper()
	r := c.ask(method, path, body)
	Expect(r.status).To(BeElementOf(http.StatusOK, http.StatusAccepted), "%s %s: %s", method, path, r.body)
	var enqueued struct{ TaskUID uint32 }
	r.into(&enqueued)
	Eventually(func() string {
		c.ask("GET", fmt.Sprintf("/tasks/%d", enqueued.TaskUID), "").into(&t)
		return t.Status
	}, time.Minute, 20*time.Millisecond).Should(BeElementOf("succeeded", "failed", "canceled"))
	return t
}

// ok is done for a task that must succeed.
func (c client) ok(method, path, body string) {
	GinkgoHelper()
	t := c.done(method, path, body)
	Expect(t.Status).To(Equal("succeeded"), "%s %s: %+v", method, path, t.Error)
}

// documents are n documents whose ids and texts begin with a word.
func documents(word string, from, n int) string {
	var list []string
	for i := from; i < from+n; i++ {
		list = append(list, fmt.Sprintf(`{"id":"%s-%d","text":"%s common %d","rank":%d,"colour":%q}`, word, i, word, i, i, []string{"red", "green", "blue"}[i%3]))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// vectors are n documents with a vector each, no two as near to a third.
func vectors(word string, from, n int) string {
	var list []string
	for i := from; i < from+n; i++ {
		list = append(list, fmt.Sprintf(`{"id":"%s-%d","text":"%s common","rank":%d,"_vectors":{"own":[%d,%d.5,%d]}}`, word, i, word, i, i+1, (i*7)%23, (i*i)%41))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func (c client) ids(path string) []string {
	GinkgoHelper()
	var page struct {
		Results []struct{ ID string }
		Total   int
	}
	r := c.ask("POST", path+"/documents/fetch", `{"limit":100000,"fields":["id"]}`)
	Expect(r.status).To(Equal(http.StatusOK), "%s", r.body)
	r.into(&page)
	ids := make([]string, len(page.Results))
	for i, d := range page.Results {
		ids[i] = d.ID
	}
	Expect(ids).To(HaveLen(page.Total))
	return ids
}
