package secrets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/testkit/need"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

func TestSecrets(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "secrets")
}

const documents = `[{"id":1,"title":"one"},{"id":2,"title":"two"},{"id":3,"title":"three"},{"id":4,"title":"four"},{"id":5,"title":"five"},{"id":6,"title":"six"}]`

var _ = Describe("Secrets of embedders", func() {
	BeforeEach(func() { need.Feature(GinkgoT(), need.V150Routes) }) // every spec tells its need, and nothing is started in vain
	Context("one after the other", Ordered, secrets)
})

func secrets() {
	var (
		cluster      *provider.Local
		server       *embedding
		alone, whole place
		steps        []string
	)

	BeforeAll(func(ctx SpecContext) {
		GinkgoT().Setenv("MEILI_EXPERIMENTAL_ALLOWED_IP_NETWORKS", "127.0.0.0/8") // or engines do not ask the server here
		server = newEmbedding(firstKey)
		DeferCleanup(server.Close)
		one := node.Start(GinkgoTB(), node.Options{})
		alone = place{one.URL, one.MasterKey}
		var err error
		cluster, err = provider.StartLocal(ctx, root, provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 4, StayDown: true})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(cluster.Stop)
		whole = place{cluster.URL(), cluster.MasterKey()}
	}, NodeTimeout(patience))

	// both does the same at one Meilisearch and at the cluster, and compares what a client sees of it.
	both := func(status, method, path, body string) {
		GinkgoHelper()
		want, got := alone.ended(method, path, body), whole.ended(method, path, body)
		Expect(got.Status).To(Equal(status), "%s", got.Error)
		Expect(want.Status).To(Equal(status), "%s", want.Error)
		Expect(string(got.Details)).To(Equal(string(want.Details)))
		_, shown := alone.send("GET", "/indexes/movies/settings", "")
		_, here := whole.send("GET", "/indexes/movies/settings", "")
		Expect(string(here)).To(Equal(string(shown)))
		_, shown = alone.send("GET", "/indexes/movies/settings/embedders", "")
		_, here = whole.send("GET", "/indexes/movies/settings/embedders", "")
		Expect(string(here)).To(Equal(string(shown)))
		steps = append(steps, method+" "+path)
	}

	It("are given, and shown as one Meilisearch shows them (RS-6)", func() {
		both("succeeded", "PATCH", "/indexes/movies/settings", `{"stopWords":["the"],"embedders":{"mine":`+server.embedder(firstKey)+`}}`)
		both("succeeded", "POST", "/indexes/movies/documents", documents)
		keys, wrong := server.askers()
		Expect(keys).To(Equal([]string{firstKey}))
		Expect(wrong).To(BeZero())
	})

	It("are what they were after another setting changed, and after a member of the embedder did", func() {
		server.only(firstKey)
		both("succeeded", "PUT", "/indexes/movies/settings/stop-words", `["a"]`)
		both("succeeded", "PATCH", "/indexes/movies/settings/embedders", `{"mine":{"documentTemplate":"film {{doc.title}}"}}`)
		keys, wrong := server.askers()
		Expect(keys).To(Equal([]string{firstKey}))
		Expect(wrong).To(BeZero())
	})

	It("come back when a change of them fails (A5.4)", func() {
		server.only(firstKey)
		both("failed", "PATCH", "/indexes/movies/settings", `{"embedders":{"mine":{"apiKey":"`+wrongKey+`","documentTemplate":"movie {{doc.title}}"}}}`)
		server.only(firstKey)
		both("succeeded", "POST", "/indexes/movies/documents", `[{"id":7,"title":"seven"},{"id":8,"title":"eight"},{"id":9,"title":"nine"}]`)
		keys, wrong := server.askers()
		Expect(keys).To(Equal([]string{firstKey}))
		Expect(wrong).To(BeZero())
	})

	It("are not kept where the change is refused at once", func() {
		for _, wrong := range []string{
			`{"embedders":{"mine":{"apiKey":{"in":"` + wrongKey + `"}}}}`, `{"embedders":{"apiKey":"` + wrongKey + `"}}`, `{"embedders":"` + wrongKey + `"}`,
			`{"embedders":{"mine":{"source":"userProvided","dimensions":2,"apiKey":"` + wrongKey + `"}}}`,
		} {
			status, answer := alone.send("PATCH", "/indexes/movies/settings", wrong)
			here, got := whole.send("PATCH", "/indexes/movies/settings", wrong)
			Expect(here).To(Equal(status))
			Expect(string(got)).To(Equal(string(answer)))
			Expect(status).To(Equal(http.StatusBadRequest))
		}
	})

	It("are changed", func() {
		server.only(firstKey, secondKey)
		both("succeeded", "PATCH", "/indexes/movies/settings/embedders", `{"mine":{"apiKey":"`+secondKey+`"}}`)
		server.only(secondKey)
		both("succeeded", "POST", "/indexes/movies/documents", `[{"id":10,"title":"ten"},{"id":11,"title":"eleven"},{"id":12,"title":"twelve"}]`)
		keys, _ := server.askers()
		Expect(keys).To(Equal([]string{secondKey}))
	})

	It("are there again on a node that lost everything", func() {
		server.only(secondKey)
		Expect(cluster.Kill("engine-1")).To(Succeed())
		engine := place{cluster.Nodes()[1].Engine, ""}
		key, err := cluster.EngineKey()
		Expect(err).NotTo(HaveOccurred())
		engine.key = key
		Eventually(func() error {
			_, err := http.Get(engine.url + "/health")
			return err
		}).WithTimeout(patience).WithPolling(10 * time.Millisecond).Should(HaveOccurred())
		Expect(os.RemoveAll(filepath.Join(cluster.Data("node-1"), "db"))).To(Succeed())
		Eventually(func() int {
			Expect(cluster.Revive()).To(Succeed())
			res, err := http.Get(engine.url + "/health")
			if err != nil {
				return 0
			}
			_ = res.Body.Close()
			return res.StatusCode
		}).WithTimeout(patience).WithPolling(50 * time.Millisecond).Should(Equal(http.StatusOK))
		_, before := whole.send("GET", "/indexes/movies/stats", "")
		Eventually(func() string {
			_, answer := engine.send("GET", "/indexes", "")
			return string(answer)
		}).WithTimeout(patience).WithPolling(50 * time.Millisecond).Should(ContainSubstring("movies--"))
		// Whatever is written now is embedded by every node that holds it, the new one too.
		Eventually(func() string {
			server.only(secondKey)
			return whole.ended("POST", "/indexes/movies/documents", `[{"id":1,"title":"uno"},{"id":2,"title":"due"},{"id":3,"title":"tre"},{"id":4,"title":"quattro"},{"id":5,"title":"cinque"}]`).Status
		}).WithTimeout(patience).Should(Equal("succeeded"))
		keys, wrong := server.askers()
		Expect(keys).To(Equal([]string{secondKey}), "%s", before)
		Expect(wrong).To(BeZero())
		var list struct{ Results []struct{ UID string } }
		_, answer := engine.send("GET", "/indexes", "")
		Expect(json.Unmarshal(answer, &list)).To(Succeed())
		for _, ix := range list.Results {
			Eventually(func() string {
				_, settings := engine.send("GET", "/indexes/"+ix.UID+"/settings/embedders", "")
				return string(settings)
			}).WithTimeout(patience).WithPolling(50 * time.Millisecond).Should(And(ContainSubstring(`"apiKey":"sk-prXXXXXX..."`), ContainSubstring(header)))
		}
	})

	It("are in a dump, as in one of Meilisearch, and work where it is loaded", func() {
		details := whole.ended("POST", "/dumps", "").Details
		var d struct{ DumpUID string }
		Expect(json.Unmarshal(details, &d)).To(Succeed())
		path := filepath.Join(filepath.Dir(cluster.Data("node-0")), "dumps", d.DumpUID+".dump")
		Eventually(path).WithTimeout(patience).Should(BeAnExistingFile())
		last := node.Start(GinkgoTB(), node.Options{Import: path})
		end := place{last.URL, last.MasterKey}
		_, shown := whole.send("GET", "/indexes/movies/settings", "")
		_, there := end.send("GET", "/indexes/movies/settings", "")
		Expect(string(there)).To(Equal(string(shown)))
		server.only(secondKey)
		Expect(end.ended("POST", "/indexes/movies/documents", `[{"id":20,"title":"twenty"}]`).Status).To(Equal("succeeded"))
		keys, wrong := server.askers()
		Expect(keys).To(Equal([]string{secondKey}))
		Expect(wrong).To(BeZero())
	})

	It("are nowhere else: not in the store and its history, nor in logs, journals, metrics and the admin API (ET-6, LO-3)", func() {
		key, err := cluster.AdminKey()
		Expect(err).NotTo(HaveOccurred())
		admin := place{cluster.Admin(), key}
		for _, path := range []string{"/_miroir/tasks?limit=1000", "/_miroir/workflows", "/_miroir/workflows/movies--0", "/_miroir/config", "/_miroir/metrics"} {
			_, answer := admin.send("GET", path, "")
			Expect(string(answer)).NotTo(ContainSubstring(mark), path)
		}
		looked := 0
		base := filepath.Dir(cluster.Data("node-0"))
		Expect(filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
			rel, _ := filepath.Rel(base, path)
			switch {
			case err != nil:
				return err
			case strings.HasPrefix(rel, "log/engine-"): // Meilisearch logs what it refuses
				return nil
			case d.IsDir() && (rel == "dumps" || strings.HasPrefix(rel, "node-") && d.Name() == "db"): // Meilisearch's own
				return filepath.SkipDir
			case !d.Type().IsRegular():
				return nil
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			looked++
			if at := bytes.Index(raw, []byte(mark)); at >= 0 {
				return fmt.Errorf("%s has a secret: %q", rel, raw[max(0, at-200):min(len(raw), at+60)])
			}
			return nil
		})).To(Succeed())
		Expect(looked).To(BeNumerically(">", 15))
		wal, err := filepath.Glob(filepath.Join(base, "etcd", "member", "wal", "*.wal"))
		Expect(err).NotTo(HaveOccurred())
		Expect(wal).NotTo(BeEmpty())
		raw, err := os.ReadFile(wal[0])
		Expect(err).NotTo(HaveOccurred())
		Expect(bytes.Count(raw, []byte("sealed.v1."))).To(BeNumerically(">", len(steps)), "the history that was looked at has the seals")
	})
}
