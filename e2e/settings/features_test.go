package settings

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/testkit/need"
)

// behind are requests about settings that exist behind experimental features, in the order in which they are sent.
var behind = [][3]string{
	{"GET", "", ""}, {"GET", "/chat", ""}, {"GET", "/foreign-keys", ""},
	{"PATCH", "/chat", `{"description":"d","searchParameters":{"limit":5,"hybrid":{"embedder":"e","semanticRatio":0.25}}}`}, {"GET", "/chat", ""}, {"GET", "", ""},
	{"PATCH", "/chat", `{"searchParameters":{"hybrid":{"embedder":"f"},"rankingScoreThreshold":0.5,"attributesToSearchOn":["b","a"],"distinct":"x"}}`},
	{"PATCH", "/chat", `{"searchParameters":{"sort":["a:asc"],"limit":null}}`}, {"GET", "/chat", ""},
	{"PATCH", "/chat", `{"description":1}`}, {"PATCH", "/chat", `{"nope":1}`}, {"PATCH", "/chat", `{"searchParameters":{"limit":"x"}}`},
	{"PATCH", "/chat", `{"searchParameters":{"hybrid":{}}}`}, {"PATCH", "/chat", `{"searchParameters":{"hybrid":{"embedder":"x","semanticRatio":2}}}`},
	{"PATCH", "/chat", `{"searchParameters":{"matchingStrategy":"x"}}`}, {"PATCH", "/chat", `{"searchParameters":{"rankingScoreThreshold":2}}`},
	{"PATCH", "/chat", `{"searchParameters":[]}`}, {"PATCH", "/chat", `{"searchParameters":{"nope":1}}`}, {"PUT", "/chat", `{}`},
	{"PATCH", "/chat", `{"documentTemplate":"{{ doc.t"}`}, {"PATCH", "/chat", `{"documentTemplateMaxBytes":0}`}, {"GET", "/chat", ""},
	{"PATCH", "", `{"stopWords":["a"],"chat":{"description":"both"}}`}, {"GET", "", ""}, {"DELETE", "/chat", ""}, {"GET", "/chat", ""},
	{"PUT", "/foreign-keys", `[]`}, {"PUT", "/foreign-keys", `null`}, {"GET", "/foreign-keys", ""}, {"PUT", "/foreign-keys", `[{"foreignIndexUid":"y"}]`},
	{"PUT", "/foreign-keys", `{}`}, {"PATCH", "/foreign-keys", `[]`}, {"DELETE", "/foreign-keys", ""}, {"PATCH", "", `{"chat":null,"foreignKeys":null}`},
	{"PATCH", "/chat", `{"description":"before the reset"}`}, {"DELETE", "", ""}, {"GET", "/chat", ""}, {"GET", "", ""},
}

var _ = Describe("Settings behind experimental features", Ordered, func() {
	var (
		cluster                  *provider.Local
		client, operator, engine place
	)

	BeforeEach(func() { need.Feature(GinkgoT(), need.V150Answers) }) // every spec tells its need, and nothing is started in vain

	BeforeAll(func(ctx SpecContext) {
		var err error
		cluster, err = provider.StartLocal(ctx, root, provider.Options{Nodes: 2, Groups: 2, Replicas: 1, Shards: 2})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(cluster.Stop)
		key, err := cluster.AdminKey()
		Expect(err).NotTo(HaveOccurred())
		own, err := cluster.EngineKey()
		Expect(err).NotTo(HaveOccurred())
		client, operator = place{cluster.URL(), cluster.MasterKey()}, place{cluster.Admin(), key}
		engine = place{cluster.Nodes()[0].Engine, own}
	}, NodeTimeout(patience))

	// What an engine says about an index that is nobody else's is what one Meilisearch says.
	for _, waves := range []string{"auto", "off"} {
		for _, on := range []bool{false, true} {
			It(fmt.Sprintf("answer and refuse as one Meilisearch does, waves %s, features on: %v", waves, on), func() {
				a := operator.ask("PATCH", "/_miroir/config", fmt.Sprintf(`{"settings_broadcast":{"waves":%q}}`, waves))
				Expect(a.status).To(Equal(http.StatusOK), "%s", a.body)
				a = client.ask("PATCH", "/experimental-features", fmt.Sprintf(`{"chatCompletions":%v,"foreignKeys":%v}`, on, on))
				Expect(a.status).To(Equal(http.StatusOK), "%s", a.body)
				uid := fmt.Sprintf("x%s%v", waves, on)
				client.run("POST", "/indexes", `{"uid":"`+uid+`"}`)
				engine.run("POST", "/indexes", `{"uid":"`+uid+`"}`)
				for _, r := range behind {
					path := "/indexes/" + uid + "/settings" + r[1]
					want, wantTask := engine.outcome(r[0], path, r[2])
					got, gotTask := client.outcome(r[0], path, r[2])
					Expect(got.status).To(Equal(want.status), "%v: %s, want %s", r, got.body, want.body)
					if want.status == http.StatusAccepted {
						Expect(gotTask).To(Equal(wantTask), "%v", r)
					} else {
						Expect(string(got.body)).To(Equal(string(want.body)), "%v", r)
					}
				}
				keys := `[{"foreignIndexUid":"y","fieldName":"ref"}]`
				for method, path := range map[string]string{"PUT": "/foreign-keys", "PATCH": ""} {
					body := keys
					if path == "" {
						body = `{"foreignKeys":` + keys + `}`
					}
					a := client.ask(method, "/indexes/"+uid+"/settings"+path, body)
					if on {
						Expect(a.status).To(Equal(http.StatusNotImplemented), "%s", a.body)
						Expect(string(a.body)).To(ContainSubstring("miroir_not_implemented"))
					} else {
						Expect(a.status).To(Equal(http.StatusBadRequest), "%s", a.body)
						Expect(string(a.body)).To(ContainSubstring("feature_not_enabled"))
					}
				}
				Eventually(func() []string { return operator.states(uid) }).WithTimeout(patience).Should(HaveEach("in_step"))
			})
		}
	}

	It("stay when their feature goes and comes back, and leave the nodes in step", func() {
		client.run("POST", "/indexes", `{"uid":"kept"}`)
		client.run("PATCH", "/indexes/kept/settings/chat", `{"description":"kept"}`)
		feature := func(on bool) {
			a := client.ask("PATCH", "/experimental-features", fmt.Sprintf(`{"chatCompletions":%v}`, on))
			Expect(a.status).To(Equal(http.StatusOK), "%s", a.body)
		}
		all := func() string { return string(client.ask("GET", "/indexes/kept/settings", "").body) }
		Expect(all()).To(ContainSubstring(`"chat":{"description":"kept"`))
		feature(false)
		Expect(all()).NotTo(ContainSubstring(`"chat"`))
		client.run("PUT", "/indexes/kept/settings/stop-words", `["a"]`)
		Expect(string(client.ask("GET", "/indexes/kept/settings/chat", "").body)).To(ContainSubstring(`"kept"`))
		Eventually(func() []string { return operator.states("kept") }).WithTimeout(patience).Should(HaveEach("in_step"))
		feature(true)
		Expect(all()).To(ContainSubstring(`"chat":{"description":"kept"`))
		client.run("DELETE", "/indexes/kept/settings", "")
		Expect(all()).To(ContainSubstring(`"chat":{"description":""`))
		Eventually(func() []string { return operator.states("kept") }).WithTimeout(patience).Should(HaveEach("in_step"))
	})
})

var physical = regexp.MustCompile(`--[0-9a-z]+`)

// outcome sends a request and waits for the task that it makes, of which it tells all that does not depend on when it ran.
func (p place) outcome(method, path, body string) (a answer, told string) {
	GinkgoHelper()
	a = p.ask(method, path, body)
	if a.status != http.StatusAccepted {
		return a, ""
	}
	var enqueued struct{ TaskUID int }
	Expect(json.Unmarshal(a.body, &enqueued)).To(Succeed())
	p.ended(enqueued.TaskUID)
	var t struct {
		Status  string
		Type    string
		Details json.RawMessage
		Error   json.RawMessage
	}
	Expect(json.Unmarshal(p.ask("GET", fmt.Sprintf("/tasks/%d", enqueued.TaskUID), "").body, &t)).To(Succeed())
	return a, strings.Join([]string{t.Status, t.Type, string(t.Details), physical.ReplaceAllString(string(t.Error), "")}, " ")
}
