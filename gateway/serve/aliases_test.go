package serve

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// aliases are those of the tests' cluster: one of an index, one of two.
var aliases = []string{
	"aliases/one", `{"v":1,"name":"one","kind":"single","current_uid":"a","version":4}`,
	"aliases/all", `{"v":1,"name":"all","kind":"multi","target_uids":["a","b"],"version":1}`,
	"aliases/lost", `{"v":1,"name":"lost","kind":"single","current_uid":"gone","version":1}`,
}

// F7, A7.6: a read by an alias of one index is the read of that index, under the alias's name.
func TestReadsByAnAlias(t *testing.T) {
	node := &readNode{answers: []scripted{
		{"/search", "", 200, answerOf(1, words(1, 3))},
		{"/documents/fetch", "", 200, `{"results":[{"id":1}],"offset":0,"limit":20,"total":1}`},
		{"/facet-search", "", 200, `{"facetHits":[],"facetQuery":null,"processingTimeMs":1}`},
		{"/stats", "", 200, `{"numberOfDocuments":1,"rawDocumentDbSize":1,"avgDocumentSize":1,"isIndexing":false,"numberOfEmbeddings":0,"numberOfEmbeddedDocuments":0,"fieldDistribution":{"id":1}}`},
	}}
	s := readService(t, []*readNode{node}, [][]int{{0}}, `{"displayedAttributes":["*"]}`, aliases...)
	for _, r := range []struct{ method, path, body string }{
		{"POST", "/search", `{"q":"x"}`}, {"GET", "/search", ``}, {"GET", "/documents", ``}, {"POST", "/documents/fetch", `{}`},
		{"POST", "/facet-search", `{"facetName":"id"}`}, {"GET", "/stats", ``}, {"GET", "/settings", ``},
	} {
		by := ask(t, s, "", r.method, "/indexes/one"+r.path, json.RawMessage(r.body))
		own := ask(t, s, "", r.method, "/indexes/a"+r.path, json.RawMessage(r.body))
		if by.Status != 200 || own.Status != 200 || timeless(by.Body) != timeless(own.Body) {
			t.Errorf("%s %s: by the alias %d %s, of the index %d %s", r.method, r.path, by.Status, by.Body, own.Status, own.Body)
		}
	}
	if n := node.times("/indexes/b--1"); n > 0 {
		t.Errorf("%d requests went to another index", n)
	}
	got := decode[struct{ UID, PrimaryKey string }](t, ask(t, s, "", "GET", "/indexes/one", nil))
	if got.UID != "one" || got.PrimaryKey != "id" {
		t.Errorf("the index is %+v", got)
	}
	if r := ask(t, s, "", "GET", "/indexes/one/documents/7", nil); r.Route == nil || r.Route.Path != "/indexes/a--1/documents/7" {
		t.Errorf("a document is at %+v", r.Route)
	}
	list := decode[struct{ Total int }](t, ask(t, s, "", "GET", "/indexes", nil))
	if list.Total != 2 {
		t.Errorf("%d indexes are listed, aliases among them", list.Total)
	}
	for _, name := range []string{"lost", "nobody"} {
		r := ask(t, s, "", "POST", "/indexes/"+name+"/search", json.RawMessage(`{}`))
		if e := decode[apierr.Error](t, r); r.Status != 404 || e.Code != apierr.IndexNotFound || !strings.Contains(e.Message, "`"+name+"`") {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
		}
	}
}

// timeless is a body without what differs from request to request.
func timeless(body []byte) string {
	var v map[string]any
	if json.Unmarshal(body, &v) != nil {
		return string(body)
	}
	delete(v, "requestUid")
	delete(v, "processingTimeMs")
	raw, _ := json.Marshal(v)
	return string(raw)
}

// F7, F11: entries of a multi-search name aliases, and answers name them as the entries do.
func TestMultiSearchByAliases(t *testing.T) {
	node := &readNode{answers: []scripted{
		{"/search", "", 200, answerOf(1, words(1, 3))},
		{"/multi-search", "", 200, `{"hits":[{"id":1,"_federation":{"indexUid":"a--1","queriesPosition":0,"weightedRankingScore":0.5},"_rankingScoreDetails":{}}],"processingTimeMs":1,"limit":20,"offset":0,"estimatedTotalHits":1}`},
	}}
	s := readService(t, []*readNode{node}, [][]int{{0}}, `{}`, aliases...)
	plain := decode[struct{ Results []struct{ IndexUID string } }](t,
		ask(t, s, "", "POST", "/multi-search", json.RawMessage(`{"queries":[{"indexUid":"one"},{"indexUid":"a"}]}`)))
	if len(plain.Results) != 2 || plain.Results[0].IndexUID != "one" || plain.Results[1].IndexUID != "a" {
		t.Errorf("%+v", plain)
	}
	// The same index under two names: every hit is under the name that its query has.
	fed := decode[struct {
		Hits []struct {
			Federation struct{ IndexUID string } `json:"_federation"`
		}
	}](t, ask(t, s, "", "POST", "/multi-search", json.RawMessage(`{"federation":{},"queries":[{"indexUid":"one"},{"indexUid":"a"}]}`)))
	names := map[string]int{}
	for _, h := range fed.Hits {
		names[h.Federation.IndexUID]++
	}
	if len(fed.Hits) != 2 || names["one"] != 1 || names["a"] != 1 {
		t.Errorf("%+v", fed)
	}
}

// RT-5, A7.5: an alias of several indexes takes no writes, on any route.
func TestRT5SeveralIndexesTakeNoWrites(t *testing.T) {
	s := readService(t, nil, [][]int{{}}, `{}`, aliases...)
	seen := 0
	for _, r := range operation.Routes() {
		if !strings.Contains(r.Pattern, "{index}") || r.Kind == operation.Unserved {
			continue
		}
		path := strings.NewReplacer("{index}", "all", "{id}", "1").Replace(r.Pattern)
		answer := ask(t, s, "", r.Method, path, json.RawMessage(`{}`))
		refused := answer.Status == http.StatusConflict && decode[apierr.Error](t, answer).Code == apierr.MiroirMultiAliasReadOnly
		reads := strings.HasSuffix(r.Action, ".get") || r.Action == "search" || r.Action == "fields.post"
		if refused == reads {
			t.Errorf("%s %s is refused: %v, %d %s", r.Method, path, refused, answer.Status, answer.Body)
		}
		seen++
	}
	if seen < 80 {
		t.Errorf("only %d routes", seen)
	}
	r := ask(t, s, "", "POST", "/swap-indexes", json.RawMessage(`[{"indexes":["all","b"]}]`))
	if r.Status != http.StatusConflict || decode[apierr.Error](t, r).Code != apierr.MiroirMultiAliasReadOnly {
		t.Errorf("swap: %d %s", r.Status, r.Body)
	}
	r = ask(t, s, "", "POST", "/swap-indexes", json.RawMessage(`[{"indexes":["one","a"]}]`))
	if e := decode[apierr.Error](t, r); r.Status != 400 || e.Code != apierr.InvalidSwapDuplicateIndexFound {
		t.Errorf("an index with itself: %d %s", r.Status, r.Body)
	}
}

// aliasCluster is a gateway on a real store with two indexes and an alias of the first.
func aliasCluster(t *testing.T) (*Service, *state.Client) {
	t.Helper()
	s := newCluster(t).gateway(t, io.Discard)
	for _, uid := range []string{"a", "b"} {
		ix := routing.IndexRecord{V: 1, UID: uid, Physical: uid + "--1", PrimaryKey: "id", Shards: 1}
		p := routing.PlacementRecord{V: 1, Physical: ix.Physical, Shards: 1, Groups: map[int][][]routing.Copy{}}
		if made, err := s.Store.CreateIndex(t.Context(), ix, p, routing.SettingsRecord{}); !made || err != nil {
			t.Fatal(made, err)
		}
	}
	point(t, s, "one", "a")
	return s, s.Store
}

// point makes an alias stand for an index and waits until the gateway knows.
func point(t *testing.T, s *Service, name, target string) {
	t.Helper()
	pointAt(t, s, routing.AliasRecord{V: 1, Name: name, Kind: routing.AliasSingle, AliasTargets: routing.AliasTargets{Target: target}})
}

// pointAt makes an alias what a record says and waits until the gateway knows.
func pointAt(t *testing.T, s *Service, next routing.AliasRecord) {
	t.Helper()
	revision, err := s.Store.ChangeAlias(t.Context(), next.Name, next.UIDs(), func(f state.AliasFacts) (state.AliasVerdict, error) {
		if next.Version = 1; f.Old != nil {
			next.Version = f.Old.Version + 1
		}
		return state.AliasVerdict{Put: &next}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := s.Views.Wait(ctx, func(v *routing.View) bool { return v.Epoch >= revision }); err != nil {
		t.Fatal(err)
	}
}

// staleViews is a gateway that heard of nothing after a view until somebody waits for more.
type staleViews struct {
	Views
	first *routing.View
}

func (v staleViews) View() *routing.View { return v.first }

// A7.1, A7.3: a gateway that has not heard of a flip does not write to the old target: it finds out when it records the
// task, and follows the alias.
func TestA73WriteOfALaggardFollowsTheAlias(t *testing.T) {
	s, store := aliasCluster(t)
	before := s.Views.View()
	point(t, s, "one", "b")
	s.Views = staleViews{s.Views, before}
	r := ask(t, s, masterKey, "POST", "/indexes/one/documents/delete-batch", json.RawMessage(`["1"]`))
	// No node holds a copy, so the write fails; the task says where it went.
	var list []task.Record
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Tasks.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	s.Tasks.Each(true, func(r *task.Record) bool {
		list = append(list, *r)
		return true
	})
	if len(list) != 1 || list[0].Physical != "b--1" || list[0].Resolved != "b" || *list[0].IndexUID != "one" {
		t.Errorf("status %d, tasks %+v", r.Status, list)
	}
	if _, _, err := store.Alias(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
}

// AU-13, F7: tasks are found under the alias and under the index behind it.
func TestTasksAreFoundUnderBothNames(t *testing.T) {
	s, store := aliasCluster(t)
	one, b := "one", "b"
	for uid, r := range []task.Record{{IndexUID: &one, Resolved: "a"}, {IndexUID: &one, Resolved: "b"}, {IndexUID: &b}} {
		r.UID, r.Type, r.Status, r.EnqueuedAt = uint32(uid), task.DocumentDeletion, task.Enqueued, time.Now().UTC()
		r.Finish(time.Now().UTC(), nil)
		if err := store.CreateTask(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Tasks.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	only := key.Record{V: key.Version, UID: "11111111-1111-4111-8111-111111111111", Actions: []string{"tasks.get"}, Indexes: []string{"b"}, CreatedAt: time.Now()}
	if err := store.CreateKey(t.Context(), only); err != nil {
		t.Fatal(err)
	}
	if err := s.Keys.Wait(t.Context(), func(k *key.Set) bool { return len(k.List) == 1 }); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		token, query string
		want         int
	}{
		{masterKey, "indexUids=one", 2}, {masterKey, "indexUids=b", 2}, {masterKey, "indexUids=a", 1}, {masterKey, "", 3},
		{s.Auth.Value(only.UID), "", 2},
	} {
		got := decode[struct{ Results []struct{ IndexUID string } }](t, ask(t, s, x.token, "GET", "/tasks?"+x.query, nil))
		if len(got.Results) != x.want {
			t.Errorf("%s: %+v, want %d", x.query, got.Results, x.want)
		}
	}
}

// F7: an index with an alias is not deleted, by either name; no index is made under an alias's name.
func TestCatalogKnowsAliases(t *testing.T) {
	s, store := aliasCluster(t)
	for _, path := range []string{"/indexes/a", "/indexes/one", "/indexes/a?force=true"} {
		r := ask(t, s, masterKey, "DELETE", path, nil)
		if r.Status != http.StatusConflict || decode[apierr.Error](t, r).Code != apierr.MiroirConflict {
			t.Errorf("DELETE %s: %d %s", path, r.Status, r.Body)
		}
	}
	uid := decode[struct{ TaskUID uint32 }](t, ask(t, s, masterKey, "POST", "/indexes", json.RawMessage(`{"uid":"one"}`))).TaskUID
	r, err := store.Task(t.Context(), uid)
	if err != nil || r.Error == nil || r.Error.Code != apierr.IndexAlreadyExists {
		t.Errorf("%+v, %v", r, err)
	}
}

// AU-13, AU-14, TE-8: no credential sees more through an alias than by the names it is limited to.
func TestAU14AliasesEvadeNothing(t *testing.T) {
	s, store := aliasCluster(t)
	point(t, s, "movies-x", "b")
	uids := map[string]string{}
	keys := map[string][]string{"a": {"a"}, "b": {"b"}, "one": {"one"}, "none": {"zzz"}, "prefix": {"on*"}, "all": {"*"}}
	for name, indexes := range keys {
		uids[name] = strings.Repeat(string(rune('1'+len(uids))), 8) + "-1111-4111-8111-111111111111"
		rec := key.Record{V: key.Version, UID: uids[name], Actions: []string{"search"}, Indexes: indexes, CreatedAt: time.Now()}
		if err := store.CreateKey(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Keys.Wait(t.Context(), func(k *key.Set) bool { return len(k.List) == len(keys) }); err != nil {
		t.Fatal(err)
	}
	tenant := func(rules any) string {
		tok, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"apiKeyUid": uids["all"], "searchRules": rules}).
			SignedString([]byte(s.Auth.Value(uids["all"])))
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	for _, x := range []struct {
		name, token string
		may         bool // search by the alias
	}{
		{"key of the target", s.Auth.Value(uids["a"]), true},
		{"key of another index", s.Auth.Value(uids["b"]), false},
		{"key of the alias", s.Auth.Value(uids["one"]), true},
		{"key of nothing", s.Auth.Value(uids["none"]), false},
		{"key of the alias's prefix", s.Auth.Value(uids["prefix"]), true},
		{"token for the target", tenant([]string{"a"}), true},
		{"token for another index", tenant([]string{"b"}), false},
		{"token for the alias", tenant([]string{"one"}), true},
	} {
		for _, r := range []struct{ path, body string }{
			{"/indexes/one/search", `{}`}, {"/indexes/one/facet-search", `{"facetName":"x"}`}, {"/indexes/one/similar", `{"id":1,"embedder":"e"}`},
			{"/multi-search", `{"queries":[{"indexUid":"one"}]}`}, {"/multi-search", `{"federation":{},"queries":[{"indexUid":"one"}]}`},
		} {
			answer := ask(t, s, x.token, "POST", r.path, json.RawMessage(r.body))
			if denied := answer.Status == http.StatusForbidden; denied == x.may {
				t.Errorf("%s, %s %s: %d %s", x.name, r.path, r.body, answer.Status, answer.Body)
			}
		}
	}
}
