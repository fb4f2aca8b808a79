package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestLO1JSONLineHasTheAgreedFields(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(&out, LogOptions{Component: "gateway", PodID: "gateway-0"})
	if err != nil {
		t.Fatal(err)
	}
	log.Debug().Msg("hidden")
	log.Info().Int("leg_count", 3).Msg("ready")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("not one JSON line: %q: %v", out.String(), err)
	}
	stamp, _ := line["timestamp"].(string)
	if at, err := time.Parse(time.RFC3339, stamp); err != nil || !strings.HasSuffix(stamp, "Z") || at.IsZero() {
		t.Errorf("timestamp %q", stamp)
	}
	delete(line, "timestamp")
	want := map[string]any{"level": "info", "message": "ready", "component": "gateway", "pod_id": "gateway-0", "leg_count": 3.0}
	for key, value := range want {
		if line[key] != value {
			t.Errorf("%s = %v, want %v", key, line[key], value)
		}
	}
	if len(line) != len(want) {
		t.Errorf("unexpected fields in %v", line)
	}
}

func TestLoggerConsoleAndLevels(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(&out, LogOptions{Format: "console", Level: "warn", Component: "sidecar"})
	if err != nil {
		t.Fatal(err)
	}
	log.Info().Msg("hidden")
	log.Warn().Msg("shown")
	if got := out.String(); strings.Contains(got, "hidden") || !strings.Contains(got, "shown") || !strings.Contains(got, "component=sidecar") {
		t.Errorf("console output %q", got)
	}
	for _, bad := range []LogOptions{{Level: "loud"}, {Level: "panic"}, {Level: "7"}, {Format: "xml"}} {
		if _, err := NewLogger(io.Discard, bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func TestLogFlags(t *testing.T) {
	var o LogOptions
	flags := flag.NewFlagSet("prog", flag.ContinueOnError)
	o.RegisterFlags(flags)
	if err := flags.Parse([]string{"--log-level", "debug", "--log-format", "console"}); err != nil {
		t.Fatal(err)
	}
	if o.Level != "debug" || o.Format != "console" {
		t.Errorf("%+v", o)
	}
}

func TestHandlerReadinessAndMetrics(t *testing.T) {
	var failing atomic.Bool
	ready := func() error {
		if failing.Load() {
			return errors.New("no view yet")
		}
		return nil
	}
	handler := Port{Metrics: NewRegistry("gateway"), Ready: ready}.Handler()
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	for _, path := range []string{"/readyz", "/healthz", "/livez"} {
		if code, body := get(path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	failing.Store(true)
	for path, want := range map[string]int{"/readyz": 503, "/healthz": 503, "/livez": 200} {
		if code, body := get(path); code != want {
			t.Errorf("%s: %d %s, want %d", path, code, body, want)
		}
	}
	if _, body := get("/metrics"); !strings.Contains(body, `miroir_build_info{component="gateway"`) || !strings.Contains(body, "go_goroutines") {
		t.Errorf("metrics: %s", body)
	}
}

// Profiles are off unless asked for, and never leave the machine.
func TestProfilesOnlyWhenAskedForAndOnlyToThisMachine(t *testing.T) {
	var on bool
	flags := flag.NewFlagSet("prog", flag.ContinueOnError)
	RegisterProfiles(flags, &on)
	get := func(path, from string) int {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)
		r.RemoteAddr = from
		Port{Metrics: NewRegistry("x"), Profiles: on}.Handler().ServeHTTP(w, r)
		return w.Code
	}
	if code := get("/debug/pprof/", "127.0.0.1:9"); code != http.StatusNotFound {
		t.Errorf("served without being asked for: %d", code)
	}
	if err := flags.Parse([]string{"--pprof"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, from string
		want       int
	}{
		{"/debug/pprof/", "127.0.0.1:9", 200}, {"/debug/pprof/symbol", "[::1]:9", 200}, {"/debug/pprof/heap", "[::ffff:127.0.0.1]:9", 200},
		{"/debug/pprof/", "10.0.0.1:9", 404}, {"/debug/pprof/heap", "[2001:db8::1]:9", 404}, {"/debug/pprof/heap", "@", 404},
		{"/debug/pprof/cmdline", "127.0.0.1:9", 404},
	} {
		if code := get(c.path, c.from); code != c.want {
			t.Errorf("%s from %s: %d, want %d", c.path, c.from, code, c.want)
		}
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Port{Metrics: NewRegistry("x")}.Serve(ctx, listener) }()
	res, err := http.Get("http://" + listener.Addr().String() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d", res.StatusCode)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestBuildIsNeverEmpty(t *testing.T) {
	b := ReadBuild()
	if b.Version == "" || b.Revision == "" || !strings.HasPrefix(b.GoVersion, "go") {
		t.Errorf("%+v", b)
	}
}
