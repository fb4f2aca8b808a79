package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/tuning"
)

// slowNode is a sidecar that takes writes and applies them when it is told to. Its documents say its name.
type slowNode struct {
	name    string
	mu      sync.Mutex
	states  map[string]string // of dispatches
	moved   chan struct{}     // closed and replaced with every change
	asked   []string          // what it was asked for, in order
	waiting chan struct{}     // receives when somebody begins to wait
	forgets bool              // it knows no dispatch
	broken  bool              // it takes writes and does not say so
	refuses string            // code with which it refuses them
	hangs   chan struct{}     // where there is one it answers no write before it is closed
	strict  bool              // it refuses stamps that are too far ahead of the time
	writes  []string          // dispatch and stamp of every one
}

func (n *slowNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	n.asked = append(n.asked, r.URL.Path)
	n.mu.Unlock()
	switch {
	case r.URL.Path == nodeapi.PathDispatches:
		n.dispatches(w, r)
	case r.Header.Get(nodeapi.HeaderDispatch) != "":
		_, _ = io.Copy(io.Discard, r.Body)
		n.mu.Lock()
		n.writes = append(n.writes, r.Header.Get(nodeapi.HeaderDispatch)+" at "+r.Header.Get(nodeapi.HeaderStamp))
		n.mu.Unlock()
		n.set(r.Header.Get(nodeapi.HeaderDispatch), task.Enqueued)
		n.mu.Lock()
		broken, refuses, hangs := n.broken, n.refuses, n.hangs
		if stamp, err := strconv.ParseUint(r.Header.Get(nodeapi.HeaderStamp), 10, 64); n.strict && (err != nil || hlc.Stamp(stamp).Check(time.Now()) != nil) {
			refuses = nodeapi.CodeClockSkew
		}
		n.mu.Unlock()
		if hangs != nil {
			<-hangs
		}
		if refuses != "" {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, `{"code":"`+refuses+`"}`)
			return
		}
		if broken {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"taskUid":1,"indexUid":"a","status":"enqueued","type":"documentDeletion","enqueuedAt":"2026-11-25T00:00:00Z"}`)
	case strings.HasSuffix(r.URL.Path, "/documents/fetch"):
		_, _ = fmt.Fprintf(w, `{"results":[{"id":%q}],"offset":0,"limit":20,"total":1}`, n.name)
	case strings.HasSuffix(r.URL.Path, "/search"):
		_, _ = io.WriteString(w, answerOf(0))
	default:
		_, _ = fmt.Fprintf(w, `{"id":%q}`, n.name)
	}
}

func (n *slowNode) dispatches(w http.ResponseWriter, r *http.Request) {
	wait, _ := time.ParseDuration("0" + r.URL.Query().Get("wait_ms") + "ms")
	over := time.After(wait)
	for {
		n.mu.Lock()
		var out nodeapi.Dispatches
		open := false
		for id := range strings.SplitSeq(r.URL.Query().Get("ids"), ",") {
			d := nodeapi.Dispatch{ID: id, State: n.states[id]}
			if d.State == "" || n.forgets {
				d.State = nodeapi.StateUnknown
			}
			open = open || d.State == task.Enqueued
			out.Dispatches = append(out.Dispatches, d)
		}
		moved := n.moved
		n.mu.Unlock()
		if !open || wait == 0 {
			_ = json.NewEncoder(w).Encode(out)
			return
		}
		select {
		case n.waiting <- struct{}{}:
		default:
		}
		select {
		case <-moved:
		case <-over:
			wait = 0
		}
	}
}

func (n *slowNode) set(id, status string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.states[id] = status
	close(n.moved)
	n.moved = make(chan struct{})
}

func (n *slowNode) apply(uid uint32) { n.set(task.DispatchID(uid), task.Succeeded) }

// times counts requests whose path ends so.
func (n *slowNode) times(suffix string) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, path := range n.asked {
		if strings.HasSuffix(path, suffix) {
			count++
		}
	}
	return count
}

// grouped is a cluster of groups with one node each, and an index "a" with one shard. The gateways know all of it.
func grouped(t *testing.T, gateways, groups int) ([]*Service, []*slowNode) {
	t.Helper()
	return replicated(t, gateways, groups, 1)
}

// replicated is grouped with several nodes in each group, which all hold the shard.
func replicated(t *testing.T, gateways, groups, rf int) ([]*Service, []*slowNode) {
	t.Helper()
	k := newCluster(t)
	var list []*Service
	for range gateways {
		list = append(list, k.gateway(t, io.Discard))
	}
	store := list[0].Store
	session, err := store.NewSession(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	nodes := make([]*slowNode, groups*rf)
	records := make([]routing.GroupRecord, groups)
	placement := routing.PlacementRecord{V: 1, Physical: "a--1", Shards: 1, Groups: map[int][][]routing.Copy{}}
	for n := range nodes {
		g, id := n/rf, fmt.Sprint("n", n)
		nodes[n] = &slowNode{name: id, states: map[string]string{}, moved: make(chan struct{}), waiting: make(chan struct{}, 1)}
		srv := httptest.NewServer(nodes[n])
		t.Cleanup(srv.Close)
		records[g] = routing.GroupRecord{V: 1, ID: g, State: routing.GroupActive, RF: rf}
		if n%rf == 0 {
			placement.Groups[g] = make([][]routing.Copy, 1)
		}
		placement.Groups[g][0] = append(placement.Groups[g][0], routing.Copy{Node: id, State: routing.CopyActive})
		if _, err := store.RegisterNode(t.Context(), routing.NodeRecord{ID: id, Address: srv.URL, ReplicaGroup: g}); err != nil {
			t.Fatal(err)
		}
		if err := store.AdmitNode(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := session.Put(t.Context(), "health/"+id, routing.HealthRecord{V: 1, OK: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.EnsureCluster(t.Context(), routing.ClusterRecord{V: 1, Shards: 1}, records); err != nil {
		t.Fatal(err)
	}
	ix := routing.IndexRecord{V: 1, UID: "a", Physical: "a--1", PrimaryKey: "id", Shards: 1}
	if _, err := store.CreateIndex(t.Context(), ix, placement, routing.SettingsRecord{V: 1, Version: 1, ClientView: json.RawMessage(`{}`)}); err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if _, err := s.Views.Wait(t.Context(), func(v *routing.View) bool { return v.Indexes["a"] != nil && len(v.Groups) == groups }); err != nil {
			t.Fatal(err)
		}
	}
	return list, nodes
}

func in(session string) http.Header { return http.Header{headerSession: {session}} }

func writeIn(t *testing.T, s *Service, session string) uint32 {
	t.Helper()
	r := askWith(t, s, masterKey, in(session), "POST", "/indexes/a/documents/delete-batch", []int{1})
	if r.Header.Get(headerSession) != session {
		t.Fatalf("%d %s: %v", r.Status, r.Body, r.Header)
	}
	return taskOf(t, r)
}

// readBy names the node that answered a read.
func readBy(t *testing.T, r *reply.Reply) string {
	t.Helper()
	if r.Status != http.StatusOK {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	page := decode[struct{ Results []struct{ ID string } }](t, r)
	if len(page.Results) != 1 {
		t.Fatalf("%s", r.Body)
	}
	return page.Results[0].ID
}

const docs = "/indexes/a/documents"

// A6.1: who reads in a session, at another gateway too, waits until what it wrote is applied.
func TestA61ReadsWaitForTheirWrites(t *testing.T) {
	gateways, nodes := grouped(t, 2, 1)
	for _, s := range gateways {
		point(t, s, "one", "a")
		pointAt(t, s, routing.AliasRecord{V: 1, Name: "all", Kind: routing.AliasMulti, AliasTargets: routing.AliasTargets{Targets: []string{"a"}}})
	}
	uid := writeIn(t, gateways[0], "s")
	for _, p := range []string{docs, docs + "/7", "/indexes/one/documents", "/indexes/all/documents"} {
		answers := make(chan *reply.Reply, 1)
		nodes[0].set(task.DispatchID(uid), task.Enqueued)
		select {
		case <-nodes[0].waiting:
		default:
		}
		before := nodes[0].times("/documents/fetch") + nodes[0].times("/documents/7")
		go func() { answers <- askWith(t, gateways[1], masterKey, in("s"), "GET", p, nil) }()
		<-nodes[0].waiting
		if n := nodes[0].times("/documents/fetch") + nodes[0].times("/documents/7"); n != before {
			t.Errorf("%s was read before the write was applied", p)
		}
		nodes[0].apply(uid)
		r := <-answers
		if r.Status != http.StatusOK || r.Header.Get(headerSession) != "s" || r.Header.Get(reply.HeaderSessionStale) != "" {
			t.Errorf("%s: %d %s %v", p, r.Status, r.Body, r.Header)
		}
	}
}

// A6.2: route_pin does not wait, and goes only where the write went first.
func TestA62RoutePin(t *testing.T) {
	gateways, nodes := grouped(t, 1, 3)
	s := gateways[0]
	set(s, func(l *tuning.Live) { l.SessionPinning.WaitStrategy = tuning.WaitPin })
	writeIn(t, s, "s")
	rec, _, err := s.Store.ClientSession(t.Context(), secretName("", "s"))
	if err != nil || rec.Indexes["a--1"].Group == nil {
		t.Fatalf("%+v %v", rec, err)
	}
	want := fmt.Sprint("n", *rec.Indexes["a--1"].Group)
	for i := range 30 {
		r := askWith(t, s, masterKey, in("s"), "POST", "/indexes/a/documents/fetch", map[string]any{"limit": 20, "offset": 0, "fields": []string{fmt.Sprint("f", i)}})
		if got := readBy(t, r); got != want {
			t.Fatalf("read from %s instead of %s", got, want)
		}
	}
	for _, n := range nodes {
		if n.times(nodeapi.PathDispatches) > 0 {
			t.Error("a read waited")
		}
	}
}

// A6.3: a read that waited in vain is answered as things are, and says so, or is an error.
func TestA63WaitInVain(t *testing.T) {
	gateways, _ := grouped(t, 1, 1)
	s := gateways[0]
	set(s, func(l *tuning.Live) { l.SessionPinning.MaxWaitMs = 30 })
	writeIn(t, s, "s")
	r := askWith(t, s, masterKey, in("s"), "GET", docs, nil)
	if r.Status != http.StatusOK || r.Header.Get(reply.HeaderSessionStale) != "true" || r.Header.Get(headerSession) != "s" {
		t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
	}
	s.Limits.Waiting = 0
	set(s, func(l *tuning.Live) { l.SessionPinning.MaxWaitMs = 3_600_000 })
	if r := askWith(t, s, masterKey, in("s"), "GET", docs, nil); r.Header.Get(reply.HeaderSessionStale) != "true" {
		t.Errorf("without a seat: %d %s %v", r.Status, r.Body, r.Header)
	}
	set(s, func(l *tuning.Live) { l.SessionPinning.OnTimeout = tuning.TimeoutError })
	if r = askWith(t, s, masterKey, in("s"), "GET", docs, nil); r.Status != http.StatusGatewayTimeout || codeOf(t, r) != apierr.MiroirTimeout {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// A6.4: when the group that took the write is gone, another one that has it answers; one that has it not, never.
func TestA64PinnedGroupLost(t *testing.T) {
	gateways, nodes := grouped(t, 1, 2)
	s := gateways[0]
	uid := writeIn(t, s, "s")
	rec, _, err := s.Store.ClientSession(t.Context(), secretName("", "s"))
	if err != nil {
		t.Fatal(err)
	}
	pinned := *rec.Indexes["a--1"].Group
	other := nodes[1-pinned]
	nodes[pinned].mu.Lock()
	nodes[pinned].forgets = true
	nodes[pinned].mu.Unlock()
	other.apply(uid)
	for range 5 {
		r := askWith(t, s, masterKey, in("s"), "GET", docs, nil)
		if got := readBy(t, r); got != other.name || r.Header.Get(reply.HeaderSessionStale) != "" {
			t.Errorf("read from %s, %v", got, r.Header)
		}
	}
	other.mu.Lock()
	other.forgets = true
	other.mu.Unlock()
	if r := askWith(t, s, masterKey, in("s"), "GET", docs, nil); r.Status != http.StatusOK || r.Header.Get(reply.HeaderSessionStale) != "true" {
		t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
	}
}

// A6.5, A6.6: another credential, another session and no session at all wait for nothing.
func TestA65NobodyElseWaits(t *testing.T) {
	gateways, nodes := grouped(t, 1, 1)
	s := gateways[0]
	made := ask(t, s, masterKey, "POST", "/keys", map[string]any{"actions": []string{"*"}, "indexes": []string{"*"}, "expiresAt": nil})
	token := decode[struct{ Key string }](t, made).Key
	writeIn(t, s, "s")
	for _, r := range []*reply.Reply{
		askWith(t, s, token, in("s"), "GET", docs, nil), askWith(t, s, masterKey, in("other"), "GET", docs, nil),
		ask(t, s, masterKey, "GET", docs, nil),
	} {
		if r.Status != http.StatusOK || r.Header.Get(reply.HeaderSessionStale) != "" {
			t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
		}
	}
	if nodes[0].times(nodeapi.PathDispatches) > 0 {
		t.Error("somebody waited")
	}
}

// A6.7: a write that has ended, be it in failure, delays nothing.
func TestA67EndedWritesDelayNothing(t *testing.T) {
	gateways, nodes := grouped(t, 1, 1)
	s := gateways[0]
	uid := writeIn(t, s, "s")
	r, err := s.Store.Task(t.Context(), uid)
	if err != nil {
		t.Fatal(err)
	}
	r.Finish(time.Now(), apierr.New(apierr.InvalidDocumentID, "no"))
	if _, err := s.Store.FinishTask(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tasks.Wait(t.Context(), uid, func(r task.Record) bool { return r.Done() }); err != nil {
		t.Fatal(err)
	}
	askWith(t, s, masterKey, in("s"), "GET", docs, nil)
	if nodes[0].times(nodeapi.PathDispatches) > 0 {
		t.Error("a read waited")
	}
}

// F6: what was done in the catalog is known at every gateway to who did it.
func TestF6TheCatalogIsReadAsWritten(t *testing.T) {
	gateways, _ := grouped(t, 2, 1)
	for i := range 40 {
		old, renamed := fmt.Sprint("a", i), fmt.Sprint("a", i+1)
		if i == 0 {
			old = "a"
		}
		taskOf(t, askWith(t, gateways[i%2], masterKey, in("s"), "PATCH", "/indexes/"+old, map[string]any{"uid": renamed}))
		if r := askWith(t, gateways[(i+1)%2], masterKey, in("s"), "GET", "/indexes/"+renamed, nil); r.Status != http.StatusOK {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		if r := askWith(t, gateways[(i+1)%2], masterKey, in("s"), "GET", "/indexes/"+old, nil); r.Status != http.StatusNotFound {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
}

// HD-3: absent, present and malformed sessions; without the store there is none, and the answer says so.
func TestHD3Session(t *testing.T) {
	gateways, _ := grouped(t, 1, 1)
	s := gateways[0]
	for _, values := range [][]string{{""}, {"a b"}, {"ü"}, {strings.Repeat("a", 129)}, {"a", "b"}} {
		for _, path := range []string{docs, "/tasks"} {
			r := askWith(t, s, masterKey, http.Header{headerSession: values}, "GET", path, nil)
			if r.Status != http.StatusBadRequest || codeOf(t, r) != apierr.MiroirInvalidHeader {
				t.Errorf("%q on %s: %d %s", values, path, r.Status, r.Body)
			}
		}
		if r := askWith(t, s, masterKey, http.Header{headerSession: values}, "GET", "/health", nil); r.Status != http.StatusOK {
			t.Errorf("%q on /health: %d %s", values, r.Status, r.Body)
		}
	}
	long := strings.Repeat("~", 128)
	if r := askWith(t, s, masterKey, in(long), "GET", docs, nil); r.Header.Get(headerSession) != long {
		t.Errorf("%d %v", r.Status, r.Header)
	}
	if r := ask(t, s, masterKey, "GET", docs, nil); r.Header.Get(headerSession) != "" {
		t.Errorf("%v", r.Header)
	}
	set(s, func(l *tuning.Live) { l.SessionPinning.Enabled = false })
	if r := askWith(t, s, masterKey, in("s"), "GET", docs, nil); r.Status != http.StatusOK || r.Header.Get(headerSession) != "" {
		t.Errorf("%d %v", r.Status, r.Header)
	}
	set(s, func(l *tuning.Live) { l.SessionPinning.Enabled = true })
	if err := s.Store.Close(); err != nil {
		t.Fatal(err)
	}
	r := askWith(t, s, masterKey, in("s"), "GET", docs, nil)
	if r.Status != http.StatusOK || r.Header.Get(headerSession) != "" || r.Header.Get(reply.HeaderSessionDegraded) != degradedStore {
		t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
	}
}

// F6: the record of a session is bounded: eight tasks of an index, older ones as one number, and sixteen indexes.
func TestF6BoundsOfARecord(t *testing.T) {
	s := newCluster(t).gateway(t, io.Discard)
	rec := state.ClientSession{Indexes: map[string]state.SessionIndex{}}
	for uid := range uint32(20) {
		s.note(&rec, written{physical: "a", task: uid})
	}
	if ix := rec.Indexes["a"]; len(ix.Tasks) != maxSessionTasks || ix.Tasks[0] != 12 || ix.Before != 11 {
		t.Errorf("%+v", ix)
	}
	for i := range 15 {
		if s.note(&rec, written{physical: fmt.Sprint("x", i), task: uint32(100 + i)}) { //nolint:gosec // small
			t.Errorf("evicted at %d", i)
		}
	}
	if !s.note(&rec, written{physical: "last", task: 200}) || len(rec.Indexes) != maxSessionIndexes || len(rec.Indexes["a"].Tasks) > 0 {
		t.Errorf("%+v", rec.Indexes)
	}
}
