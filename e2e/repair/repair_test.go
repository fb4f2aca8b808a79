package repair

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/meilisearch/meilisearch-go"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
)

const (
	root    = "../.."
	index   = "things"
	longest = 2 * time.Minute // for any wait, on a busy machine
)

func TestRepair(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "repair")
}

// thing is a document that says which write made it.
func thing(n, round int) map[string]any {
	return map[string]any{
		"id": fmt.Sprint("thing-", n), "title": fmt.Sprintf("Thing number %d", n), "round": float64(round), "kept": float64(n % 7),
		"nested": map[string]any{"b": []any{1.5, "x"}, "a": fmt.Sprint(n)},
	}
}

func things(from, to, round int) (list []map[string]any) {
	for n := from; n < to; n++ {
		list = append(list, thing(n, round))
	}
	return list
}

var _ = Describe("WQ-6: a node that dies under writes", Ordered, func() {
	var cluster *provider.Local
	var in *inside
	var app *client

	BeforeAll(func(ctx SpecContext) {
		var err error
		cluster, err = provider.StartLocal(ctx, root, provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 16, StayDown: true})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() {
			if CurrentSpecReport().Failed() {
				for _, p := range []string{"coordinator-0", "sidecar-0", "sidecar-1", "sidecar-2", "gateway-0"} {
					AddReportEntry(p, cluster.Log(p))
				}
			}
			Expect(cluster.Stop()).To(Succeed())
		})
		watch, cancel := context.WithCancel(context.Background())
		DeferCleanup(cancel)
		in = lookAt(watch, cluster)
		sdk := meilisearch.New(cluster.URL(), meilisearch.WithAPIKey(cluster.MasterKey()), meilisearch.DisableRetries()) // its own retry sends an empty body
		app = &client{sdk: sdk.Index(index), want: map[string]map[string]any{}}
		app.wait = func(info *meilisearch.TaskInfo) {
			GinkgoHelper()
			wait, cancel := context.WithTimeout(context.Background(), longest)
			defer cancel()
			task, err := sdk.WaitForTaskWithContext(wait, info.TaskUID, 20*time.Millisecond)
			Expect(err).NotTo(HaveOccurred())
			Expect(task.Status).To(Equal(meilisearch.TaskStatusSucceeded), "%+v", task.Error)
		}
		info, err := sdk.CreateIndex(&meilisearch.IndexConfig{Uid: index, PrimaryKey: "id"})
		Expect(err).NotTo(HaveOccurred())
		app.wait(info)
		info, err = app.sdk.UpdateSettings(&meilisearch.Settings{FilterableAttributes: []string{"round", "kept"}})
		Expect(err).NotTo(HaveOccurred())
		app.wait(info)
		app.wait(app.add(things(0, 600, 0)))
	}, NodeTimeout(3*time.Minute))

	// right says whether clients see exactly what was accepted.
	right := func() error {
		answer, err := app.sdk.Search("", &meilisearch.SearchRequest{Page: 1, HitsPerPage: ptr(int64(1))})
		if err != nil {
			return err
		}
		if int(answer.TotalHits) != len(app.want) {
			return fmt.Errorf("%d hits instead of %d", answer.TotalHits, len(app.want))
		}
		for n := 0; n < 1500; n += 61 {
			id := fmt.Sprint("thing-", n)
			var got map[string]any
			err := app.sdk.GetDocument(id, nil, &got)
			var e *meilisearch.Error
			switch {
			case app.want[id] == nil && errors.As(err, &e) && e.StatusCode == 404:
				continue
			case err != nil:
				return err
			}
			if same, _ := Equal(app.want[id]).Match(got); !same {
				return fmt.Errorf("%s is shown as %v instead of %v", id, got, app.want[id])
			}
		}
		return nil
	}

	// write writes, updates and deletes about a thousand documents.
	write := func(round int) {
		base := 600 + round*100
		for n := base; n < base+400; n += 40 {
			app.add(things(n, n+40, round))
		}
		for n := 0; n < 400; n += 20 {
			var some []map[string]any
			for k := n; k < n+20; k++ {
				if app.want[fmt.Sprint("thing-", k)] != nil {
					some = append(some, map[string]any{"id": fmt.Sprint("thing-", k), "round": float64(round), fmt.Sprint("added-", round): true})
				}
			}
			if len(some) > 0 {
				app.update(some)
			}
		}
		var gone []string
		for n := round * 40; n < round*40+200; n++ {
			gone = append(gone, fmt.Sprint("thing-", n))
		}
		app.wait(app.remove(gone))
	}

	// outage kills processes, writes, looks, and brings them back.
	outage := func(round int, node string, processes ...string) {
		GinkgoHelper()
		for _, p := range processes {
			Expect(cluster.Kill(p)).To(Succeed())
		}
		write(round)
		Expect(in.Dirty(node)).To(BeNumerically(">", 0), "the copies on the node missed writes")
		Eventually(right).WithTimeout(longest).WithPolling(100 * time.Millisecond).Should(Succeed())
		Expect(cluster.Revive()).To(Succeed())
		// Searches stay right while the node comes back and is repaired.
		Eventually(func() error {
			if err := right(); err != nil {
				return StopTrying("clients see something wrong").Wrap(err)
			}
			return in.Clean()
		}).WithTimeout(longest).WithPolling(50 * time.Millisecond).Should(Succeed())
		Eventually(func() error { return in.equal(app.want) }).WithTimeout(longest).WithPolling(200 * time.Millisecond).Should(Succeed())
		Expect(right()).To(Succeed())
	}

	It("has equal copies before", func() {
		Eventually(func() error { return in.equal(app.want) }).WithTimeout(longest).WithPolling(200 * time.Millisecond).Should(Succeed())
	})

	It("its engine is killed: what it missed is caught up by the journals", func() {
		outage(1, "node-1", "engine-1")
	})

	It("A8.2: its sidecar is killed; copies are equal after, and nothing that was deleted comes back", func() {
		outage(2, "node-2", "sidecar-2")
	})

	It("both are killed, and its journal is lost: whole shards are compared", func() {
		for _, p := range []string{"sidecar-0", "engine-0"} {
			Expect(cluster.Kill(p)).To(Succeed())
		}
		write(3)
		Expect(os.RemoveAll(filepath.Join(cluster.Data("node-0"), "journal"))).To(Succeed())
		Expect(in.Dirty("node-0")).To(BeNumerically(">", 0))
		Expect(cluster.Revive()).To(Succeed())
		Eventually(func() error { return in.equal(app.want) }).WithTimeout(longest).WithPolling(200 * time.Millisecond).Should(Succeed())
		Expect(right()).To(Succeed())
	})

	It("its engine loses its data: no read misses a document until other copies have brought it back", func() {
		loseData(cluster, in, app, "1", "engine-1")
	})

	It("its engine loses its data while the sidecar is dead too", func() {
		loseData(cluster, in, app, "2", "sidecar-2", "engine-2")
	})

	It("operations on all documents leave equal copies under writes, and no copy misses them (§6)", func() {
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(stopped)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					_, err := app.sdk.AddDocuments(things(n%300, n%300+5, n), nil)
					Expect(err).NotTo(HaveOccurred(), "a write beside an operation on all documents")
				}
			}
		}()
		var last *meilisearch.TaskInfo
		for n := range 12 {
			var err error
			last, err = app.sdk.DeleteDocumentsByFilter(fmt.Sprintf("kept = %d", n%7), nil)
			Expect(err).NotTo(HaveOccurred())
			for node := range 3 {
				Expect(in.Dirty(fmt.Sprint("node-", node))).To(BeZero())
			}
		}
		close(stop)
		Eventually(stopped).WithTimeout(longest).Should(BeClosed())
		app.wait(last)
		Eventually(func() error { return in.equal(nil) }).WithTimeout(longest).WithPolling(200 * time.Millisecond).Should(Succeed())
		info, err := app.sdk.DeleteAllDocuments(nil)
		Expect(err).NotTo(HaveOccurred())
		app.wait(info)
		clear(app.want)
		app.wait(app.add(things(0, 400, 0)))
		Eventually(func() error { return in.equal(app.want) }).WithTimeout(longest).WithPolling(200 * time.Millisecond).Should(Succeed())
	})

	It("nodes die one after the other while writes never stop", func() {
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(stopped)
			dice := rand.New(rand.NewPCG(7, 7))
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				switch id := dice.IntN(1500); dice.IntN(4) {
				case 0:
					app.remove([]string{fmt.Sprint("thing-", id)})
				case 1:
					app.add([]map[string]any{thing(id, 1000+n)})
				default:
					app.update([]map[string]any{{"id": fmt.Sprint("thing-", id), fmt.Sprint("f", dice.IntN(3)): float64(n)}})
				}
			}
		}()
		for _, p := range []string{"engine-0", "sidecar-1", "engine-2"} {
			Expect(cluster.Kill(p)).To(Succeed())
			Eventually(func() int { return in.Dirty("node-" + p[len(p)-1:]) }).WithTimeout(longest).WithPolling(20 * time.Millisecond).Should(BeNumerically(">", 0))
			Expect(cluster.Revive()).To(Succeed())
			Eventually(in.Clean).WithTimeout(longest).WithPolling(50 * time.Millisecond).Should(Succeed())
		}
		close(stop)
		Eventually(stopped).WithTimeout(longest).Should(BeClosed())
		Eventually(func() error { return in.equal(app.want) }).WithTimeout(longest).WithPolling(200 * time.Millisecond).Should(Succeed())
	})
})

func ptr[T any](v T) *T { return &v }
