package serve

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/tuning"
)

// repeat is ask with an Idempotency-Key.
func repeat(t *testing.T, s *Service, token, word, method, path string, body any) *reply.Reply {
	t.Helper()
	return askWith(t, s, token, http.Header{headerIdempotency: {word}}, method, path, body)
}

func codeOf(t *testing.T, r *reply.Reply) apierr.Code {
	t.Helper()
	return decode[struct{ Code apierr.Code }](t, r).Code
}

func taskOf(t *testing.T, r *reply.Reply) uint32 {
	t.Helper()
	if r.Status != http.StatusAccepted && r.Status != http.StatusOK {
		t.Fatalf("status %d: %s", r.Status, r.Body)
	}
	return decode[struct{ TaskUID uint32 }](t, r).TaskUID
}

// F10, A10.2: a write that is sent again is answered as the first time, at every gateway; another request with its key is
// refused; another credential has keys of its own.
func TestA102TheSameKeyIsTheSameWrite(t *testing.T) {
	k := newCluster(t)
	s, other := k.gateway(t, io.Discard), k.gateway(t, io.Discard)
	body := []string{"1", "2"}
	const path = "/indexes/none/documents/delete-batch"
	first := repeat(t, s, masterKey, "word", "POST", path, body)
	uid := taskOf(t, first)
	if first.Header.Get(reply.HeaderReplayed) != "" {
		t.Error("the first answer says that it is not")
	}
	for _, g := range []*Service{s, other} {
		again := repeat(t, g, masterKey, "word", "POST", path, body)
		if again.Status != first.Status || string(again.Body) != string(first.Body) || again.Header.Get(reply.HeaderReplayed) != "true" {
			t.Errorf("%d %s, want %d %s", again.Status, again.Body, first.Status, first.Body)
		}
		for _, wrong := range []*reply.Reply{
			repeat(t, g, masterKey, "word", "POST", path, []string{"1"}),
			repeat(t, g, masterKey, "word", "POST", path+"?customMetadata=x", body),
			repeat(t, g, masterKey, "word", "POST", "/indexes/other/documents/delete-batch", body),
			repeat(t, g, masterKey, "word", "DELETE", "/indexes/none/documents", nil),
		} {
			if wrong.Status != http.StatusConflict || codeOf(t, wrong) != apierr.MiroirIdempotencyKeyReused {
				t.Errorf("%d %s", wrong.Status, wrong.Body)
			}
		}
	}
	if next := taskOf(t, repeat(t, s, masterKey, "other-word", "POST", path, body)); next == uid {
		t.Error("another key is the same write")
	}
	made := ask(t, s, masterKey, "POST", "/keys", map[string]any{"actions": []string{"*"}, "indexes": []string{"*"}, "expiresAt": nil})
	token := decode[struct{ Key string }](t, made).Key
	if theirs := taskOf(t, repeat(t, s, token, "word", "POST", path, body)); theirs == uid {
		t.Error("another credential got the first one's task")
	}
	if plain := taskOf(t, ask(t, s, masterKey, "POST", path, body)); plain == uid {
		t.Error("a write without a key is the first one")
	}
}

// F10: what makes no task is answered again as well, and the value of an API key is kept nowhere (ET-6).
func TestF10KeysAreMadeOnce(t *testing.T) {
	k := newCluster(t)
	s := k.gateway(t, io.Discard)
	in := map[string]any{"name": `"key":""`, "actions": []string{"search"}, "indexes": []string{"*"}, "expiresAt": nil}
	first := repeat(t, s, masterKey, "a", "POST", "/keys", in)
	if first.Status != http.StatusCreated {
		t.Fatalf("%d %s", first.Status, first.Body)
	}
	made := decode[struct{ Key, UID string }](t, first)
	again := repeat(t, s, masterKey, "a", "POST", "/keys", in)
	if again.Status != first.Status || string(again.Body) != string(first.Body) {
		t.Errorf("%d %s, want %s", again.Status, again.Body, first.Body)
	}
	if n := len(s.Keys.Keys().List); n != 1 {
		t.Errorf("%d keys", n)
	}
	patch := map[string]any{"name": "new"}
	first = repeat(t, s, masterKey, "b", "PATCH", "/keys/"+made.UID, patch)
	ask(t, s, masterKey, "PATCH", "/keys/"+made.UID, map[string]any{"name": "newer"})
	if again = repeat(t, s, masterKey, "b", "PATCH", "/keys/"+made.UID, patch); string(again.Body) != string(first.Body) || again.Status != http.StatusOK {
		t.Errorf("%d %s, want %s", again.Status, again.Body, first.Body)
	}
	for range 2 {
		if gone := repeat(t, s, masterKey, "c", "DELETE", "/keys/"+made.UID, nil); gone.Status != http.StatusNoContent || len(gone.Body) > 0 {
			t.Errorf("%d %s", gone.Status, gone.Body)
		}
	}
	if gone := repeat(t, s, masterKey, "d", "DELETE", "/keys/"+made.UID, nil); gone.Status != http.StatusNotFound {
		t.Errorf("%d %s", gone.Status, gone.Body)
	}
	err := s.Store.Entries(t.Context(), "", func(e state.Entry) error {
		if strings.Contains(string(e.Value), made.Key) || strings.Contains(string(e.Value), masterKey) {
			t.Errorf("%s holds a secret", e.Key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// F10: what was refused as wrong releases its key.
func TestF10ARefusalReleasesTheKey(t *testing.T) {
	s := newCluster(t).gateway(t, io.Discard)
	if r := repeat(t, s, masterKey, "a", "POST", "/keys", map[string]any{}); r.Status != http.StatusBadRequest {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	in := map[string]any{"uid": "74c9c733-3368-4738-bbe5-1d18a5fecb37", "actions": []string{"search"}, "indexes": []string{"*"}, "expiresAt": nil}
	if r := repeat(t, s, masterKey, "a", "POST", "/keys", in); r.Status != http.StatusCreated {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if r := repeat(t, s, masterKey, "b", "POST", "/keys", in); r.Status != http.StatusConflict || codeOf(t, r) != apierr.APIKeyAlreadyExists {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := repeat(t, s, masterKey, "b", "DELETE", "/keys/74c9c733-3368-4738-bbe5-1d18a5fecb37", nil); r.Status != http.StatusNoContent {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// HD-3: absent, present, and malformed keys; a request that only reads ignores it.
func TestHD3IdempotencyKey(t *testing.T) {
	s := newCluster(t).gateway(t, io.Discard)
	const path = "/indexes/none/documents"
	for _, values := range [][]string{{""}, {"a b"}, {"a\tb"}, {"ü"}, {strings.Repeat("a", 256)}, {"a", "b"}} {
		r := askWith(t, s, masterKey, http.Header{headerIdempotency: values}, "DELETE", path, nil)
		if r.Status != http.StatusBadRequest || codeOf(t, r) != apierr.MiroirInvalidHeader {
			t.Errorf("%q: %d %s", values, r.Status, r.Body)
		}
		if r := askWith(t, s, masterKey, http.Header{headerIdempotency: values}, "GET", "/tasks", nil); r.Status != http.StatusOK {
			t.Errorf("%q on a read: %d %s", values, r.Status, r.Body)
		}
	}
	for _, word := range []string{"!", "~", strings.Repeat("a", 255), "6f1ed002-ab5c-4dbb-a8b1-1e5d51cd6ba5"} {
		taskOf(t, repeat(t, s, masterKey, word, "DELETE", path, nil))
	}
}

// A10.1: of many at the same time one is carried out, and all get its answer.
func TestA101ManyAtOnce(t *testing.T) {
	k := newCluster(t)
	gateways := []*Service{k.gateway(t, io.Discard), k.gateway(t, io.Discard)}
	var mu sync.Mutex
	uids := map[uint32]int{}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			uid := taskOf(t, repeat(t, gateways[i%2], masterKey, "w", "POST", "/swap-indexes", []any{}))
			mu.Lock()
			defer mu.Unlock()
			uids[uid]++
		})
	}
	all.Wait()
	if len(uids) != 1 {
		t.Errorf("tasks and how often: %v", uids)
	}
	n := 0
	gateways[0].Tasks.Each(true, func(*task.Record) bool { n++; return true })
	if n > 1 {
		t.Errorf("%d tasks", n)
	}
}

// A10.3: a request whose gateway is at work is waited for and then refused for now; once the gateway is gone the next one goes
// on with its task.
func TestA103TakeOver(t *testing.T) {
	k := newCluster(t)
	s := k.gateway(t, io.Discard)
	set(s, func(l *tuning.Live) { l.Idempotency.InProgressWaitMs = 50 })
	owner := k.gateway(t, io.Discard)
	owner.ID, owner.Started = "owner", time.Now().UTC()
	session, err := owner.Store.NewSession(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Put(t.Context(), state.FamilyGateways+owner.ID, state.GatewayRecord{V: 1, ID: owner.ID, StartedAt: owner.Started}); err != nil {
		t.Fatal(err)
	}
	// The record as it stands after the owner claimed the key of the creation of an index, and before the task.
	const word, uid = "w", 4711
	c := &call{Request: request(t, masterKey, http.Header{headerIdempotency: {word}}, "POST", "/indexes/none/documents/delete-batch", []int{1})}
	c.op = owner.Table.Classify(c.Method, c.Path)
	if e := owner.keyed(c); e != nil {
		t.Fatal(e)
	}
	if err := owner.begin(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := owner.Store.PutClaim(t.Context(), owner.claimFor(c, task.Record{UID: uid})); err != nil {
		t.Fatal(err)
	}
	again := func() *reply.Reply {
		return repeat(t, s, masterKey, word, "POST", "/indexes/none/documents/delete-batch", []int{1})
	}
	r := again()
	if r.Status != http.StatusConflict || codeOf(t, r) != apierr.MiroirIdempotencyBusy || r.Header.Get("Retry-After") != "1" {
		t.Fatalf("%d %s %v", r.Status, r.Body, r.Header)
	}
	if err := session.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r = again(); taskOf(t, r) != uid || r.Header.Get(reply.HeaderReplayed) != "" {
		t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
	}
	if r = again(); taskOf(t, r) != uid || r.Header.Get(reply.HeaderReplayed) != "true" {
		t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
	}
}

// F10: without the store there is no promise.
func TestF10NoStoreNoPromise(t *testing.T) {
	k := newCluster(t)
	s := k.gateway(t, io.Discard)
	if err := s.Store.Close(); err != nil {
		t.Fatal(err)
	}
	r := repeat(t, s, masterKey, "w", "DELETE", "/indexes/none/documents", nil)
	if r.Status != http.StatusServiceUnavailable || codeOf(t, r) != apierr.MiroirStateUnavailable {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// The place of an API key's value in an answer is found whatever its name is.
func TestKeptKeyGetsItsValueBack(t *testing.T) {
	s := newCluster(t).gateway(t, io.Discard)
	name := `"key":"" \"key\":\"\"`
	r := key.Record{UID: "74c9c733-3368-4738-bbe5-1d18a5fecb37", Name: &name, Description: &name}
	kept := s.keptKey(&r)
	got := s.replayKey(state.Idempotency{Status: http.StatusOK, Body: kept})
	var want, have keyViewJSON
	if json.Unmarshal(reply.Value(0, s.keyView(&r)).Body, &want) != nil || json.Unmarshal(got.Body, &have) != nil || have != want || have.Key == "" {
		t.Errorf("%s", got.Body)
	}
}

type keyViewJSON struct{ Name, Description, Key, UID string }

// F10: a write that too few copies took is gone on with by the same request: another task, but for the nodes the same write.
func TestF10TheSameWriteAfterTooFewCopies(t *testing.T) {
	gateways, nodes := grouped(t, 1, 1)
	s, n := gateways[0], nodes[0]
	set := func(broken bool) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.broken = broken
	}
	const path = "/indexes/a/documents/delete-batch"
	set(true)
	if r := repeat(t, s, masterKey, "w", "POST", path, []int{1}); r.Status != http.StatusServiceUnavailable || codeOf(t, r) != apierr.MiroirNoQuorum {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	set(false)
	first := n.writes[0]
	r := repeat(t, s, masterKey, "w", "POST", path, []int{1})
	uid := taskOf(t, r)
	if last := n.writes[len(n.writes)-1]; last != first {
		t.Errorf("the node got %s, and then %s", first, last)
	}
	rec, err := s.Store.Task(t.Context(), uid)
	if err != nil || rec.Done() || rec.DispatchID()+" at "+strconv.FormatUint(uint64(rec.Stamp), 10) != first || rec.Dispatch == "" {
		t.Errorf("%+v %v", rec, err)
	}
	if again := repeat(t, s, masterKey, "w", "POST", path, []int{1}); string(again.Body) != string(r.Body) || again.Header.Get(reply.HeaderReplayed) != "true" {
		t.Errorf("%d %s", again.Status, again.Body)
	}
	// The index is made anew before the request is sent again: nodes must not take the old write for the new one.
	set(true)
	repeat(t, s, masterKey, "x", "POST", path, []int{1})
	set(false)
	before := n.writes[len(n.writes)-1]
	if _, err := s.Store.DeleteIndex(t.Context(), "a", "a--1", nil); err != nil {
		t.Fatal(err)
	}
	placement := routing.PlacementRecord{V: 1, Physical: "a--2", Shards: 1, Groups: map[int][][]routing.Copy{0: {{{Node: "n0", State: routing.CopyActive}}}}}
	ix := routing.IndexRecord{V: 1, UID: "a", Physical: "a--2", PrimaryKey: "id", Shards: 1}
	if _, err := s.Store.CreateIndex(t.Context(), ix, placement, routing.SettingsRecord{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Views.Wait(t.Context(), func(v *routing.View) bool { return v.Physical["a--2"] != nil }); err != nil {
		t.Fatal(err)
	}
	taskOf(t, repeat(t, s, masterKey, "x", "POST", path, []int{1}))
	if last := n.writes[len(n.writes)-1]; last == before {
		t.Errorf("the node got %s for both indexes", last)
	}
}
