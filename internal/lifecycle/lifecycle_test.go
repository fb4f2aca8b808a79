package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

var errBoom = errors.New("boom")

func TestGroupFirstFailureEndsTheOthers(t *testing.T) {
	g := NewGroup(t.Context())
	g.Go("waiter", func(ctx context.Context) error {
		<-ctx.Done()
		return context.Cause(ctx)
	})
	g.Go("breaker", func(context.Context) error { return errBoom })
	err := g.Wait()
	if !errors.Is(err, errBoom) || err.Error() != "breaker: boom" {
		t.Fatalf("Wait = %v, want breaker: boom", err)
	}
	if !errors.Is(context.Cause(g.Context()), errBoom) {
		t.Fatalf("cause = %v", context.Cause(g.Context()))
	}
}

func TestGroupMemberThatEndsLeavesTheOthersRunning(t *testing.T) {
	g := NewGroup(t.Context())
	first, second := make(chan struct{}), make(chan struct{})
	g.Go("short", func(context.Context) error { close(first); return nil })
	g.Go("long", func(ctx context.Context) error {
		<-first
		select {
		case <-second:
			return nil
		case <-ctx.Done():
			return errors.New("ended early")
		}
	})
	<-first
	close(second)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestGroupStopIsNoFailure(t *testing.T) {
	for _, cause := range []error{errBoom, nil} {
		g := NewGroup(t.Context())
		g.Go("waiter", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		g.Go("cause", func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
		g.Stop(cause)
		if err := g.Wait(); err != nil {
			t.Fatalf("Wait after Stop(%v) = %v", cause, err)
		}
	}
}

func TestGroupFailureWhileStoppingIsReported(t *testing.T) {
	g := NewGroup(t.Context())
	g.Go("closer", func(ctx context.Context) error { <-ctx.Done(); return errBoom })
	g.Stop(context.Canceled)
	if err := g.Wait(); !errors.Is(err, errBoom) {
		t.Fatalf("Wait = %v, want boom", err)
	}
}

func TestSignalEndsTheContext(t *testing.T) {
	ctx, release := WithSignals(t.Context())
	defer release()
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	var by SignalError
	if !errors.As(context.Cause(ctx), &by) || by.Signal != syscall.SIGTERM {
		t.Fatalf("cause = %v", context.Cause(ctx))
	}
}

func TestServeHTTPDrainsRequestsInFlight(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "done")
	})}
	shutting := make(chan struct{})
	server.RegisterOnShutdown(func() { close(shutting) })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- ServeHTTP(ctx, listener, server, time.Minute) }()
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer func() { _ = res.Body.Close() }()
		body, _ := io.ReadAll(res.Body)
		answer <- string(body)
	}()
	<-entered
	cancel()
	<-shutting
	close(leave)
	if got := <-answer; got != "done" {
		t.Fatalf("request in flight got %q", got)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestServeHTTPClosesWhatDoesNotDrain(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- ServeHTTP(ctx, listener, server, time.Millisecond) }()
	failed := make(chan error, 1)
	go func() {
		res, err := http.Get("http://" + listener.Addr().String())
		if err == nil {
			_ = res.Body.Close()
		}
		failed <- err
	}()
	<-entered
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Fatal("a request that never ends was answered")
	}
}

func TestServeHTTPReportsALostListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := ServeHTTP(t.Context(), listener, &http.Server{}, time.Second); err == nil {
		t.Fatal("no error from a closed listener")
	}
}

func TestMainExitCodes(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   int
		stderr string
	}{
		{nil, ExitOK, ""},
		{flag.ErrHelp, ExitOK, ""},
		{UsageError("flag %s is missing", "--x"), ExitUsage, "prog: flag --x is missing\n"},
		{errBoom, ExitFailure, "prog: boom\n"},
		{ExitError{Code: 4, Err: errBoom}, 4, "prog: boom\n"},
	} {
		var stderr bytes.Buffer
		run := func(context.Context, []string, Stdio) error { return c.err }
		if code := Main("prog", run, nil, Stdio{Err: &stderr}); code != c.code || stderr.String() != c.stderr {
			t.Errorf("%v: code %d, stderr %q", c.err, code, stderr.String())
		}
	}
}

func TestParseFlags(t *testing.T) {
	for _, c := range []struct {
		args  []string
		usage bool
		help  bool
		want  string
	}{
		{args: []string{"--id", "a"}, want: "a"},
		{args: []string{"--nope"}, usage: true},
		{args: []string{"--id", "a", "rest"}, usage: true},
		{args: []string{"--help"}, help: true},
	} {
		var out bytes.Buffer
		flags := flag.NewFlagSet("prog", flag.ContinueOnError)
		flags.SetOutput(&out)
		id := flags.String("id", "", "name of the thing")
		err := ParseFlags(flags, c.args)
		if errors.Is(err, ErrUsage) != c.usage || errors.Is(err, flag.ErrHelp) != c.help || *id != c.want && err == nil {
			t.Errorf("%v: err %v, id %q", c.args, err, *id)
		}
		if printed := bytes.Contains(out.Bytes(), []byte("name of the thing")); printed != c.help {
			t.Errorf("%v: printed %q", c.args, out.String())
		}
	}
}

func TestDispatch(t *testing.T) {
	var got []string
	echo := func(_ context.Context, args []string, _ Stdio) error { got = args; return errBoom }
	run := Dispatch("prog", "prog does things.", Command{Name: "echo", Summary: "says it again", Run: echo})
	var out bytes.Buffer
	stdio := Stdio{Out: &out, Err: io.Discard}
	if err := run(t.Context(), []string{"echo", "a", "b"}, stdio); !errors.Is(err, errBoom) || len(got) != 2 || got[0] != "a" {
		t.Errorf("echo: %v, args %v", err, got)
	}
	for _, args := range [][]string{nil, {"help"}, {"--help"}} {
		out.Reset()
		if err := run(t.Context(), args, stdio); err != nil || !bytes.Contains(out.Bytes(), []byte("says it again")) {
			t.Errorf("%v: %v, printed %q", args, err, out.String())
		}
	}
	if err := run(t.Context(), []string{"nope"}, stdio); !errors.Is(err, ErrUsage) {
		t.Errorf("unknown command: %v", err)
	}
}
