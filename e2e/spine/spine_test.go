package spine

import (
	"bufio"
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meilisearch/meilisearch-go"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/testkit/need"
)

const root = "../.."

// one is a page of one hit, which makes totals exact.
var one = ptr(int64(1))

func ptr[T any](v T) *T { return &v }

func TestSpine(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "spine")
}

// movies reads the documents beside the project.
func movies() []map[string]any {
	path := filepath.Join(root, "..", "shared", "data", "movies.ndjson")
	f, err := os.Open(path)
	Expect(err).NotTo(HaveOccurred(), "the documents %s are missing: they stand beside the project in ../shared", path)
	defer func() { _ = f.Close() }()
	var list []map[string]any
	for s := bufio.NewScanner(f); s.Scan(); {
		var m map[string]any
		Expect(json.Unmarshal(s.Bytes(), &m)).To(Succeed())
		list = append(list, m)
	}
	return list
}

var _ = Describe("IN-1: an unchanged SDK on a cluster of three nodes", Ordered, func() {
	var cluster provider.Inspected
	var sdk meilisearch.ServiceManager
	var all []map[string]any

	connect := func() {
		sdk = meilisearch.New(cluster.URL(), meilisearch.WithAPIKey(cluster.MasterKey()))
	}
	wait := func(info *meilisearch.TaskInfo, err error) *meilisearch.Task {
		GinkgoHelper()
		Expect(err).NotTo(HaveOccurred())
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		task, err := sdk.WaitForTaskWithContext(ctx, info.TaskUID, 20*time.Millisecond)
		Expect(err).NotTo(HaveOccurred())
		Expect(task.Status).To(Equal(meilisearch.TaskStatusSucceeded), "%+v", task.Error)
		return task
	}
	id := func(document map[string]any) string {
		GinkgoHelper()
		text, ok := document["id"].(string)
		Expect(ok).To(BeTrue())
		return text
	}
	search := func(q string, r *meilisearch.SearchRequest) *meilisearch.SearchResponse {
		GinkgoHelper()
		answer, err := sdk.Index("movies").Search(q, r)
		Expect(err).NotTo(HaveOccurred())
		return answer
	}

	BeforeAll(func() {
		all = movies()
		var err error
		cluster, err = provider.StartLocal(context.Background(), root, provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 16})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
		connect()
	})

	It("creates an index and changes its settings", func() {
		wait(sdk.CreateIndex(&meilisearch.IndexConfig{Uid: "movies", PrimaryKey: "id"}))
		wait(sdk.Index("movies").UpdateSettings(&meilisearch.Settings{
			FilterableAttributes: []string{"major_genre", "year"}, SortableAttributes: []string{"year", "title"},
			SearchableAttributes: []string{"title", "director"},
		}))
		settings, err := sdk.Index("movies").GetSettings()
		Expect(err).NotTo(HaveOccurred())
		Expect(settings.FilterableAttributes).To(Equal([]string{"major_genre", "year"}), "the overlay stays out of sight")
		Expect(settings.DisplayedAttributes).To(Equal([]string{"*"}))
	})

	It("knows by hash that every node shows the committed settings (F5)", func(ctx SpecContext) {
		store, err := state.Open(ctx, state.Options{Endpoints: []string{cluster.Etcd()}})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(store.Close)
		watch, err := store.WatchView(ctx, zerolog.Nop())
		Expect(err).NotTo(HaveOccurred())
		_, err = watch.Wait(ctx, func(v *routing.View) bool {
			ix := v.Indexes["movies"]
			for node := range v.Nodes {
				if seen := ix.Shown[node]; seen.Version != 1 || seen.Hash != ix.SettingsHash {
					return false
				}
			}
			return ix.SettingsHash != "" && len(v.Nodes) == 3
		})
		Expect(err).NotTo(HaveOccurred(), "%+v", watch.View().Indexes["movies"].Shown)
	}, SpecTimeout(time.Minute))

	It("takes documents and counts each once (RD-5)", func() {
		task := wait(sdk.Index("movies").AddDocuments(all, nil))
		Expect(task.Details.ReceivedDocuments).To(BeEquivalentTo(len(all)))
		Expect(task.Details.IndexedDocuments).To(BeEquivalentTo(len(all)))
		stats, err := sdk.Index("movies").GetStats(nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(stats.NumberOfDocuments).To(BeEquivalentTo(len(all)))
		Expect(stats.FieldDistribution).NotTo(HaveKey("_miroir_shard"))
		Expect(search("", &meilisearch.SearchRequest{Page: 1, HitsPerPage: one}).TotalHits).To(BeEquivalentTo(len(all)))
	})

	It("finds every document by its id, without reserved fields (MG-3)", func() {
		for i := 0; i < len(all); i += 97 {
			var got map[string]any
			Expect(sdk.Index("movies").GetDocument(id(all[i]), nil, &got)).To(Succeed())
			Expect(got).To(Equal(all[i]))
		}
	})

	It("merges pages in one order (MG-2)", func() {
		var whole, pages []string
		ids := func(r *meilisearch.SearchResponse) (list []string) {
			for _, h := range r.Hits {
				list = append(list, string(h["id"]))
			}
			return list
		}
		request := func(offset, limit int64) *meilisearch.SearchRequest {
			return &meilisearch.SearchRequest{Offset: offset, Limit: limit, Sort: []string{"year:desc"}, Filter: "major_genre = Drama"}
		}
		whole = ids(search("love", request(0, 30)))
		for offset := int64(0); offset < 30; offset += 10 {
			pages = append(pages, ids(search("love", request(offset, 10)))...)
		}
		Expect(whole).NotTo(BeEmpty())
		Expect(pages).To(Equal(whole))
	})

	It("updates and deletes (WQ-8)", func() {
		wait(sdk.Index("movies").UpdateDocuments([]map[string]any{{"id": all[0]["id"], "note": "changed"}}, nil))
		var got map[string]any
		Expect(sdk.Index("movies").GetDocument(id(all[0]), nil, &got)).To(Succeed())
		Expect(got).To(HaveKeyWithValue("note", "changed"))
		Expect(got).To(HaveKeyWithValue("title", all[0]["title"]))
		wait(sdk.Index("movies").DeleteDocument(id(all[0]), nil))
		Expect(search("", &meilisearch.SearchRequest{Page: 1, HitsPerPage: one}).TotalHits).To(BeEquivalentTo(len(all) - 1))
	})

	It("has every engine take a snapshot, and compact its part of an index (§2)", func(ctx SpecContext) {
		need.Feature(GinkgoT(), need.V150Routes)
		snapshot := wait(sdk.CreateSnapshot())
		Expect(snapshot.Status).To(Equal(meilisearch.TaskStatusSucceeded), "%+v", snapshot.Error)
		for _, node := range []string{"node-0", "node-1", "node-2"} {
			var made []string
			Expect(filepath.WalkDir(cluster.Data(node), func(path string, _ fs.DirEntry, err error) error {
				if strings.HasSuffix(path, ".snapshot") {
					made = append(made, path)
				}
				return err
			})).To(Succeed())
			Expect(made).To(HaveLen(1), "snapshots of %s", node)
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, cluster.URL()+"/indexes/movies/compact", nil)
		Expect(err).NotTo(HaveOccurred())
		request.Header.Set("Authorization", "Bearer "+cluster.MasterKey())
		answer, err := http.DefaultClient.Do(request)
		Expect(err).NotTo(HaveOccurred())
		defer func() { _ = answer.Body.Close() }()
		var info meilisearch.TaskInfo
		Expect(json.NewDecoder(answer.Body).Decode(&info)).To(Succeed())
		Expect(info.Type).To(BeEquivalentTo("indexCompaction"))
		task := wait(&info, nil)
		Expect(task.Status).To(Equal(meilisearch.TaskStatusSucceeded), "%+v", task.Error)
	}, SpecTimeout(time.Minute))

	// The package, told to use an encoding, reads nothing else, be the answer as short as it may.
	It("packs and unpacks requests and answers as the SDK is told to (RT-7)", func() {
		for _, encoding := range []meilisearch.ContentEncoding{meilisearch.GzipEncoding, meilisearch.BrotliEncoding, meilisearch.DeflateEncoding} {
			By(encoding.String())
			packed := meilisearch.New(cluster.URL(), meilisearch.WithAPIKey(cluster.MasterKey()),
				meilisearch.WithContentEncoding(encoding, meilisearch.DefaultCompression))
			index := packed.Index("packed")
			wait(index.AddDocuments([]map[string]any{{"id": "one", "title": "The first"}}, nil))
			var got map[string]any
			Expect(index.GetDocument("one", nil, &got)).To(Succeed())
			Expect(got).To(HaveKeyWithValue("title", "The first"))
			found, err := index.Search("first", &meilisearch.SearchRequest{})
			Expect(err).NotTo(HaveOccurred())
			Expect(found.Hits).To(HaveLen(1))
			_, err = index.GetSettings()
			Expect(err).NotTo(HaveOccurred())
			_, err = packed.GetIndex("nowhere")
			Expect(err).To(MatchError(ContainSubstring("index_not_found")))
			wait(packed.DeleteIndex("packed"))
		}
	})

	It("refuses a reserved field at once (RS-1)", func() {
		_, err := sdk.Index("movies").AddDocuments([]map[string]any{{"id": "x", "_miroir_shard": 1}}, nil)
		Expect(err).To(MatchError(ContainSubstring("miroir_reserved_field")))
	})

	It("searches and writes while the coordinator is gone (IN-4)", func() {
		Expect(cluster.Kill("coordinator-0")).To(Succeed())
		Expect(search("star", &meilisearch.SearchRequest{}).Hits).NotTo(BeEmpty())
		_, err := sdk.Index("movies").AddDocuments([]map[string]any{{"id": "late", "title": "Late"}}, nil)
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() int { return len(search("Late", &meilisearch.SearchRequest{Filter: "year NOT EXISTS"}).Hits) }).
			WithTimeout(time.Minute).WithPolling(50 * time.Millisecond).Should(Equal(1))
	})

	It("has the data after a restart", func() {
		total := func() int64 { return search("", &meilisearch.SearchRequest{Page: 1, HitsPerPage: one}).TotalHits }
		// The search before may have met the one copy that had the late document already.
		Eventually(total).WithTimeout(time.Minute).WithPolling(20 * time.Millisecond).Should(BeEquivalentTo(len(all)))
		Expect(cluster.Restart()).To(Succeed())
		connect()
		Expect(total()).To(BeEquivalentTo(len(all)))
	})

	It("deletes the index", func() {
		wait(sdk.DeleteIndex("movies"))
		_, err := sdk.Index("movies").Search("x", &meilisearch.SearchRequest{})
		Expect(err).To(MatchError(ContainSubstring("index_not_found")))
	})
})
