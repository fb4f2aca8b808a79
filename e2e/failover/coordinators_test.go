package failover

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/miroir-search/miroir/internal/state"
)

// scopes are what coordinators are elected for. The settings of an index are changed by the leader of the first.
var scopes = []string{"settings_broadcast", "tasks", "task_list", "topology", "repair", "upkeep", "bounds", "antientropy", "dump_create"}

var _ = Describe("IN-3, W3: coordinators go while another lives", Ordered, func() {
	var w *world
	var store *state.Client

	BeforeAll(func(ctx SpecContext) {
		w = start(ctx, "--coordinators", "2")
		var err error
		store, err = state.Open(ctx, state.Options{Endpoints: []string{w.Etcd()}})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = store.Close() })
		w.succeeded(ctx, w.must(ctx, "POST", "/indexes/things/documents?primaryKey=id", `[{"id":"fixed","text":"fixed"}]`))
	}, NodeTimeout(longest))

	// changes makes settings change by workflows, one after the other, until the context ends.
	changes := func(ctx context.Context, done chan<- error) {
		for n := 0; ctx.Err() == nil; n++ {
			a, err := w.send(context.WithoutCancel(ctx), "PUT", "/indexes/things/settings/stop-words", fmt.Sprintf(`["word%d"]`, n))
			if err == nil && a.status == http.StatusAccepted {
				err = w.followed(context.WithoutCancel(ctx), a)
			} else if err == nil {
				err = fmt.Errorf("%d %s", a.status, a.body)
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}

	// lost ends the leader of the settings by a signal, and returns when another leads every scope that it led. Reads, writes, changes
	// of settings and the admin API go on meanwhile.
	lost := func(ctx SpecContext, signal syscall.Signal) time.Duration {
		GinkgoHelper()
		leader, err := store.Leader(ctx, scopes[0])
		Expect(err).NotTo(HaveOccurred())
		var led []string
		for _, scope := range scopes {
			if who, err := store.Leader(ctx, scope); err == nil && who == leader {
				led = append(led, scope)
			}
		}
		l := w.startLoad(ctx, "things", false, w.URL())
		work, stop := context.WithCancel(ctx)
		defer stop()
		changed, listed := make(chan error, 1), make(chan error, 1)
		go changes(work, changed)
		go func() { listed <- w.listsNodes(work) }()
		before, err := w.Pid(leader)
		Expect(err).NotTo(HaveOccurred())
		began := time.Now()
		Expect(w.Signal(leader, signal)).To(Succeed())
		for _, scope := range led {
			Eventually(func() (string, error) { return store.Leader(ctx, scope) }).WithContext(ctx).WithTimeout(longest).WithPolling(look).
				ShouldNot(BeElementOf(leader, ""), scope)
		}
		took := time.Since(began)
		w.restarted(ctx, leader, before)
		w.succeeded(ctx, w.must(ctx, "PUT", "/indexes/things/settings/stop-words", `["after"]`))
		stop()
		Expect(<-changed).To(Succeed())
		Expect(<-listed).To(Succeed())
		l.finish()
		return took
	}

	It("goes on with its workflows when the leader is stopped, and no client notices", func(ctx SpecContext) {
		for range 2 {
			AddReportEntry("successor", lost(ctx, syscall.SIGTERM).String())
		}
	}, SpecTimeout(2*longest))

	It("goes on with its workflows when the leader is killed, and no client notices", func(ctx SpecContext) {
		for range 2 {
			AddReportEntry("successor", lost(ctx, syscall.SIGKILL).String())
		}
	}, SpecTimeout(2*longest))
})

// followed waits until the task of an answer has succeeded.
func (w *world) followed(ctx context.Context, a answer) error {
	uid := strings.TrimPrefix(strings.SplitN(a.body, ",", 2)[0], `{"taskUid":`)
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	for again := time.NewTicker(look); ; {
		a, err := w.send(ctx, "GET", "/tasks/"+uid, "")
		switch {
		case err != nil || a.status != http.StatusOK:
			return fmt.Errorf("task %s: %d %s %w", uid, a.status, a.body, err)
		case strings.Contains(a.body, `"status":"succeeded"`):
			return nil
		case strings.Contains(a.body, `"status":"failed"`):
			return fmt.Errorf("task failed: %s", a.body)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// listsNodes asks the admin API until the context ends, of the next coordinator where one does not answer.
func (w *world) listsNodes(ctx context.Context) error {
	key, err := w.AdminKey()
	if err != nil {
		return err
	}
	all := w.Coordinators()
	for at := 0; ctx.Err() == nil; {
		a, err := send(context.WithoutCancel(ctx), http.DefaultClient, all[at].Admin, key, "GET", "/_miroir/topology", "")
		if err != nil {
			at = (at + 1) % len(all)
			a, err = send(context.WithoutCancel(ctx), http.DefaultClient, all[at].Admin, key, "GET", "/_miroir/topology", "")
		}
		if err != nil || a.status != http.StatusOK {
			return fmt.Errorf("admin: %d %s %w", a.status, a.body, err)
		}
	}
	return nil
}
