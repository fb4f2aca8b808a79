package settings

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
)

// status is what the suite looks at of the status of an index's settings.
type status struct {
	Version uint64
	Hash    string
	Frozen  *struct {
		TaskUID int `json:"task_uid"`
	}
}

const operated = "/_miroir/indexes/words/settings/"

var _ = Describe("Operators of the settings of an index", Ordered, func() {
	var (
		cluster  *provider.Local
		client   place
		operator place
	)

	BeforeAll(func(ctx SpecContext) {
		var err error
		cluster, err = provider.StartLocal(ctx, root, provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 6})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(cluster.Stop)
		key, err := cluster.AdminKey()
		Expect(err).NotTo(HaveOccurred())
		client, operator = place{cluster.URL(), cluster.MasterKey()}, place{cluster.Admin(), key}
		client.fill("words")
	}, NodeTimeout(patience))

	configure := func(broadcast string) {
		GinkgoHelper()
		a := operator.ask("PATCH", "/_miroir/config", `{"settings_broadcast":`+broadcast+`}`)
		Expect(a.status).To(Equal(http.StatusOK), "%s", a.body)
	}
	now := func() (s status) {
		GinkgoHelper()
		Expect(json.Unmarshal(operator.ask("GET", operated+"status", "").body, &s)).To(Succeed())
		return s
	}

	It("see before a change what it will do (F5)", func() {
		change := `{"stopWords":["the","a"],"synonyms":{"x":["y"]},"filterableAttributes":["text","kind"],"typoTolerance":{"minWordSizeForTypos":{"oneTypo":4}},
			"faceting":{"maxValuesPerFacet":20},"embedders":{"e":{"source":"userProvided","dimensions":2}}}`
		before := now()
		a := operator.ask("POST", operated+"preview", `{"settings":`+change+`}`)
		Expect(a.status).To(Equal(http.StatusOK), "%s", a.body)
		var p struct {
			Version uint64
			Hash    string
			Reindex []string
			Changes []struct {
				Setting  string
				From, To json.RawMessage
			}
		}
		Expect(json.Unmarshal(a.body, &p)).To(Succeed())
		Expect(p.Reindex).To(ConsistOf("stopWords", "filterableAttributes", "embedders"))
		Expect(p.Version).To(Equal(before.Version))
		Expect(now()).To(Equal(before), "nothing is changed")
		empty := `{"settings":{"embedders":{"e":null}}}` // documents without vectors do not allow the embedder
		var last string
		for _, body := range []string{`{"settings":` + change + `}`, empty} {
			var in struct{ Settings map[string]json.RawMessage }
			Expect(json.Unmarshal([]byte(body), &in)).To(Succeed())
			if body != empty {
				delete(in.Settings, "embedders")
			}
			sent, err := json.Marshal(in.Settings)
			Expect(err).NotTo(HaveOccurred())
			a = operator.ask("POST", operated+"preview", `{"settings":`+string(sent)+`}`)
			Expect(json.Unmarshal(a.body, &p)).To(Succeed())
			client.run("PATCH", settings, string(sent))
			Expect(now().Hash).To(Equal(p.Hash), "what nodes show after the change")
			for _, c := range p.Changes {
				got := client.ask("GET", settings, "").body
				var all map[string]json.RawMessage
				Expect(json.Unmarshal(got, &all)).To(Succeed())
				Expect(string(all[c.Setting])).To(MatchJSON(string(c.To)))
			}
			last = string(sent)
		}
		a = operator.ask("POST", operated+"preview", `{"settings":`+last+`}`)
		Expect(string(a.body)).To(ContainSubstring(`"changes":[]`))
	})

	It("open an index that a node froze by a rollback, and try its change again (A5.8)", func() {
		configure(`{"max_repair_retries":0}`)
		DeferCleanup(func() { configure(`{"max_repair_retries":null}`) })
		client.settled()
		before := client.ask("GET", settings, "")
		key, err := cluster.EngineKey()
		Expect(err).NotTo(HaveOccurred())
		engine := place{cluster.Nodes()[0].Engine, key}
		var list struct{ Results []struct{ UID string } }
		Expect(json.Unmarshal(engine.ask("GET", "/indexes", "").body, &list)).To(Succeed())
		physical := list.Results[0].UID
		stop := make(chan struct{})
		var saboteur sync.WaitGroup
		saboteur.Go(func() { // a node that shows something else whenever it is looked at
			defer GinkgoRecover()
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				engine.run("PATCH", "/indexes/"+physical+"/settings", fmt.Sprintf(`{"searchCutoffMs":%d}`, 20000+i))
			}
		})
		i := 0
		Eventually(func() *struct {
			TaskUID int `json:"task_uid"`
		} {
			i++
			client.ended(client.enqueue("PUT", settings+"/search-cutoff-ms", fmt.Sprint(10000+i)))
			return now().Frozen
		}).WithTimeout(patience).WithPolling(time.Millisecond).ShouldNot(BeNil())
		close(stop)
		saboteur.Wait()
		committed := client.ask("GET", settings, "")
		write := func() answer { return client.ask("POST", "/indexes/words/documents", `[{"id":1,"text":"alpha"}]`) }
		refused := write()
		Expect(refused.status).To(Equal(http.StatusServiceUnavailable))
		Expect(string(refused.body)).To(ContainSubstring("miroir_writes_frozen"))

		frozen := now()
		client.ended(operator.accepted(operated + "rollback"))
		after := now()
		Expect(after.Frozen).To(BeNil())
		Expect(after.Version).To(Equal(frozen.Version + 1))
		Expect(string(client.ask("GET", settings, "").body)).To(Equal(string(committed.body)), "as before the change")
		accepted := write()
		Expect(accepted.status).To(Equal(http.StatusAccepted), "%s", accepted.body)
		Expect(before.status).To(Equal(http.StatusOK))

		Expect(operator.ask("POST", operated+"rollback", "").status).To(Equal(http.StatusConflict), "there is nothing to take back any more")
		client.settled()
	})

	It("have one node changed after the other where they want so (A5.9)", func() {
		configure(`{"strategy":"sequential"}`)
		DeferCleanup(func() { configure(`{"strategy":null}`) })
		before := client.version(settings)
		uid := client.enqueue("PUT", settings+"/stop-words", `["sequential"]`)
		Expect(cluster.Kill("engine-2")).To(Succeed()) // A5.3
		Expect(client.ended(uid).Status).To(Equal("succeeded"))
		Expect(client.version(settings)).To(Equal(before + 1))
		Eventually(func() []string { return operator.states("words") }).WithTimeout(patience).WithPolling(50 * time.Millisecond).
			Should(HaveEach("in_step"))
		client.settled()
		shown := client.ask("GET", settings, "")
		failed := client.ended(client.enqueue("PATCH", settings, `{"stopWords":["x"],"embedders":{"mine":{"source":"userProvided","dimensions":2}}}`)) // A5.4
		Expect(failed.Status).To(Equal("failed"))
		Expect(failed.Error.Code).To(Equal("vector_embedding_error"), "%+v", failed.Error)
		after := client.ask("GET", settings, "")
		Expect(string(after.body)).To(Equal(string(shown.body)))
		Expect(after.header.Get(headerVersion)).To(Equal(shown.header.Get(headerVersion)))
		Eventually(func() []string { return operator.states("words") }).WithTimeout(patience).WithPolling(50 * time.Millisecond).
			Should(HaveEach("in_step"))
		again := client.ended(operator.accepted(operated + "retry"))
		Expect(again.Status).To(Equal("failed"))
		Expect(again.Error.Code).To(Equal("vector_embedding_error"))
		refused := client.ask("PATCH", settings, `{"stopWords":1}`)
		Expect(refused.status).To(Equal(http.StatusBadRequest))
		Expect(string(refused.body)).To(ContainSubstring("invalid_settings_stop_words"))
	})
})

// accepted makes a task by an operator's verb.
func (p place) accepted(path string) (uid int) {
	GinkgoHelper()
	a := p.ask("POST", path, "")
	Expect(a.status).To(Equal(http.StatusAccepted), "%s", a.body)
	var t struct {
		TaskUID int `json:"task_uid"`
	}
	Expect(json.NewDecoder(strings.NewReader(string(a.body))).Decode(&t)).To(Succeed())
	return t.TaskUID
}
