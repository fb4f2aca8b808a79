package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/dev/launch"
	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/parts"
	"github.com/miroir-search/miroir/internal/routing"
)

// TestMain keeps a cluster of test binaries from testing: here, "our own binary" is this one.
func TestMain(m *testing.M) {
	if os.Getenv("MIROIR_SUPERVISED") != "" {
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fakeParts makes an engine and an Envoy that are only files.
func fakeParts(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	for variable, name := range map[string]string{"ENVOY_BIN": "envoy", "MEILISEARCH_BIN": "meilisearch"} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv(variable, path)
	}
}

func parse(t *testing.T, args ...string) options {
	t.Helper()
	o, err := parseOptions(append([]string{"--data-dir", t.TempDir(), "--listen", "127.0.0.1:0"}, args...), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOptionsReportEverythingAtOnce(t *testing.T) {
	_, err := parseOptions([]string{"--listen", "7700", "--nodes", "0", "--shards", "5000", "--master-key", "short", "--output", "xml"}, io.Discard)
	if !errors.Is(err, lifecycle.ErrUsage) {
		t.Fatal(err)
	}
	for _, part := range []string{"--listen", "--nodes", "--shards", "16 bytes", "--output"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not told: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "short\"") {
		t.Errorf("the error shows the key: %v", err)
	}
	if _, err := parseOptions([]string{"--nodes", "3", "--groups", "2", "--replicas", "2"}, io.Discard); err == nil {
		t.Error("2 replicas in a group of 1 node were accepted")
	}
	if _, err := parseOptions([]string{"--groups", "0"}, io.Discard); !errors.Is(err, lifecycle.ErrUsage) {
		t.Errorf("no groups: %v", err)
	}
	t.Setenv("MIROIR_MASTER_KEY", "from the environment")
	if o := parse(t); o.masterKey != "from the environment" || o.nodes != 3 || o.replicas != 2 || o.shards != 16 || o.groups != 1 {
		t.Errorf("%+v", o)
	}
}

func TestMissingPartsAndBusyPortAreToldBeforeAnythingStarts(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("ENVOY_BIN", "")
	t.Setenv("MEILISEARCH_BIN", "")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	data := filepath.Join(t.TempDir(), "data")
	err = Run(t.Context(), []string{"--data-dir", data, "--listen", listener.Addr().String()}, lifecycle.Stdio{Out: io.Discard, Err: io.Discard})
	if err == nil || errors.Is(err, lifecycle.ErrUsage) {
		t.Fatalf("run: %v", err)
	}
	for _, part := range []string{"engine: not found", "Envoy: not found", "is in use by another process"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not told: %v", part, err)
		}
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the data folder was touched: %v", err)
	}
}

func TestNamedEngineThatIsNotThere(t *testing.T) {
	fakeParts(t)
	if _, err := prepare(parse(t, "--engine", "/nowhere/engine")); err == nil || errors.Is(err, parts.ErrMissing) {
		t.Fatalf("prepare: %v", err)
	}
}

func TestFolderIsLockedAndKeepsItsKeysAndShape(t *testing.T) {
	fakeParts(t)
	o := parse(t)
	first, err := prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prepare(o); !errors.Is(err, errBusy) {
		t.Fatalf("second cluster on the same folder: %v", err)
	}
	first.folder.close()
	second, err := prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	second.folder.close()
	k := second.keys
	if k != first.keys || slices.Contains([]string{k.master, k.node, k.engine, k.admin}, "") || k.node == k.engine {
		t.Errorf("keys differ between two runs, or are empty or alike")
	}
	if info, err := os.Stat(filepath.Join(o.dataDir, "node.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info, err)
	}
	o.nodes, o.groups = 4, 2
	if _, err := prepare(o); err == nil || !strings.Contains(err.Error(), "--groups 1") {
		t.Errorf("another number of groups: %v", err)
	}
}

func TestPortsAreKept(t *testing.T) {
	f, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	first, err := f.choosePorts([]string{"a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", first.address("b"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	second, err := f.choosePorts([]string{"a", "b", "c", "d"})
	if err != nil {
		t.Fatal(err)
	}
	if second["a"] != first["a"] || second["c"] != first["c"] || second["b"] == first["b"] || second["d"] == 0 {
		t.Fatalf("first %v, with b taken %v", first, second)
	}
	if err := os.WriteFile(f.at("run", "ports.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.choosePorts([]string{"a"}); err == nil {
		t.Fatal("a broken file was ignored")
	}
}

func planned(t *testing.T, args ...string) *cluster {
	t.Helper()
	fakeParts(t)
	t.Setenv("MEILI_DB_PATH", "/elsewhere")
	t.Setenv("MIROIR_SECRET", "x")
	c, err := prepare(parse(t, args...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.folder.close)
	if c.ports, err = c.folder.choosePorts(purposes(c.options)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestProcessesOfACluster(t *testing.T) {
	c := planned(t, "--nodes", "4", "--groups", "2", "--master-key", "the key of clients")
	var started []string
	for _, stage := range c.stages() {
		for _, p := range stage {
			started = append(started, p.Name)
			line := strings.Join(p.Args, " ")
			for _, secret := range []string{c.keys.master, c.keys.node, c.keys.engine, c.keys.admin} {
				if strings.Contains(line, secret) {
					t.Errorf("%s has a secret in its arguments", p.Name)
				}
			}
			if slices.Contains(p.Env, "MEILI_DB_PATH=/elsewhere") || slices.Contains(p.Env, "MIROIR_SECRET=x") {
				t.Errorf("%s inherits settings of the caller", p.Name)
			}
			knowsMaster := slices.Contains(p.Env, "MIROIR_MASTER_KEY="+c.keys.master)
			if want := p.Name == "gateway-0" || p.Name == "coordinator-0"; knowsMaster != want {
				t.Errorf("%s knows the clients' key: %v", p.Name, knowsMaster)
			}
		}
	}
	if started[0] != "etcd" || started[len(started)-1] != "envoy" {
		t.Errorf("order of start: %v", started)
	}
	stopped := slices.Concat(c.stopOrder()...)
	if stopped[0] != "envoy" || stopped[len(stopped)-1] != "etcd" {
		t.Errorf("order of stop: %v", stopped)
	}
	slices.Sort(started)
	slices.Sort(stopped)
	if !slices.Equal(started, stopped) {
		t.Errorf("started %v, stopped %v", started, stopped)
	}
	if n := c.node(3); n.ID != "node-3" || n.Group != 1 || n.Sidecar == n.Engine {
		t.Errorf("node 3: %+v", n)
	}
}

// With several of a kind each has a name, ports and a socket of its own, and all others know all of them.
func TestSeveralOfAKind(t *testing.T) {
	c := planned(t, "--envoys", "2", "--gateways", "3", "--coordinators", "2", "--gateway-flag", "--queue=7")
	lines := map[string]string{}
	for _, p := range slices.Concat(c.stages()...) {
		lines[p.Name] = strings.Join(p.Args, " ")
	}
	stopped := slices.Concat(c.stopOrder()...)
	if len(lines) != 1+2+3+2+6 || len(stopped) != len(lines) {
		t.Errorf("started %d, stopped %d", len(lines), len(stopped))
	}
	for _, coordinator := range []string{"coordinator-0", "coordinator-1"} {
		for _, part := range []string{
			c.socket(0) + "," + c.socket(1) + "," + c.socket(2), "--ingress-listen " + c.options.listen + " ", "--ingress-of envoy-1=" + c.listen(1),
			c.ports.address("coordinator-admin") + "," + c.ports.address("coordinator-1-admin"),
		} {
			if !strings.Contains(lines[coordinator], part) {
				t.Errorf("%s does not know %s: %s", coordinator, part, lines[coordinator])
			}
		}
	}
	if !strings.Contains(lines["gateway-2"], "--socket "+c.socket(2)) || !strings.HasSuffix(lines["gateway-1"], " --queue=7") {
		t.Errorf("gateways: %s", lines["gateway-2"])
	}
	if err := c.writeBootstraps(); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		boot, err := os.ReadFile(c.bootstrapPath(i))
		if err != nil {
			t.Fatal(err)
		}
		for purpose, wanted := range map[string]bool{"coordinator-xds": true, "coordinator-1-xds": true, envoyAdmin(i): true, envoyAdmin(1 - i): false} {
			if strings.Contains(string(boot), fmt.Sprintf("port_value: %d\n", c.ports[purpose])) != wanted {
				t.Errorf("bootstrap of Envoy %d, %s:\n%s", i, purpose, boot)
			}
		}
	}
	var out bytes.Buffer
	if err := c.announce(&out); err != nil || !strings.Contains(out.String(), c.ingress(1)) || !strings.Contains(out.String(), c.ports.url("coordinator-1-admin")) {
		t.Errorf("%v\n%s", err, out.String())
	}
	if _, err := parseOptions([]string{"--envoys", "0", "--gateways", "9", "--coordinators", "-1"}, io.Discard); err == nil ||
		!strings.Contains(err.Error(), "--envoys 0") || !strings.Contains(err.Error(), "--gateways 9") || !strings.Contains(err.Error(), "--coordinators -1") {
		t.Errorf("numbers out of range: %v", err)
	}
}

func TestAnnouncement(t *testing.T) {
	c := planned(t, "--output", "json")
	c.options.listen = "0.0.0.0:7700"
	var out bytes.Buffer
	if err := c.announce(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("more than one line: %q", out.String())
	}
	var a launch.Ready
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	if a.Event != "ready" || a.Ingress != "http://127.0.0.1:7700" || len(a.Nodes) != 3 || a.Nodes[2].ID != "node-2" || a.Etcd == "" || a.Admin == "" || len(a.Metrics) != 5 {
		t.Errorf("%+v", a)
	}
	c.options.output = "text"
	out.Reset()
	if err := c.announce(&out); err != nil || !strings.Contains(out.String(), "node-1") || strings.Contains(out.String(), c.keys.master) {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestSocketPathFitsIntoAnAddress(t *testing.T) {
	c := planned(t)
	c.folder.path = "/" + strings.Repeat("x", 200)
	if path := c.socket(0); len(path) > maxSocketPath {
		t.Errorf("%d bytes", len(path))
	}
}

func TestNotAdmitted(t *testing.T) {
	c := planned(t, "--nodes", "2")
	well := func(state routing.NodeState) routing.Node {
		return routing.Node{NodeRecord: routing.NodeRecord{State: state}, Alive: true, OK: true}
	}
	ill := well(routing.NodeActive)
	ill.OK = false
	for want, nodes := range map[string]map[string]routing.Node{
		"":       {"node-0": well(routing.NodeActive), "node-1": well(routing.NodeDraining)},
		"node-1": {"node-0": well(routing.NodeActive), "node-1": well(routing.NodeJoining)},
		"node-0": {"node-0": ill, "node-1": well(routing.NodeActive)},
	} {
		if got := c.notAdmitted(&routing.View{Nodes: nodes}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := c.notAdmitted(&routing.View{}); got != "node-0" {
		t.Errorf("unknown nodes: %q", got)
	}
}

func TestEngineShareIsBounded(t *testing.T) {
	for _, engines := range []int{1, 3, 64} {
		if s := engineShare(engines); s.threads < 1 || s.memory < leastMemory || s.memory > mostMemory {
			t.Errorf("%d engines: %+v", engines, s)
		}
	}
}

func TestRunStopsWhenAskedWhileItStarts(t *testing.T) {
	fakeParts(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(lifecycle.SignalError{Signal: os.Interrupt})
	err := Run(ctx, []string{"--data-dir", t.TempDir(), "--listen", "127.0.0.1:0"}, lifecycle.Stdio{Out: io.Discard, Err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
}
