package dump

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/operator"
	"github.com/miroir-search/miroir/e2e/provider"
	format "github.com/miroir-search/miroir/internal/dump"
	"github.com/miroir-search/miroir/internal/testkit/need"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

func TestDump(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "dump")
}

// plenty is how many documents the largest index has: more than one batch of an import.
const plenty = 11_000

// names are the indexes that every place has in the end.
var names = []string{"empty", "many", "movies"}

// fill gives one Meilisearch something to dump.
func fill(p place, vectors bool) {
	p.run("POST", "/indexes", `{"uid":"empty"}`)
	p.run("PATCH", "/indexes/movies/settings", `{"filterableAttributes":["year"],"sortableAttributes":["year"],"stopWords":["the"],`+
		`"synonyms":{"film":["movie"]},"typoTolerance":{"disableOnWords":["alive"]},"faceting":{"maxValuesPerFacet":7},"displayedAttributes":["id","title","year"]}`)
	all := movies()
	if vectors {
		p.run("PATCH", "/indexes/movies/settings", `{"embedders":{"mine":{"source":"userProvided","dimensions":2}}}`)
		for i, m := range all {
			m["_vectors"] = map[string]any{"mine": []float64{float64(i), 0.5}}
		}
	}
	p.run("POST", "/indexes/movies/documents", all)
	var lines strings.Builder
	for i := range plenty {
		fmt.Fprintf(&lines, `,{"key":"k-%d","n":%d,"big":9007199254740993,"t":"<%d>"}`, plenty-i, i%7, i)
	}
	p.run("POST", "/indexes/many/documents?primaryKey=key", "["+lines.String()[1:]+"]")
}

// dumped lets one Meilisearch write a dump. The development engine writes none, so that its contents are written here.
func dumped(n *node.Node, p place, to string) {
	GinkgoHelper()
	if n.Real {
		task := p.run("POST", "/dumps", nil)
		details, _ := task["details"].(map[string]any)
		raw, err := os.ReadFile(filepath.Join(n.Dir, "dumps", fmt.Sprint(details["dumpUid"])+".dump"))
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(to, raw, 0o600)).To(Succeed())
		return
	}
	f, err := os.Create(to)
	Expect(err).NotTo(HaveOccurred())
	w, err := format.NewWriter(f, format.Content{DBVersion: n.Version, Date: time.Now()})
	Expect(err).NotTo(HaveOccurred())
	for _, uid := range names {
		var m format.IndexMetadata
		p.ask("GET", "/indexes/"+uid, nil, &m)
		settings, err := json.Marshal(p.settings(uid))
		Expect(err).NotTo(HaveOccurred())
		var lines bytes.Buffer
		for _, d := range p.documents(uid) {
			raw, err := json.Marshal(d)
			Expect(err).NotTo(HaveOccurred())
			lines.Write(append(raw, '\n'))
		}
		Expect(w.Index(m, settings, &lines, int64(lines.Len()))).To(Succeed())
	}
	Expect(w.Close()).To(Succeed())
	Expect(f.Close()).To(Succeed())
}

var _ = Describe("F9: a dump goes in and comes out again", Ordered, func() {
	var (
		lone     *node.Node
		origin   place
		within   place
		cluster  provider.Cluster
		tool     operator.Ctl
		folder   string
		inbound  string
		outbound string
	)

	BeforeAll(func() {
		folder = GinkgoT().TempDir()
		inbound, outbound = filepath.Join(folder, "in.dump"), filepath.Join(folder, "out.dump")
		lone = node.Start(GinkgoTB(), node.Options{})
		origin = place{lone.URL, lone.MasterKey}
		filled := make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(filled)
			fill(origin, lone.Real)
			dumped(lone, origin, inbound)
		}()
		var err error
		cluster, err = provider.StartLocal(context.Background(), root, provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 8})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
		<-filled
		within, tool = place{cluster.URL(), cluster.MasterKey()}, operator.New(root, cluster)
	})

	same := func(one, other place) {
		GinkgoHelper()
		for _, uid := range names {
			Expect(other.settings(uid)).To(Equal(one.settings(uid)), uid)
			want, got := one.documents(uid), other.documents(uid)
			Expect(got).To(HaveLen(len(want)), uid)
			for i := range want {
				Expect(got[i]).To(Equal(want[i]), "%s: document %d", uid, i)
			}
		}
	}

	It("says before what it would do (--dry-run)", func() {
		out := tool.Must("dump", "import", inbound, "--dry-run")
		Expect(out).To(MatchRegexp(`many +many +11000 `))
		Expect(out).NotTo(ContainSubstring("CONFLICT"))
		var list struct{ Total int }
		within.ask("GET", "/indexes", nil, &list)
		Expect(list.Total).To(BeZero())
	})

	It("imports documents in their order, vectors, settings and keys", func() {
		out := tool.Must("dump", "import", inbound)
		Expect(out).To(ContainSubstring("succeeded"))
		same(origin, within)
		if lone.Real {
			Expect(within.keys()).To(Equal(origin.keys()), "a fresh cluster takes over the keys, and with them their values")
		}
	})

	It("refuses to import over documents that are there, with exit code 6 (CT-4)", func() {
		code, _, errs := tool.Run("dump", "import", inbound)
		Expect(code).To(Equal(6))
		Expect(errs).To(ContainSubstring("it exists and has"))
	})

	It("replaces what is there, and leaves nothing else behind", func() {
		within.run("DELETE", "/indexes/"+names[0], nil)
		within.run("DELETE", "/indexes/many/documents", nil)
		within.run("POST", "/indexes/many/documents?primaryKey=key", `[{"key":"old"}]`)
		Expect(tool.Must("dump", "import", inbound, "--on-existing", "replace")).To(ContainSubstring("succeeded"))
		same(origin, within)
		var list struct{ Total int }
		within.ask("GET", "/indexes", nil, &list)
		Expect(list.Total).To(Equal(len(names)))
	})

	It("brings an upload, an import and a dump to their ends over a kill -9 of the coordinator (BG-8, BG-10)", func() {
		half := halfUploaded(cluster, inbound, "index=many:again")
		started := tool.Must("dump", "import", inbound, "--index", "many:third", "--detach", "-o", "json")
		var third status
		Expect(json.Unmarshal([]byte(started), &third)).To(Succeed())
		Eventually(func() string { return imported(tool, third.JobID).Phase }).WithTimeout(time.Minute).WithPolling(10 * time.Millisecond).
			Should(BeElementOf("indexes", "stream", "finish", ""))
		var enqueued struct{ TaskUID int }
		within.ask("POST", "/dumps", nil, &enqueued)
		Expect(cluster.Kill("coordinator-0")).To(Succeed())

		Expect(tool.Must("dump", "import", inbound, "--index", "many:again", "--resume")).To(ContainSubstring("succeeded"))
		Expect(imported(tool, half).State).To(Equal("succeeded"))
		Eventually(func() string { return imported(tool, third.JobID).State }).WithTimeout(time.Minute).WithPolling(100 * time.Millisecond).
			Should(Equal("succeeded"))
		task := within.succeeded(enqueued.TaskUID)
		Expect(task["details"]).To(HaveKeyWithValue("dumpUid", MatchRegexp(`^\d{8}-\d{9}$`)))
		want := origin.documents("many")
		for _, uid := range []string{"again", "third"} {
			Expect(within.documents(uid)).To(HaveLen(len(want)), uid)
		}
		var tasks struct {
			Results []struct{ CustomMetadata string }
		}
		within.ask("GET", "/tasks?limit=1000&types=documentAdditionOrUpdate", nil, &tasks)
		seen := map[string]bool{}
		for _, t := range tasks.Results {
			Expect(seen).NotTo(HaveKey(t.CustomMetadata), "a batch was sent twice")
			seen[t.CustomMetadata] = true
		}
	})

	It("writes one standard dump of everything", func() {
		within.run("DELETE", "/indexes/again", nil)
		within.run("DELETE", "/indexes/third", nil)
		uid := strings.TrimSpace(tool.Must("dump", "create", "--file", outbound))
		Expect(tool.Must("dump", "list")).To(ContainSubstring(uid))
		raw, err := os.ReadFile(outbound)
		Expect(err).NotTo(HaveOccurred())
		sum, err := format.Scan(bytes.NewReader(raw), format.Limits{}, nil)
		Expect(err).NotTo(HaveOccurred())
		var uids []string
		for _, ix := range sum.Indexes {
			uids = append(uids, ix.UID)
		}
		slices.Sort(uids)
		Expect(uids).To(Equal(names))
		Expect(raw).NotTo(ContainSubstring("_miroir_"))
		Expect(tool.Must("dump", "analyze", outbound)).To(MatchRegexp(`many +key +11000 `))
	})

	It("is taken by one Meilisearch, which then holds what the first one held", func() {
		need.Feature(GinkgoT(), need.V150Routes)
		last := node.Start(GinkgoTB(), node.Options{Import: outbound})
		end := place{last.URL, last.MasterKey}
		same(origin, end)
		Expect(end.keys()).To(Equal(origin.keys()))
	})

	It("leaves a sound state behind (ET-5)", func() {
		Expect(tool.Must("status")).To(ContainSubstring("all shards covered"))
	})
})

// halfUploaded announces a file and sends the first half of it, as a tool does that is killed then.
func halfUploaded(c provider.Cluster, path, query string) (job string) {
	GinkgoHelper()
	raw, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	print, err := format.Fingerprint(bytes.NewReader(raw), int64(len(raw)))
	Expect(err).NotTo(HaveOccurred())
	key, err := c.AdminKey()
	Expect(err).NotTo(HaveOccurred())
	send := func(method, path, media string, body []byte) (s status) {
		r, err := http.NewRequest(method, c.Admin()+path, bytes.NewReader(body))
		Expect(err).NotTo(HaveOccurred())
		r.Header.Set("X-Admin-Key", key)
		r.Header.Set("Content-Type", media)
		res, err := http.DefaultClient.Do(r)
		Expect(err).NotTo(HaveOccurred())
		defer func() { _ = res.Body.Close() }()
		answer, err := io.ReadAll(res.Body)
		Expect(err).NotTo(HaveOccurred())
		Expect(res.StatusCode).To(BeNumerically("<", 300), "%s", answer)
		Expect(json.Unmarshal(answer, &s)).To(Succeed())
		return s
	}
	// The same options as miroir-ctl sends without flags, for they are a part of what a job is.
	s := send("POST", "/_miroir/dumps/import?"+query, "application/json", fmt.Appendf(nil, `{"size":%d,"fingerprint":%q}`, len(raw), print))
	send("PUT", "/_miroir/dumps/import/"+s.JobID+"/content?offset=0", "application/octet-stream", raw[:len(raw)/2])
	return s.JobID
}
