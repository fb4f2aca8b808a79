package webhooks

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/testkit/etcd"
	"github.com/miroir-search/miroir/internal/webhook"
)

// patience bounds waits on a busy machine.
const patience = 30 * time.Second

// receiver is a webhook's server. It answers with the status of the day, and remembers what it took.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	taken  []uint32
	asked  int
	header http.Header
	news   chan struct{}
}

func newReceiver(t *testing.T, status int) *receiver {
	r := &receiver{status: status, news: make(chan struct{}, 1)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		uids := read(t, q)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked++
		r.header = q.Header
		if r.status == http.StatusOK {
			r.taken = append(r.taken, uids...)
		}
		w.WriteHeader(r.status)
		select {
		case r.news <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func read(t *testing.T, q *http.Request) (uids []uint32) {
	gz, err := gzip.NewReader(q.Body)
	if err != nil {
		t.Error(err)
		return nil
	}
	for lines := bufio.NewScanner(gz); lines.Scan(); {
		var one struct {
			UID    uint32
			Status string
		}
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil || one.Status != task.Succeeded {
			t.Errorf("%s: %v", lines.Bytes(), err)
		}
		uids = append(uids, one.UID)
	}
	return uids
}

// until waits for a state of the receiver.
func (r *receiver) until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	late := time.After(patience)
	for {
		r.mu.Lock()
		ok, taken := cond(), slices.Clone(r.taken)
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.news:
		case <-late:
			t.Fatalf("%s: got %v", what, taken)
		}
	}
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// world is a store with what posts from it.
type world struct {
	t       *testing.T
	store   *state.Client
	service *Service
	box     *seal.Box
}

func newWorld(t *testing.T, allowed string) *world {
	t.Helper()
	store := etcd.Connect(t, etcd.Start(t))
	tasks, err := store.WatchTasks(t.Context(), zerolog.Nop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	hooks, err := store.WatchWebhooks(t.Context(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.New("a key of a test")
	if err != nil {
		t.Fatal(err)
	}
	networks, err := ParseNetworks(allowed)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, store, &Service{
		Tasks: tasks, Hooks: hooks, Store: store, Seal: box, Networks: networks, Keep: time.Hour, Now: time.Now, Log: zerolog.Nop(),
		Metrics: NewMetrics(prometheus.NewRegistry()),
	}, box}
}

// lead runs the service until the returned function is called.
func (w *world) lead() (stop func()) {
	w.t.Helper()
	l, err := w.store.Campaign(w.t.Context(), Scope, "me", 10)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(l.Context())
	done := make(chan error, 1)
	go func() { done <- w.service.Lead(ctx, l) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				w.t.Error(err)
			}
			if err := l.Resign(context.WithoutCancel(w.t.Context())); err != nil {
				w.t.Error(err)
			}
		})
	}
	w.t.Cleanup(stop)
	return stop
}

func (w *world) hook(uuid string, hook meili.Webhook) {
	w.t.Helper()
	r := webhook.Record{UUID: uuid, Ended: "8-9"} // which clients have seen end before
	if err := r.Put(w.box, hook, time.Now()); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.With(state.Receipt{}).CreateWebhook(w.t.Context(), r); err != nil {
		w.t.Fatal(err)
	}
}

// end records tasks that have ended.
func (w *world) end(uids ...uint32) {
	w.t.Helper()
	for _, uid := range uids {
		now := time.Now()
		r := task.Record{UID: uid, Type: task.DocumentAddition, Status: task.Succeeded, EnqueuedAt: now, StartedAt: &now, FinishedAt: &now}
		if err := w.store.CreateTask(w.t.Context(), r); err != nil {
			w.t.Fatal(err)
		}
	}
}

// A webhook gets what ends after it was made, in the order in which it ended, with its headers; one that is down holds up no
// other, and gets everything once it is there, also from the next leader.
func TestEveryWebhookGetsEveryTaskInOrder(t *testing.T) {
	w := newWorld(t, "127.0.0.0/8")
	up, down := newReceiver(t, http.StatusOK), newReceiver(t, http.StatusServiceUnavailable)
	w.end(0)
	w.hook("a", meili.Webhook{URL: up.URL, Headers: map[string]string{"X-One": "1", "Authorization": "Bearer x"}})
	w.hook("b", meili.Webhook{URL: down.URL})
	stop := w.lead()
	w.end(8, 3, 9, 1)
	up.until(t, "the first tasks", func() bool { return slices.Equal(up.taken, []uint32{3, 1}) })
	if h := up.header; h.Get("X-One") != "1" || h.Get("Authorization") != "Bearer x" || h.Get("Content-Type") != "application/x-ndjson" || h.Get("Content-Encoding") != "gzip" {
		t.Errorf("headers are %v", h)
	}
	down.until(t, "an attempt", func() bool { return down.asked > 0 })
	stop()
	w.end(2)
	down.answer(http.StatusOK)
	w.lead()
	up.until(t, "the last task", func() bool { return slices.Equal(up.taken, []uint32{3, 1, 2}) })
	down.until(t, "all tasks", func() bool { return slices.Equal(down.taken, []uint32{3, 1, 2}) })
	if err := w.store.With(state.Receipt{}).DeleteWebhook(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	w.end(4)
	down.until(t, "a task after the other webhook was deleted", func() bool { return slices.Contains(down.taken, 4) })
	if up.until(t, "nothing", func() bool { return true }); slices.Contains(up.taken, 4) {
		t.Error("a webhook that is gone was told of a task")
	}
}

// What a webhook does not take goes when it is old, and is counted.
func TestTasksThatAreOldAreDropped(t *testing.T) {
	w := newWorld(t, "any")
	w.service.Keep = time.Nanosecond
	down := newReceiver(t, http.StatusServiceUnavailable)
	w.hook("a", meili.Webhook{URL: down.URL})
	w.lead()
	w.end(1)
	down.until(t, "an attempt", func() bool { return down.asked > 0 })
	down.answer(http.StatusOK)
	w.end(2)
	down.until(t, "what came after it", func() bool { return slices.Equal(down.taken, []uint32{2}) })
	if n := testutil.ToFloat64(w.service.Metrics.tasks.WithLabelValues("dropped")); n != 1 {
		t.Errorf("%v tasks count as dropped", n)
	}
}

// Addresses that are not public are not asked unless their network is allowed, whether they are written or resolved, and no
// redirection leads to them.
func TestPrivateAddressesAreRefused(t *testing.T) {
	server := newReceiver(t, http.StatusOK)
	closed, open := client(nil), client(Networks{prefixes("127.0.0.0/8")[0]})
	named := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	for _, url := range []string{server.URL, named} {
		if _, err := post(t.Context(), closed, meili.Webhook{URL: url}, nil); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if server.asked != 0 {
		t.Error("the server was asked")
	}
	away := httptest.NewServer(http.RedirectHandler(server.URL, http.StatusTemporaryRedirect))
	defer away.Close()
	if status, err := post(t.Context(), open, meili.Webhook{URL: away.URL}, nil); status != http.StatusTemporaryRedirect || err != nil || server.asked != 0 {
		t.Errorf("a redirection: %d %v, %d requests where it leads", status, err, server.asked)
	}
	if _, err := post(t.Context(), open, meili.Webhook{URL: "http://127.0.0.1:1/secret"}, nil); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("an error tells the URL: %v", err)
	}
}

// The webhook of the command line is what the leader's command line says, and what is sealed with an older key is sealed anew.
func TestCommandLineAndSealKeys(t *testing.T) {
	w := newWorld(t, "any")
	w.hook("a", meili.Webhook{URL: "http://h/needle"})
	both, err := seal.New("a newer key of a test", "a key of a test")
	if err != nil {
		t.Fatal(err)
	}
	w.service.Seal = both
	w.service.Command = &meili.Webhook{URL: "http://c", Headers: map[string]string{"Authorization": "x"}}
	stop := w.lead()
	newest, err := seal.New("a newer key of a test")
	if err != nil {
		t.Fatal(err)
	}
	for uuid, url := range map[string]string{meili.CommandWebhook: "http://c", "a": "http://h/needle"} {
		w.until(func(set *webhook.Set) bool {
			r := set.Get(uuid)
			if r == nil {
				return false
			}
			got, err := r.Open(newest)
			return err == nil && got.URL == url
		})
	}
	stop()
	w.service.Command = nil
	w.lead()
	w.until(func(set *webhook.Set) bool { return set.Get(meili.CommandWebhook) == nil })
}

// until waits for a state of the webhooks in the store.
func (w *world) until(cond func(*webhook.Set) bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	watch, err := w.store.WatchWebhooks(ctx, zerolog.Nop())
	if err == nil {
		err = watch.Wait(ctx, cond)
	}
	if err != nil {
		w.t.Error(err)
	}
}
