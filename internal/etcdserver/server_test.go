package etcdserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/testkit/free"
)

func options(t *testing.T) Options {
	t.Helper()
	return Options{DataDir: filepath.Join(t.TempDir(), "etcd"), ListenClient: free.URL(t), ListenPeer: free.URL(t), NoSync: true}
}

// call speaks etcd's JSON interface, so that the test needs no client library.
func call(t *testing.T, endpoint, method string, request map[string][]byte) map[string]any {
	t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(endpoint+"/v3/kv/"+method, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", method, res.StatusCode, raw, err)
	}
	var answer map[string]any
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestDataSurvivesARestartOnOtherPorts(t *testing.T) {
	o := options(t)
	first, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	call(t, first.Endpoint(), "put", map[string][]byte{"key": []byte("a"), "value": []byte("kept")})
	first.Stop()

	o.ListenClient, o.ListenPeer = free.URL(t), free.URL(t)
	second, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Stop()
	answer := call(t, second.Endpoint(), "range", map[string][]byte{"key": []byte("a")})
	if fmt.Sprint(answer["count"]) != "1" {
		t.Fatalf("after the restart: %v", answer)
	}
}

func TestStartRefusesABusyPort(t *testing.T) {
	o := options(t)
	listener, err := net.Listen("tcp", strings.TrimPrefix(o.ListenClient, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if server, err := Start(t.Context(), o); err == nil {
		server.Stop()
		t.Fatal("started on a port that is taken")
	}
}

func TestWaitEndsWithTheContextOrTheMember(t *testing.T) {
	server, err := Start(t.Context(), options(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if err := server.Wait(t.Context()); err == nil {
		t.Fatal("a stopped member is still waited for")
	}
}

func TestRunServesUntilItsContextEnds(t *testing.T) {
	o := options(t)
	logs, out := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		args := []string{"--data-dir", o.DataDir, "--listen-client", o.ListenClient, "--listen-peer", o.ListenPeer}
		err := Run(ctx, args, lifecycle.Stdio{Out: io.Discard, Err: out})
		_ = out.Close()
		ended <- err
	}()
	decoder := json.NewDecoder(logs)
	var messages []string
	for {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			break
		}
		message := fmt.Sprint(line["message"])
		messages = append(messages, message)
		if message == "etcd serves" {
			res, err := http.Get(o.ListenClient + "/health")
			if err != nil {
				t.Error(err)
			} else {
				_ = res.Body.Close()
			}
			cancel()
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatalf("Run: %v (log: %v)", err, messages)
	}
	if len(messages) == 0 || messages[len(messages)-1] != "etcd stopped" {
		t.Errorf("log: %v", messages)
	}
}

func TestRunReportsUsage(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"--data-dir", "d", "--listen-client", "127.0.0.1:1"},
		{"--data-dir", "d", "--listen-peer", "http://127.0.0.1:0"},
		{"--data-dir", "d", "--log-level", "loud"},
		{"--data-dir", "d", "extra"},
	} {
		if err := Run(t.Context(), args, lifecycle.Stdio{Out: io.Discard, Err: io.Discard}); !errors.Is(err, lifecycle.ErrUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
