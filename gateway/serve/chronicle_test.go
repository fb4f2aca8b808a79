package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/gateway/auth"
	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

// fixedView is a view that stays.
type fixedView struct{ v *routing.View }

func (f fixedView) View() *routing.View                { return f.v }
func (f fixedView) Reach(context.Context, int64) error { return nil }
func (f fixedView) Wait(context.Context, func(*routing.View) bool) (*routing.View, error) {
	return nil, errors.New("the view stays")
}

// noTasks knows no task, but how often an index was written to.
type noTasks struct{ version uint64 }

func (noTasks) Get(uint32) (task.Record, bool)     { return task.Record{}, false }
func (noTasks) Each(bool, func(*task.Record) bool) {}
func (noTasks) Stamp() hlc.Stamp                   { return 0 }
func (noTasks) Sync(context.Context) error         { return nil }
func (noTasks) InView(uint32) bool                 { return true }
func (noTasks) Reach(context.Context, int64) error { return nil }
func (noTasks) Wait(context.Context, uint32, func(task.Record) bool) (task.Record, error) {
	return task.Record{}, context.Canceled
}
func (n *noTasks) Version(string) uint64 { return n.version }

// listNode answers listings as a sidecar does. Its documents are numbers, written in the order of the numbers.
type listNode struct {
	mu    sync.Mutex
	docs  []int
	fails bool
	asked []int // limits
}

func (n *listNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var in struct {
		Offset, Limit int
		Fields        []string
	}
	if n.fails || json.NewDecoder(r.Body).Decode(&in) != nil || !strings.HasSuffix(r.URL.Path, "/indexes/a--1/documents/fetch") {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	n.asked = append(n.asked, in.Limit)
	marked := r.Header.Get(nodeapi.HeaderKeep) == nodeapi.KeepStamps
	var parts []string
	for _, d := range n.docs[min(in.Offset, len(n.docs)):min(in.Offset+in.Limit, len(n.docs))] {
		doc := fmt.Sprintf(`{"id":%d,`, d)
		if in.Fields != nil && !slices.Contains(in.Fields, "id") {
			doc = `{`
		}
		if marked {
			doc += `"_miroir_updated_at":"` + string(nodeapi.AppendStamp(nil, 7, uint64(d))) + `"` //nolint:gosec // small
		}
		doc = strings.TrimSuffix(doc, ",") + "}"
		if marked {
			doc += "\n"
		}
		parts = append(parts, doc)
	}
	_, _ = fmt.Fprintf(w, `{"results":[%s],"offset":%d,"limit":%d,"total":%d}`, strings.Join(parts, ","), in.Offset, in.Limit, len(n.docs))
}

// listService is a gateway over nodes with one shard each.
func listService(t *testing.T, nodes []*listNode) (*Service, *noTasks) {
	t.Helper()
	b := routing.NewBuilder()
	put := func(key, value string) {
		if err := b.Put(key, []byte(value), 1); err != nil {
			t.Fatal(err)
		}
	}
	put("groups/0", `{"v":1,"id":0,"state":"active","rf":1}`)
	var placed []string
	for i, n := range nodes {
		srv := httptest.NewServer(n)
		t.Cleanup(srv.Close)
		id := fmt.Sprintf("n%d", i)
		put("nodes/"+id, fmt.Sprintf(`{"v":1,"id":%q,"address":%q,"replica_group":0,"state":"active"}`, id, srv.URL))
		put("health/"+id, `{"v":1,"ok":true}`)
		placed = append(placed, fmt.Sprintf(`[{"node":%q,"state":"active"}]`, id))
	}
	put("indexes/a", fmt.Sprintf(`{"v":1,"uid":"a","physical":"a--1","shards":%d}`, len(nodes)))
	put("placement/a--1", fmt.Sprintf(`{"v":1,"physical":"a--1","shards":%d,"groups":{"0":[%s]}}`, len(nodes), strings.Join(placed, ",")))
	reg := prometheus.NewRegistry()
	legs := client.New(client.Options{NodeKey: "node"})
	t.Cleanup(legs.Close)
	tasks := &noTasks{}
	return &Service{
		Views: fixedView{b.View()}, Tasks: tasks, Nodes: legs, Table: operation.NewTable(), Scatter: scatter.NewMetrics(reg),
		Auth:    auth.NewChecker(auth.Options{MasterKey: masterKey, Now: time.Now, Metrics: auth.NewMetrics(reg)}),
		Metrics: NewMetrics(reg), NodeKey: "node", Limits: DefaultLimits(t.TempDir()), Log: zerolog.Nop(),
	}, tasks
}

func listed(t *testing.T, s *Service, query string) (ids []int, total int) {
	t.Helper()
	r := ask(t, s, masterKey, "GET", "/indexes/a/documents?"+query, nil)
	if r.Status != http.StatusOK || strings.ContainsAny(string(r.Body), "\n⊕") {
		t.Fatalf("%s: %d %s", query, r.Status, r.Body)
	}
	page := decode[struct {
		Results []struct{ ID int }
		Total   int
	}](t, r)
	for _, d := range page.Results {
		ids = append(ids, d.ID)
	}
	return ids, page.Total
}

func upTo(from, to int) []int {
	var out []int
	for i := from; i < to; i++ {
		out = append(out, i)
	}
	return out
}

// §2: a listing comes in the order of writing on every page, however deep, and costs no more than its distance from a
// page that was read before.
func TestDocumentsAreListedAsWritten(t *testing.T) {
	nodes := []*listNode{{}, {}, {}}
	const n = 9000
	for i := range n {
		at := nodes[(i*i/7)%3]
		at.docs = append(at.docs, i)
	}
	s, tasks := listService(t, nodes)
	cost := func() (sum int) {
		for _, n := range nodes {
			for _, limit := range n.asked {
				sum += limit
			}
			n.asked = nil
		}
		return sum
	}
	for _, c := range []struct {
		name, query string
		want        []int
		most        int // documents and stamps that all legs are asked for
	}{
		{"first page", "limit=20&fields=id", upTo(0, 20), 60},
		{"next page", "offset=20&limit=20", upTo(20, 40), 60},
		{"near", "offset=300&limit=5", upTo(300, 305), 3 * 265},
		{"deep", "offset=7777&limit=9", upTo(7777, 7786), 3 * (7777/3*5/4 + 2*nearby + 600)},
		{"behind it", "offset=7786&limit=100", upTo(7786, 7886), 300},
		{"the end", "offset=8990&limit=100", upTo(8990, n), 3 * 1200},
		{"beyond", "offset=90000&limit=100", nil, 3 * maxPiece},
		{"nothing", "limit=0", nil, 0},
		{"nothing, deep", "offset=8000&limit=0", nil, 0},
	} {
		got, total := listed(t, s, c.query)
		if !slices.Equal(got, c.want) || total != n {
			t.Fatalf("%s: %v of %d", c.name, got, total)
		}
		if spent := cost(); spent > c.most {
			t.Errorf("%s: legs were asked for %d documents, at most %d are needed", c.name, spent, c.most)
		}
	}
	tasks.version++
	if got, _ := listed(t, s, "offset=7786&limit=3"); !slices.Equal(got, upTo(7786, 7789)) || cost() < 7786 {
		t.Fatalf("%v: a place outlived a write", got)
	}
	one, _ := listService(t, []*listNode{{docs: upTo(0, 50)}})
	if got, total := listed(t, one, "offset=30&limit=5"); !slices.Equal(got, upTo(30, 35)) || total != 50 {
		t.Fatalf("one node: %v of %d", got, total)
	}
	nodes[1].fails = true
	left := slices.Sorted(slices.Values(slices.Concat(nodes[0].docs, nodes[2].docs)))
	if got, total := listed(t, s, "offset=4000&limit=7"); !slices.Equal(got, left[4000:4007]) || total != len(left) {
		t.Fatalf("without a leg: %v of %d", got, total)
	}
	if r := ask(t, s, masterKey, "GET", "/indexes/a/documents?limit=1", nil); r.Header.Get(reply.HeaderDegraded) != "shards=1" {
		t.Fatalf("a missing leg: %v", r.Header)
	}
}
