package upload

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/testkit/need"
)

func TestUpload(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	RunSpecs(t, "upload")
}

// Sizes: the gateway keeps 8 MiB of a payload in memory before it opens a spool file.
const (
	mib   = 1 << 20
	spool = 16 * mib
	line  = 1024
)

// lines are documents of a KiB each.
func lines(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		head := fmt.Sprintf(`{"id":%d,"text":"`, i)
		b.WriteString(head + strings.Repeat("x", line-len(head)-3) + "\"}\n")
	}
	return b.Bytes()
}

// room is the file system of the spool.
type room string

// used is how many bytes of it are in use.
func (r room) used() int64 {
	GinkgoHelper()
	var s syscall.Statfs_t
	Expect(syscall.Statfs(string(r), &s)).To(Succeed())
	return int64(s.Blocks-s.Bfree) * s.Bsize
}

var _ = Describe("IN-7, WQ-4: payloads that do not arrive", Ordered, func() {
	var cluster *provider.Local
	var disk room

	call := func(method, path string, body []byte) (int, map[string]any) {
		GinkgoHelper()
		r, err := http.NewRequest(method, cluster.URL()+path, bytes.NewReader(body)) //nolint:noctx // bounded by the suite
		Expect(err).NotTo(HaveOccurred())
		r.Header.Set("Authorization", "Bearer "+cluster.MasterKey())
		r.Header.Set("Content-Type", "application/x-ndjson")
		a, err := http.DefaultClient.Do(r)
		Expect(err).NotTo(HaveOccurred())
		defer func() { _ = a.Body.Close() }()
		var out map[string]any
		Expect(json.NewDecoder(a.Body).Decode(&out)).To(Succeed())
		return a.StatusCode, out
	}
	count := func(path, field string) float64 {
		GinkgoHelper()
		status, answer := call(http.MethodGet, path, nil)
		Expect(status).To(Equal(http.StatusOK), "%v", answer)
		n, ok := answer[field].(float64)
		Expect(ok).To(BeTrue(), "%v", answer)
		return n
	}
	arrives := func(index string, payload []byte) {
		GinkgoHelper()
		status, answer := call(http.MethodPost, "/indexes/"+index+"/documents", payload)
		Expect(status).To(Equal(http.StatusAccepted), "%v", answer)
		Eventually(func() any {
			_, task := call(http.MethodGet, fmt.Sprintf("/tasks/%.0f", answer["taskUid"]), nil)
			return task["status"]
		}).WithTimeout(2 * time.Minute).WithPolling(50 * time.Millisecond).Should(Equal("succeeded"))
		Expect(count("/indexes/"+index+"/stats", "numberOfDocuments")).To(BeEquivalentTo(bytes.Count(payload, []byte("\n"))))
	}

	BeforeAll(func() {
		need.Root(GinkgoT())
		dir, err := os.MkdirTemp("", "miroir-spool-")
		Expect(err).NotTo(HaveOccurred())
		Expect(syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", spool))).To(Succeed())
		disk = room(dir)
		DeferCleanup(func() {
			Expect(syscall.Unmount(dir, syscall.MNT_DETACH)).To(Succeed())
			Expect(os.Remove(dir)).To(Succeed())
		})
		cluster, err = provider.StartLocal(context.Background(), "../..", provider.Options{
			Nodes: 3, Groups: 1, Replicas: 2, Shards: 8, Flags: []string{"--spool-dir", dir},
		})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
	})

	It("says that its disk is full, and nothing of the payload comes to be", func() {
		before := count("/tasks", "total")
		status, answer := call(http.MethodPost, "/indexes/big/documents?primaryKey=id", lines(40*mib/line))
		Expect(status).To(Equal(http.StatusUnprocessableEntity), "%v", answer)
		Expect(answer).To(HaveKeyWithValue("code", "no_space_left_on_device"))
		Expect(answer).To(HaveKeyWithValue("message", "The gateway has no space left to spool the payload."))
		Expect(count("/tasks", "total")).To(Equal(before), "there is no task of what was refused")
		status, answer = call(http.MethodGet, "/indexes/big", nil)
		Expect(status).To(Equal(http.StatusNotFound), "no index came to be: %v", answer)
		Eventually(disk.used).Should(BeZero(), "the space is given back")
	})

	It("takes the next payload that fits", func() {
		arrives("small", lines(3))
		arrives("fits", lines(12*mib/line))
		Eventually(disk.used).Should(BeZero())
	})

	It("forgets a payload whose gateway died in the middle of it", func() {
		before := count("/tasks", "total")
		payload := lines(12 * mib / line)
		address := strings.TrimPrefix(cluster.URL(), "http://")
		connection, err := net.Dial("tcp", address)
		Expect(err).NotTo(HaveOccurred())
		defer func() { _ = connection.Close() }()
		_, err = fmt.Fprintf(connection, "POST /indexes/torn/documents?primaryKey=id HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n", address, cluster.MasterKey(), len(payload))
		Expect(err).NotTo(HaveOccurred())
		_, err = connection.Write(payload[:11*mib])
		Expect(err).NotTo(HaveOccurred())
		Eventually(disk.used).WithTimeout(time.Minute).Should(BeNumerically(">", 8*mib), "the gateway has begun to spool")

		Expect(cluster.Kill("gateway-0")).To(Succeed())
		answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
		Expect(err).NotTo(HaveOccurred(), "Envoy answers for a gateway that is gone")
		body, err := io.ReadAll(answer.Body)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.StatusCode).To(Equal(http.StatusServiceUnavailable), "%s", body)
		Expect(body).To(ContainSubstring(`"code":"miroir_`))
		Eventually(disk.used).Should(BeZero(), "a spool file goes with its process")

		Eventually(func() int {
			status, _ := call(http.MethodGet, "/tasks?limit=1", nil)
			return status
		}).WithTimeout(time.Minute).WithPolling(50 * time.Millisecond).Should(Equal(http.StatusOK))
		Expect(count("/tasks", "total")).To(Equal(before))
		status, _ := call(http.MethodGet, "/indexes/torn", nil)
		Expect(status).To(Equal(http.StatusNotFound))
		arrives("torn", payload)
	})
})
