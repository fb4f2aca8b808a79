package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/meilisearch/meilisearch-go"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/inside"
	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/state"
)

const (
	root    = "../.."
	index   = "things"
	longest = 2 * time.Minute // for any wait, on a busy machine
	settle  = 3 * time.Second
)

func TestVerify(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "verify")
}

// pass is what GET /_miroir/verify/{id} says.
type pass struct {
	State      string
	Verdict    string
	Total      int `json:"shards_total"`
	Done       int `json:"shards_done"`
	Compared   int `json:"shards_compared"`
	Documents  int
	Mismatches int
	Repaired   int
	Strays     int `json:"stray_documents"`
	Removed    int `json:"stray_removed"`
	Rules      map[string]int
	Parked     map[string]int
	Uneven     []struct {
		Index  string
		Shard  int
		Copies []struct{ Node, State string }
	}
}

// cluster is a running cluster with three copies of everything.
type cluster struct {
	*provider.Local
	in   *inside.Inside
	sdk  meilisearch.IndexManager
	wait func(*meilisearch.TaskInfo, error)
}

// ctl runs bin/miroir-ctl.
func (c *cluster) ctl(args ...string) (p pass, code int) {
	GinkgoHelper()
	out, code := c.ctlRaw(args...)
	if len(out) > 0 {
		Expect(json.Unmarshal(out, &p)).To(Succeed(), string(out))
	}
	return p, code
}

func (c *cluster) ctlRaw(args ...string) ([]byte, int) {
	GinkgoHelper()
	key, err := c.AdminKey()
	Expect(err).NotTo(HaveOccurred())
	cmd := exec.Command(filepath.Join(root, "bin", "miroir-ctl"), append(args, "--server", c.Admin(), "-o", "json", "--quiet")...)
	cmd.Env = append(cmd.Environ(), "MIROIR_ADMIN_API_KEY="+key)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		Expect(err).NotTo(HaveOccurred())
	}
	AddReportEntry("miroir-ctl "+fmt.Sprint(args), out.String()+errs.String())
	return out.Bytes(), cmd.ProcessState.ExitCode()
}

// log reads the log of repairs: what was done to which document, and the body that is kept of it.
func (c *cluster) log() map[string]string {
	GinkgoHelper()
	raw, code := c.ctlRaw("repairs", "--index", index)
	Expect(code).To(BeZero())
	var log struct {
		Results []struct {
			Document, Rule, Node string
			Lost                 struct{ Document json.RawMessage }
		}
		Missing []string
	}
	Expect(json.Unmarshal(raw, &log)).To(Succeed())
	Expect(log.Missing).To(BeEmpty())
	all := map[string]string{}
	for _, r := range log.Results {
		all[fmt.Sprintf("%s %s on %s", r.Rule, r.Document, r.Node)] = string(r.Lost.Document)
	}
	return all
}

// holders lists the nodes with a copy of a document, and its shard.
func (c *cluster) holders(id string) (physical string, shard int, nodes []string) {
	ix := c.in.View().Indexes[index]
	shard = shardmap.ShardOf([]byte(id), ix.Shards)
	for _, copy := range ix.Placement.Groups[0][shard] {
		nodes = append(nodes, copy.Node)
	}
	return ix.Physical, shard, nodes
}

// behind changes documents at one engine, behind its sidecar.
func (c *cluster) behind(node, method, path string, body any) {
	GinkgoHelper()
	var task struct {
		TaskUID int `json:"taskUid"`
	}
	Expect(c.in.Engine(node, method, path, body, &task)).To(Succeed())
	Eventually(func() (string, error) {
		var t struct{ Status string }
		err := c.in.Engine(node, http.MethodGet, fmt.Sprint("/tasks/", task.TaskUID), nil, &t)
		return t.Status, err
	}).WithTimeout(longest).WithPolling(10 * time.Millisecond).Should(Equal("succeeded"))
}

// shown is a document as the engines of its copies show it.
func (c *cluster) shown(id string) map[string]string {
	GinkgoHelper()
	physical, shard, nodes := c.holders(id)
	all := map[string]string{}
	for _, n := range nodes {
		docs, err := c.in.Documents(n, physical, shard)
		Expect(err).NotTo(HaveOccurred())
		var d map[string]any
		if raw, ok := docs[id]; ok {
			Expect(json.Unmarshal(raw, &d)).To(Succeed())
		}
		sorted, err := json.Marshal(d)
		Expect(err).NotTo(HaveOccurred())
		all[n] = string(sorted)
	}
	return all
}

func things(from, to int) (list []map[string]any) {
	for n := from; n < to; n++ {
		list = append(list, map[string]any{"id": fmt.Sprint("thing-", n), "title": fmt.Sprint("Thing ", n), "nested": map[string]any{"b": 1.5, "a": []any{n}}})
	}
	return list
}

var _ = Describe("F8: copies that differ and nobody noticed", Ordered, func() {
	var c *cluster

	BeforeAll(func(ctx SpecContext) {
		local, err := provider.StartLocal(ctx, root, provider.Options{Nodes: 3, Groups: 1, Replicas: 3, Shards: 8, StayDown: true, Flags: []string{
			"--coordinator-flag", "--anti-entropy=false", "--coordinator-flag", "--anti-entropy-settle=" + settle.String(),
			"--coordinator-flag", "--anti-entropy-docs-per-sec=100000",
		}})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() {
			if CurrentSpecReport().Failed() {
				for _, p := range []string{"coordinator-0", "sidecar-0", "sidecar-1", "sidecar-2"} {
					AddReportEntry(p, local.Log(p))
				}
			}
			Expect(local.Stop()).To(Succeed())
		})
		watch, cancel := context.WithCancel(context.Background())
		DeferCleanup(cancel)
		in, err := inside.Look(watch, local)
		Expect(err).NotTo(HaveOccurred())
		sdk := meilisearch.New(local.URL(), meilisearch.WithAPIKey(local.MasterKey()), meilisearch.DisableRetries())
		c = &cluster{Local: local, in: in, sdk: sdk.Index(index)}
		c.wait = func(info *meilisearch.TaskInfo, err error) {
			GinkgoHelper()
			Expect(err).NotTo(HaveOccurred())
			wait, cancel := context.WithTimeout(context.Background(), longest)
			defer cancel()
			task, err := sdk.WaitForTaskWithContext(wait, info.TaskUID, 20*time.Millisecond)
			Expect(err).NotTo(HaveOccurred())
			Expect(task.Status).To(Equal(meilisearch.TaskStatusSucceeded), "%+v", task.Error)
		}
		c.wait(c.sdk.AddDocuments(things(0, 900), nil))
		Eventually(func() error { return errors.Join(in.Clean(), in.Idle()) }).WithTimeout(longest).WithPolling(100 * time.Millisecond).Should(Succeed())
	}, NodeTimeout(3*time.Minute))

	It("finds equal copies equal, and says so with exit code 0", func() {
		for _, args := range [][]string{{"verify"}, {"verify", "--deep", "--index", index}} {
			p, code := c.ctl(args...)
			Expect(code).To(BeZero())
			Expect(p.Verdict).To(Equal("equal"))
			Expect([]int{p.Total, p.Done, p.Compared, p.Documents, p.Mismatches}).To(Equal([]int{8, 8, 8, 2700, 0}))
		}
		_, code := c.ctl("verify", "--index", "nobody")
		Expect(code).To(Equal(1))
	})

	It("A8.1, A8.6, A8.7: what was changed behind a sidecar is told, with exit code 4, and repaired when that is wanted", func() {
		before := map[string]map[string]string{}
		for _, id := range []string{"thing-1", "thing-2", "thing-3"} {
			before[id] = c.shown(id)
		}
		physical, _, nodes := c.holders("thing-1")
		path := "/indexes/" + physical + "/documents"
		c.behind(nodes[0], http.MethodDelete, path+"/thing-1", nil)
		_, _, nodes = c.holders("thing-2")
		altered := "R5 thing-2 on " + nodes[1]
		c.behind(nodes[1], http.MethodPut, path, []map[string]any{{"id": "thing-2", "title": "altered"}})
		_, _, nodes = c.holders("thing-3")
		c.behind(nodes[2], http.MethodPost, path, []map[string]any{{"id": "thing-3", "title": "replaced"}}) // loses shard and stamp too
		_, shard, nodes := c.holders("added")
		c.behind(nodes[0], http.MethodPost, path, []map[string]any{{
			"id": "added", "title": "added", nodeapi.FieldShard: string(nodeapi.AppendSymbols(nil, uint64(shard), nodeapi.ShardDigits)), //nolint:gosec // small
		}})
		c.behind(nodes[1], http.MethodPost, path, []map[string]any{{"id": "stray", "title": "stray"}})

		p, code := c.ctl("verify")
		Expect(code).To(Equal(4))
		Expect(p.Mismatches).To(Equal(3), "versions show what was removed, what was added, and what lost its stamp")
		p, code = c.ctl("verify", "--deep")
		Expect(code).To(Equal(4))
		Expect(p.Verdict).To(Equal("mismatch"))
		Expect([]int{p.Mismatches, p.Repaired, p.Strays, p.Removed}).To(Equal([]int{4, 0, 2, 0}), "the replaced one is a stray until it is repaired")
		p, code = c.ctl("verify", "--deep", "--repair")
		Expect(code).To(BeZero())
		Expect(p.Repaired).To(Equal(4))
		Expect(p.Rules).To(Equal(map[string]int{"R5": 1, "R6": 1, "R1": 1, "R9": 1}))
		Expect([]int{p.Strays, p.Removed}).To(Equal([]int{2, 1}))
		for id, was := range before {
			Expect(c.shown(id)).To(Equal(was), id)
		}
		log := c.log()
		Expect(log).To(HaveLen(5))
		Expect(log).To(HaveKeyWithValue("R9 added on "+nodes[0], ContainSubstring(`"title":"added"`)))
		Expect(log).To(HaveKeyWithValue("R9 stray on "+nodes[1], ContainSubstring(`"title":"stray"`)))
		Expect(log).To(HaveKeyWithValue(altered, ContainSubstring(`"title":"altered"`)), "what lost may have been right, so it is kept")
		p, code = c.ctl("verify", "--deep")
		Expect(code).To(BeZero())
		Expect([]int{p.Mismatches, p.Strays}).To(Equal([]int{0, 0}))
	})

	It("a deletion that a journal knows stays, when an engine shows the document again", func() {
		c.wait(c.sdk.DeleteDocument("thing-7", nil))
		Eventually(c.in.Idle).WithTimeout(longest).WithPolling(50 * time.Millisecond).Should(Succeed())
		physical, shard, nodes := c.holders("thing-7")
		symbols := string(nodeapi.AppendSymbols(nil, uint64(shard), nodeapi.ShardDigits)) //nolint:gosec // small
		c.behind(nodes[0], http.MethodPost, "/indexes/"+physical+"/documents", []map[string]any{{
			"id": "thing-7", nodeapi.FieldShard: symbols, nodeapi.FieldUpdatedAt: string(nodeapi.AppendStamp(nil, 1, 0)),
		}})
		p, code := c.ctl("verify", "--repair")
		Expect(code).To(BeZero())
		Expect(p.Rules).To(Equal(map[string]int{"R4": 1}))
		for _, d := range c.shown("thing-7") {
			Expect(d).To(Equal("null"))
		}
	})

	It("A8.3, A8.4: what expired on one copy does not come back on others, and what was extended on one stays", func(ctx SpecContext) {
		store, err := state.Open(ctx, state.Options{Endpoints: []string{c.Etcd()}, Cluster: "default"})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(store.Close)
		session, err := store.NewSession(ctx, time.Minute)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(session.Close)
		Expect(session.Put(ctx, "ttl/"+index, map[string]any{"v": 1, "enabled": true})).To(Succeed())
		past, future := time.Now().Add(-time.Hour).UnixMilli(), time.Now().Add(time.Hour).UnixMilli()
		put := func(id string, version uint64, expires int64, on func(nodes []string) []string) {
			physical, shard, nodes := c.holders(id)
			for _, node := range on(nodes) {
				c.behind(node, http.MethodPost, "/indexes/"+physical+"/documents", []map[string]any{{
					"id": id, nodeapi.FieldShard: string(nodeapi.AppendSymbols(nil, uint64(shard), nodeapi.ShardDigits)), //nolint:gosec // small
					nodeapi.FieldUpdatedAt: string(nodeapi.AppendStamp(nil, hlc.Stamp(version), 0)), nodeapi.FieldExpiresAt: expires,
				}})
			}
		}
		put("swept", 1, past, func(nodes []string) []string { return nodes[:1] })
		put("extended", 1, past, func(nodes []string) []string { return nodes[:1] })
		put("extended", 2, future, func(nodes []string) []string { return nodes[1:] })
		p, code := c.ctl("verify", "--deep", "--repair")
		Expect(code).To(BeZero())
		Expect(p.Rules).To(Equal(map[string]int{"R3": 1}))
		Expect(c.shown("extended")).To(HaveEach(ContainSubstring(fmt.Sprint(future))))
		_, _, nodes := c.holders("swept")
		for node, d := range c.shown("swept") {
			Expect(d == "null").To(Equal(node != nodes[0]), "%s on %s: the sweep takes it, no pass brings it back", d, node)
		}
		p, code = c.ctl("verify", "--deep")
		Expect(code).To(BeZero())
		Expect(p.Mismatches).To(BeZero())
		for _, id := range []string{"swept", "extended"} {
			physical, _, nodes := c.holders(id)
			for _, node := range nodes {
				c.behind(node, http.MethodDelete, "/indexes/"+physical+"/documents/"+id, nil)
			}
		}
	})

	It("A8.5: writes under way are no mismatches, and a pass goes on where a killed coordinator left it", func() {
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(stopped)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				_, err := c.sdk.AddDocuments(things(n%800, n%800+20), nil)
				Expect(err).NotTo(HaveOccurred())
				if n%5 == 0 {
					_, err = c.sdk.DeleteDocument(fmt.Sprint("thing-", n%800), nil)
					Expect(err).NotTo(HaveOccurred())
				}
			}
		}()
		for _, args := range [][]string{{"verify"}, {"verify", "--deep", "--repair"}} {
			p, code := c.ctl(args...)
			Expect(code).To(BeZero())
			Expect(p.Mismatches).To(BeZero())
		}
		_, code := c.ctl("verify", "--deep", "--detach")
		Expect(code).To(BeZero())
		Expect(c.Kill("coordinator-0")).To(Succeed())
		close(stop)
		Eventually(stopped).WithTimeout(longest).Should(BeClosed())
		var p pass
		Eventually(func() string {
			Expect(c.Revive()).To(Succeed()) // once the supervisor knows that it is gone
			p, _ = c.ctl("verify", "--deep")
			return p.Verdict
		}).WithTimeout(longest).WithPolling(time.Second).Should(Equal("equal"))
		Expect(p.Done).To(Equal(8))
	})

	It("what an operation deletes that names no document does not come back by a repair", func() {
		c.wait(c.sdk.UpdateFilterableAttributes(&[]any{"kept"}))
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					_, code := c.ctl("verify", "--repair")
					Expect(code).To(BeNumerically("<", 5)) // a document may be counted while it goes
				}
			}
		}()
		for round := range 6 {
			some := things(0, 400)
			for n, d := range some {
				d["kept"] = n % 4
			}
			c.wait(c.sdk.AddDocuments(some, nil))
			c.wait(c.sdk.DeleteDocumentsByFilter(fmt.Sprintf("kept = %d", round%4), nil))
			for n := round % 4; n < 400; n += 40 {
				Expect(c.shown(fmt.Sprint("thing-", n))).To(HaveEach("null"), "after round %d", round)
			}
		}
		close(stop)
		Eventually(stopped).WithTimeout(longest).Should(BeClosed())
		Eventually(c.in.Idle).WithTimeout(longest).WithPolling(50 * time.Millisecond).Should(Succeed())
		for n := 1; n < 400; n += 4 { // of the last round
			Expect(c.shown(fmt.Sprint("thing-", n))).To(HaveEach("null"))
		}
		p, code := c.ctl("verify", "--deep")
		Expect(code).To(BeZero(), "%+v", p)
	})

	It("WQ-7: a copy that is not there is told as incomplete, and repaired when it is back though anti-entropy is off", func() {
		Expect(c.Kill("sidecar-1")).To(Succeed())
		Eventually(func() bool { return c.in.View().Nodes["node-1"].OK }).WithTimeout(longest).WithPolling(50 * time.Millisecond).Should(BeFalse())
		p, code := c.ctl("verify")
		Expect(code).To(Equal(4))
		Expect(p.Verdict).To(Equal("incomplete"))
		Expect(slices.IndexFunc(p.Uneven[0].Copies, func(one struct{ Node, State string }) bool {
			return one.Node == "node-1" && one.State == "unreachable"
		})).To(BeNumerically(">=", 0))
		Eventually(func() error { return errors.Join(c.Revive(), c.in.Clean()) }).WithTimeout(longest).WithPolling(100 * time.Millisecond).Should(Succeed())
		_, code = c.ctl("verify")
		Expect(code).To(BeZero())
	})
})
