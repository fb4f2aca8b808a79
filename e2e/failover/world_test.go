package failover

import (
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

	"github.com/miroir-search/miroir/e2e/provider"
)

const (
	root    = "../.."
	longest = 2 * time.Minute // for any wait, on a busy machine
	look    = 20 * time.Millisecond
)

func TestFailover(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "failover")
}

// world is a cluster and what a client does with it.
type world struct {
	*provider.Local
	url string // of the Envoy that is asked
}

// start starts a cluster of two nodes that hold everything twice.
func start(ctx context.Context, flags ...string) *world {
	GinkgoHelper()
	cluster, err := provider.StartLocal(ctx, root, provider.Options{Nodes: 2, Groups: 1, Replicas: 2, Shards: 4, Flags: flags})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		if CurrentSpecReport().Failed() {
			for _, process := range []string{"gateway-0", "gateway-1", "coordinator-0", "coordinator-1", "envoy"} {
				AddReportEntry(process, cluster.Log(process))
			}
			for _, e := range cluster.Envoys() {
				stats, _ := send(context.Background(), http.DefaultClient, e.Admin, "", "GET", "/stats?usedonly&filter=cluster.gateway", "")
				hosts, _ := send(context.Background(), http.DefaultClient, e.Admin, "", "GET", "/clusters", "")
				AddReportEntry(e.Process, stats.body+hosts.body)
			}
		}
		Expect(cluster.Stop()).To(Succeed())
	})
	return &world{cluster, cluster.URL()}
}

// answer is what a request was answered with.
type answer struct {
	status int
	header http.Header
	body   string
	leave  bool // the connection was closed with it
}

// send sends a request under the master key with further headers, each as name and value.
func (w *world) send(ctx context.Context, method, path, body string, headers ...string) (answer, error) {
	return send(ctx, http.DefaultClient, w.url, w.MasterKey(), method, path, body, headers...)
}

func send(ctx context.Context, client *http.Client, url, key, method, path, body string, headers ...string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(text), res.Close}, err
}

// must is send for a request that gets an answer.
func (w *world) must(ctx context.Context, method, path, body string, headers ...string) answer {
	GinkgoHelper()
	a, err := w.send(ctx, method, path, body, headers...)
	Expect(err).NotTo(HaveOccurred())
	return a
}

// task is the uid of the task that a request made.
func (a answer) task() uint32 {
	GinkgoHelper()
	Expect(a.status).To(Equal(http.StatusAccepted), "%s", a.body)
	var t struct{ TaskUID uint32 }
	Expect(json.Unmarshal([]byte(a.body), &t)).To(Succeed())
	return t.TaskUID
}

// succeeded waits until the task of an answer has succeeded.
func (w *world) succeeded(ctx context.Context, a answer) {
	GinkgoHelper()
	uid := a.task()
	var task struct{ Status string }
	Eventually(func() string {
		a, err := w.send(ctx, "GET", fmt.Sprintf("/tasks/%d", uid), "")
		if err != nil || json.Unmarshal([]byte(a.body), &task) != nil {
			return a.body
		}
		return task.Status
	}).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(BeElementOf("succeeded", "failed", "canceled"))
	Expect(task.Status).To(Equal("succeeded"))
}

// restarted waits until a process runs under another number than before.
func (w *world) restarted(ctx context.Context, process string, before int) {
	GinkgoHelper()
	Eventually(func() (int, error) { return w.Pid(process) }).WithContext(ctx).WithTimeout(longest).WithPolling(look).
		ShouldNot(BeElementOf(0, before))
}

// gatewaysHealthy waits until every Envoy finds every gateway healthy.
func (w *world) gatewaysHealthy(ctx context.Context) {
	GinkgoHelper()
	for _, e := range w.Envoys() {
		Eventually(func() (int, error) {
			a, err := send(ctx, http.DefaultClient, e.Admin, "", "GET", "/clusters", "")
			healthy := 0
			for line := range strings.Lines(a.body) {
				if strings.HasPrefix(line, "gateway::/") && strings.HasSuffix(line, "::health_flags::healthy\n") {
					healthy++
				}
			}
			return healthy, err
		}).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(Equal(len(w.Gateways())))
	}
}
