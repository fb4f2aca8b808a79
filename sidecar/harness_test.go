//go:build dataplane

package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/etcdserver"
	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/parts"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/testkit/free"
)

const (
	engineKey = "engine-master-key-0123456789"
	nodeKey   = "node-master-key-0123456789"
	longest   = 60 * time.Second // no wait of a test takes longer than this
)

// meili is one engine process.
type meili struct {
	t    *testing.T
	dir  string
	addr string
	cmd  *exec.Cmd
}

func (m *meili) start() {
	m.t.Helper()
	bin, err := parts.TreeBin()
	if err != nil {
		m.t.Fatal(err)
	}
	found, err := parts.Places{Folders: []string{bin}}.Engine()
	if err != nil {
		m.t.Fatal(err)
	}
	m.cmd = exec.Command(found.Path, "--http-addr", m.addr, "--db-path", filepath.Join(m.dir, "data"), "--env", "production", "--no-analytics",
		"--dump-dir", filepath.Join(m.dir, "dumps"), "--snapshot-dir", filepath.Join(m.dir, "snapshots"))
	m.cmd.Dir = m.dir
	m.cmd.Env = append(os.Environ(), "MEILI_MASTER_KEY="+engineKey)
	log, err := os.Create(filepath.Join(m.dir, "engine.log"))
	if err != nil {
		m.t.Fatal(err)
	}
	m.cmd.Stdout, m.cmd.Stderr = log, log
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(m.kill)
	eventually(m.t, "engine is available", func() error {
		res, err := http.Get("http://" + m.addr + "/health")
		if err != nil {
			return err
		}
		return res.Body.Close()
	})
}

// kill ends the process the hard way.
func (m *meili) kill() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
		m.cmd = nil
	}
}

// bench is one etcd, one engine and one sidecar.
type bench struct {
	flags  []string // further ones of the sidecar
	t      *testing.T
	engine *meili
	etcd   *etcdserver.Server
	cut    func() // stops etcd
	store  *state.Client
	door   string
	stop   func()
	log    *lines
	seq    int

	journal string
}

// lines collects a log.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newBench(t *testing.T, flags ...string) *bench {
	t.Helper()
	b := &bench{t: t, flags: flags, engine: &meili{t: t, dir: t.TempDir(), addr: free.Address(t)}, log: &lines{}, journal: filepath.Join(t.TempDir(), "journal")}
	etcd, err := etcdserver.Start(t.Context(), etcdserver.Options{
		DataDir: filepath.Join(t.TempDir(), "etcd"), ListenClient: "http://" + free.Address(t), ListenPeer: "http://" + free.Address(t), NoSync: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.etcd = etcd
	b.cut = sync.OnceFunc(etcd.Stop)
	t.Cleanup(b.cut)
	b.store, err = state.Open(t.Context(), state.Options{Endpoints: []string{etcd.Endpoint()}, Cluster: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.store.Close() })
	t.Setenv(envNodeKey, nodeKey)
	t.Setenv(envEngineKey, engineKey)
	b.engine.start()
	b.start()
	t.Cleanup(func() {
		b.stop()
		if t.Failed() || testing.Verbose() {
			t.Log(b.log.String())
		}
	})
	return b
}

// start runs a sidecar; stop ends it.
func (b *bench) start() {
	b.t.Helper()
	b.door = free.Address(b.t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, append([]string{
			"--id", "node-0", "--group", "0", "--listen", b.door, "--engine-url", "http://" + b.engine.addr, "--etcd", b.etcd.Endpoint(),
			"--cluster", "test", "--metrics-listen", free.Address(b.t), "--probe-interval", "100ms", "--journal-dir", b.journal, "--log-level", "debug",
		}, b.flags...), lifecycle.Stdio{In: strings.NewReader(""), Out: b.log, Err: b.log})
	}()
	var once sync.Once
	b.stop = func() {
		once.Do(func() {
			http.DefaultClient.CloseIdleConnections() // an open one delays the end of the door
			cancel()
			if err := <-done; err != nil {
				b.t.Errorf("sidecar ended with %v", err)
			}
		})
	}
	eventually(b.t, "sidecar is healthy", func() error {
		res, err := http.Get("http://" + b.door + nodeapi.PathHealth)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", res.StatusCode)
		}
		return nil
	})
	if err := b.store.AdmitNode(b.t.Context(), "node-0"); err != nil {
		b.t.Fatal(err)
	}
}

// eventually tries until it works; the test fails after a long time.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	end := time.Now().Add(longest)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", what, err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// index creates a catalog entry whose shards are all on this node, but for those given to another.
func (b *bench) index(uid, key string, shards int, elsewhere ...int) string {
	b.t.Helper()
	b.seq++
	physical := uid + "--" + fmt.Sprint(b.seq)
	copies := make([][]routing.Copy, shards)
	for s := range copies {
		copies[s] = []routing.Copy{{Node: "node-0", State: routing.CopyActive}}
	}
	for _, s := range elsewhere {
		copies[s] = []routing.Copy{{Node: "node-9", State: routing.CopyActive}}
	}
	b.place(uid, key, physical, copies)
	return physical
}

// place creates a catalog entry with its placement.
func (b *bench) place(uid, key, physical string, copies [][]routing.Copy) {
	b.t.Helper()
	now := time.Now().UTC()
	created, err := b.store.CreateIndex(b.t.Context(),
		routing.IndexRecord{V: 1, UID: uid, Physical: physical, PrimaryKey: key, Shards: len(copies), CreatedAt: now, UpdatedAt: now},
		routing.PlacementRecord{V: 1, Physical: physical, Shards: len(copies), Groups: map[int][][]routing.Copy{0: copies}},
		routing.SettingsRecord{V: 1},
	)
	if err != nil || !created {
		b.t.Fatalf("create index: %v %v", created, err)
	}
	b.known(physical)
}

// known waits until the sidecar's view has the index.
func (b *bench) known(physical string) {
	b.t.Helper()
	eventually(b.t, "index reaches the sidecar", func() error {
		a := b.leg("GET", "/indexes/"+physical, nil, nodeapi.Leg{})
		if a.status != http.StatusOK {
			return fmt.Errorf("%d %s", a.status, a.body)
		}
		return nil
	})
}

// answer is what the door said.
type answer struct {
	status int
	body   string
}

func (a answer) field(name string) any {
	var m map[string]any
	_ = json.Unmarshal([]byte(a.body), &m)
	return m[name]
}

// leg sends one leg.
func (b *bench) leg(method, path string, body any, leg nodeapi.Leg) answer {
	b.t.Helper()
	var in io.Reader
	contentType := "application/json"
	switch v := body.(type) {
	case nil:
	case []byte:
		in, contentType = bytes.NewReader(v), nodeapi.DocumentsType
	case string:
		in = strings.NewReader(v)
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			b.t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, "http://"+b.door+path, in)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+nodeKey)
	if in != nil {
		req.Header.Set("Content-Type", contentType)
	}
	leg.Set(req.Header)
	return b.do(req)
}

func (b *bench) do(req *http.Request) answer {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{body: err.Error()}
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, string(raw) + errText(err)}
}

func errText(err error) string {
	if err != nil {
		return " " + err.Error()
	}
	return ""
}

// direct asks the engine itself.
func (b *bench) direct(method, path string, body any) answer {
	b.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	var in io.Reader
	if body != nil {
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, "http://"+b.engine.addr+path, in)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+engineKey)
	req.Header.Set("Content-Type", "application/json")
	return b.do(req)
}

// all lists the shards below n.
func all(n int) []int {
	shards := make([]int, n)
	for i := range shards {
		shards[i] = i
	}
	return shards
}

// documents frames documents of the form {"id":…,…}.
func documents(shards int, docs ...string) []byte {
	var out []byte
	for i, d := range docs {
		var v struct {
			ID json.RawMessage `json:"id"`
		}
		if err := json.Unmarshal([]byte(d), &v); err != nil {
			panic(err)
		}
		id := bytes.Trim(v.ID, `"`)
		out = nodeapi.AppendDocument(out, nodeapi.Line{
			Shard: shardmap.ShardOf(id, shards), Position: uint64(i), ID: id, Document: []byte(d), //nolint:gosec // an index
		})
	}
	return out
}

// add sends documents under a dispatch id and waits until they are indexed.
func (b *bench) add(physical, dispatch string, shards int, docs ...string) {
	b.t.Helper()
	a := b.leg("POST", "/indexes/"+physical+"/documents", documents(shards, docs...),
		nodeapi.Leg{Shards: all(shards), Count: shards, PrimaryKey: "id", Dispatch: dispatch})
	if a.status != http.StatusAccepted {
		b.t.Fatalf("add: %d %s", a.status, a.body)
	}
	b.finished(dispatch)
}

// finished waits for a dispatch and returns its task.
func (b *bench) finished(dispatch string) map[string]any {
	b.t.Helper()
	var task map[string]any
	eventually(b.t, "dispatch finishes", func() error {
		a := b.leg("GET", nodeapi.PathDispatches+"?ids="+dispatch, nil, nodeapi.Leg{})
		var d nodeapi.Dispatches
		if err := json.Unmarshal([]byte(a.body), &d); err != nil || len(d.Dispatches) != 1 {
			return fmt.Errorf("%d %s", a.status, a.body)
		}
		if err := json.Unmarshal(d.Dispatches[0].Task, &task); err != nil {
			return err
		}
		switch d.Dispatches[0].State {
		case "succeeded", "failed", "canceled":
			return nil
		}
		return errors.New(d.Dispatches[0].State)
	})
	return task
}
