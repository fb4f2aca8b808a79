package trial

import (
	"testing"
	"time"

	"github.com/miroir-search/miroir/chaos/history"
)

// A crash is explained by nothing, giving up by what the process needs, and an end on a full disk only where the disk is its own and the
// program not ours.
func TestWhy(t *testing.T) {
	const at = int64(time.Minute)
	for name, c := range map[string]struct {
		process, status string
		event           history.Event
		want            string
	}{
		"a panic":                    {"gateway-0", "exit status 2", history.Event{Kind: "kill", Process: "etcd"}, ""},
		"without etcd":               {"gateway-0", "exit status 1", history.Event{Kind: "kill", Process: "etcd"}, "kill etcd"},
		"without the way there":      {"sidecar-1", "exit status 1", history.Event{Kind: "cut", Process: "etcd-client/sidecar-1"}, "cut etcd-client/sidecar-1"},
		"without another's way":      {"sidecar-1", "exit status 1", history.Event{Kind: "cut", Process: "etcd-client/sidecar-2"}, ""},
		"without something else":     {"etcd", "exit status 1", history.Event{Kind: "kill", Process: "envoy"}, ""},
		"an engine's full disk":      {"engine-0", "signal: bus error", history.Event{Kind: "full", Process: "engine-0"}, "full engine-0"},
		"another engine's full disk": {"engine-0", "signal: bus error", history.Event{Kind: "full", Process: "engine-1"}, ""},
		"a sidecar's full disk":      {"sidecar-0", "exit status 2", history.Event{Kind: "full", Process: "sidecar-0"}, ""},
	} {
		c.event.Begin, c.event.End = at-2, at-1
		if got := why(history.Exit{Process: c.process, Status: c.status, At: at}, []history.Event{c.event}); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		c.event.Begin, c.event.End = at+1, at+2
		if got := why(history.Exit{Process: c.process, Status: c.status, At: at}, []history.Event{c.event}); got != "" {
			t.Errorf("%s, before it happened: %q", name, got)
		}
	}
}
