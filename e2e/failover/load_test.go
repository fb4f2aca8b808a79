package failover

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// load is clients that read and write without a pause until they are stopped, and what they got.
type load struct {
	w       *world
	index   string
	again   bool // what broke off is sent again, writes that were refused also, with the same Idempotency-Key
	urls    []string
	stop    context.CancelFunc
	clients sync.WaitGroup

	reads, writes, repeated atomic.Int64
	each                    [6]atomic.Int64 // requests of each client

	mu    sync.Mutex
	wrong []string // answers that no client should have seen, the first ones
	acked []string // ids of documents whose write was acknowledged
	tasks []uint32 // of acknowledged writes
}

// attempts bounds how often a write is sent again.
const attempts = 200

func (w *world) startLoad(ctx context.Context, index string, again bool, urls ...string) *load {
	ctx, stop := context.WithCancel(ctx)
	l := &load{w: w, index: index, again: again, urls: urls, stop: stop}
	for i := range 3 {
		l.clients.Go(func() { l.write(ctx, i) })
	}
	for i, r := range []struct{ method, path, body string }{
		{"POST", "/search", `{"q":"fixed"}`}, {"GET", "/documents/fixed", ""}, {"POST", "/documents/fetch", `{"ids":["fixed"]}`},
	} {
		l.clients.Go(func() { l.read(ctx, 3+i, r.method, r.path, r.body) })
	}
	return l
}

// finish ends the load and fails the spec for every answer that should not have been.
func (l *load) finish() {
	GinkgoHelper()
	l.stop()
	l.clients.Wait()
	AddReportEntry("load", fmt.Sprintf("%d reads, %d writes, %d repeated", l.reads.Load(), l.writes.Load(), l.repeated.Load()))
	Expect(l.wrong).To(BeEmpty(), "of %d reads and %d writes", l.reads.Load(), l.writes.Load())
	Expect(l.reads.Load()).To(BeNumerically(">", 0))
	Expect(l.writes.Load()).To(BeNumerically(">", 0))
}

func (l *load) complain(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wrong) < 10 {
		l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
	}
}

// client is one client with connections of its own. It takes the next ingress where one refuses the connection or asks it to
// leave.
func (l *load) client() func(ctx context.Context, method, path, body string, headers ...string) (answer, error) {
	c := &http.Client{Transport: &http.Transport{}}
	at := 0
	return func(ctx context.Context, method, path, body string, headers ...string) (a answer, err error) {
		for range l.urls {
			a, err = send(context.WithoutCancel(ctx), c, l.urls[at], l.w.MasterKey(), method, path, body, headers...)
			if err == nil && !a.leave {
				return a, nil
			}
			at = (at + 1) % len(l.urls)
			if !refused(err) {
				return a, err
			}
		}
		return a, err
	}
}

// progress is how much each client has done so far.
func (l *load) progress() (all [6]int64) {
	for i := range all {
		all[i] = l.each[i].Load()
	}
	return all
}

// allBeyond says whether each client has done some more since then.
func (l *load) allBeyond(before [6]int64) bool {
	now := l.progress()
	for i := range now {
		if now[i] < before[i]+3 {
			return false
		}
	}
	return true
}

func (l *load) read(ctx context.Context, client int, method, path, body string) {
	ask := l.client()
	for ctx.Err() == nil {
		a, err := ask(ctx, method, "/indexes/"+l.index+path, body)
		if err != nil && l.again {
			l.repeated.Add(1)
			continue
		}
		if err != nil || a.status != http.StatusOK {
			l.complain("%s %s: %v %d %s", method, path, err, a.status, a.body)
		}
		l.reads.Add(1)
		l.each[client].Add(1)
	}
}

func (l *load) write(ctx context.Context, client int) {
	ask := l.client()
	for n := 0; ctx.Err() == nil; n++ {
		l.each[client].Add(1)
		id := fmt.Sprintf("c%d-%d", client, n)
		body := fmt.Sprintf(`[{"id":%q,"text":"written"}]`, id)
		for try := 1; ; try++ {
			a, err := ask(ctx, "POST", "/indexes/"+l.index+"/documents", body, "Idempotency-Key", id+l.index)
			if err == nil && a.status == http.StatusAccepted {
				l.accept(id, a)
				break
			}
			if !l.again || try == attempts {
				l.complain("write: %v %d %s", err, a.status, a.body)
				break
			}
			l.repeated.Add(1)
		}
	}
}

func (l *load) accept(id string, a answer) {
	var t struct{ TaskUID uint32 }
	if err := json.Unmarshal([]byte(a.body), &t); err != nil {
		l.complain("write: %s", a.body)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked, l.tasks = append(l.acked, id), append(l.tasks, t.TaskUID)
	l.writes.Add(1)
}

// kept looks for every document whose write was acknowledged, once its last task has ended.
func (l *load) kept(ctx SpecContext) {
	GinkgoHelper()
	seen := map[uint32]bool{}
	for _, uid := range l.tasks {
		Expect(seen).NotTo(HaveKey(uid), "a task uid was given twice")
		seen[uid] = true
	}
	for _, id := range l.acked {
		Eventually(func() (int, error) {
			a, err := l.w.send(ctx, "GET", "/indexes/"+l.index+"/documents/"+id, "")
			return a.status, err
		}).WithContext(ctx).WithTimeout(longest).WithPolling(look).Should(Equal(http.StatusOK), "%s is lost", id)
	}
}
