package session

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/state"
)

const (
	root    = "../.."
	longest = 2 * time.Minute // for any wait, on a busy machine
)

func TestSession(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "session")
}

// world is a cluster and what a client and an operator do with it.
type world struct {
	cluster *provider.Local
	store   *state.Client
}

func start(ctx SpecContext, o provider.Options) *world {
	GinkgoHelper()
	cluster, err := provider.StartLocal(ctx, root, o)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		if CurrentSpecReport().Failed() {
			AddReportEntry("gateway-0", cluster.Log("gateway-0"))
		}
		Expect(cluster.Stop()).To(Succeed())
	})
	store, err := state.Open(ctx, state.Options{Endpoints: []string{cluster.Etcd()}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = store.Close() })
	return &world{cluster, store}
}

// answer is what a request was answered with.
type answer struct {
	status int
	header http.Header
	body   string
}

// code is that of an error.
func (a answer) code() string {
	var e struct{ Code string }
	_ = json.Unmarshal([]byte(a.body), &e)
	return e.Code
}

// task is the uid of the task that a request made.
func (a answer) task() uint32 {
	GinkgoHelper()
	Expect(a.status).To(Equal(http.StatusAccepted), "%s", a.body)
	var t struct{ TaskUID uint32 }
	Expect(json.Unmarshal([]byte(a.body), &t)).To(Succeed())
	return t.TaskUID
}

// ask sends a request with further headers, each as name and value.
func (w *world) ask(ctx context.Context, method, path string, body any, headers ...string) (answer, error) {
	GinkgoHelper()
	raw, isText := body.(string)
	if body != nil && !isText {
		b, err := json.Marshal(body)
		Expect(err).NotTo(HaveOccurred())
		raw = string(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, w.cluster.URL()+path, strings.NewReader(raw))
	Expect(err).NotTo(HaveOccurred())
	r.Header.Set("Authorization", "Bearer "+w.cluster.MasterKey())
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(text)}, err
}

// must is ask for a request that gets an answer.
func (w *world) must(ctx context.Context, method, path string, body any, headers ...string) answer {
	GinkgoHelper()
	a, err := w.ask(ctx, method, path, body, headers...)
	Expect(err).NotTo(HaveOccurred())
	return a
}

// ended waits until a task has ended, and returns it.
func (w *world) ended(ctx context.Context, uid uint32) map[string]any {
	GinkgoHelper()
	var task map[string]any
	Eventually(func() any {
		a, err := w.ask(ctx, "GET", fmt.Sprintf("/tasks/%d", uid), nil)
		if err != nil || a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &task) != nil {
			return a.body
		}
		return task["status"]
	}).WithContext(ctx).WithTimeout(longest).WithPolling(20 * time.Millisecond).Should(BeElementOf("succeeded", "failed", "canceled"))
	return task
}

// succeeded is ended for a task that must have succeeded.
func (w *world) succeeded(ctx context.Context, uid uint32) {
	GinkgoHelper()
	Expect(w.ended(ctx, uid)).To(HaveKeyWithValue("status", "succeeded"))
}

// engineTasks counts the tasks of every engine that belong to one of the cluster's.
func (w *world) engineTasks(ctx context.Context, uid uint32) map[string]int {
	GinkgoHelper()
	key, err := w.cluster.EngineKey()
	Expect(err).NotTo(HaveOccurred())
	n := map[string]int{}
	for _, node := range w.cluster.Nodes() {
		r, err := http.NewRequestWithContext(ctx, "GET", node.Engine+"/tasks?limit=1000", nil)
		Expect(err).NotTo(HaveOccurred())
		r.Header.Set("Authorization", "Bearer "+key)
		res, err := http.DefaultClient.Do(r)
		Expect(err).NotTo(HaveOccurred())
		var list struct {
			Results []struct{ CustomMetadata string }
		}
		err = json.NewDecoder(res.Body).Decode(&list)
		Expect(res.Body.Close()).To(Succeed())
		Expect(err).NotTo(HaveOccurred())
		for _, t := range list.Results {
			if t.CustomMetadata == fmt.Sprint(uid) {
				n[node.ID]++
			}
		}
	}
	return n
}

// documents is a payload of so many documents that say which round they belong to.
func documents(from, to, round int) string {
	var b bytes.Buffer
	b.WriteByte('[')
	for n := from; n < to; n++ {
		if n > from {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"d%d","round":%d,"title":"Document %d of round %d"}`, n, round, n, round)
	}
	b.WriteByte(']')
	return b.String()
}

// name is the name of the record of an idempotency key, or of a session, of the master key's holder.
func name(word string) string {
	sum := sha256.Sum256([]byte("\x00" + word))
	return hex.EncodeToString(sum[:])
}

// recorded returns when an idempotency key is on record.
func (w *world) recorded(ctx context.Context, key string) error {
	for ctx.Err() == nil {
		if _, _, err := w.store.Idempotency(ctx, key); !errors.Is(err, state.ErrNotFound) {
			return err
		}
	}
	return context.Cause(ctx)
}
