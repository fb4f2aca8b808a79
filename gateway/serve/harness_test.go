package serve

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/gateway/admission"
	"github.com/miroir-search/miroir/gateway/auth"
	"github.com/miroir-search/miroir/gateway/barrier"
	"github.com/miroir-search/miroir/gateway/extproc"
	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/testkit/etcd"
)

// masterKey is the one of the recorded answers.
const masterKey = "masterKeymasterKey"

// cluster is the state of a cluster without nodes, on a real etcd.
type cluster struct{ endpoint string }

func newCluster(t *testing.T) *cluster {
	t.Helper()
	return &cluster{etcd.Start(t)}
}

// gateway starts the service of another gateway of the cluster. What it logs goes to out.
func (k *cluster) gateway(t *testing.T, out io.Writer) *Service {
	t.Helper()
	store := etcd.Connect(t, k.endpoint)
	views, err := store.WatchView(t.Context(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := store.WatchTasks(t.Context(), zerolog.Nop(), views)
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	checker := auth.NewChecker(auth.Options{MasterKey: masterKey, Now: time.Now, Metrics: auth.NewMetrics(reg)})
	keys, err := store.WatchKeys(t.Context(), zerolog.Nop(), checker.Adopt)
	if err != nil {
		t.Fatal(err)
	}
	hooks, err := store.WatchWebhooks(t.Context(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	nodes := client.New(client.Options{NodeKey: "node"})
	t.Cleanup(nodes.Close)
	clock := hlc.New(time.Now)
	box, err := seal.New("seal key of the tests")
	if err != nil {
		t.Fatal(err)
	}
	return &Service{
		Seal:  box,
		Clock: clock, Barrier: barrier.New("gateway-0", store, views, clock, zerolog.Nop(), barrier.NewMetrics(reg)),
		Views: views, Tasks: tasks, Keys: keys, Hooks: hooks, Store: store, Nodes: nodes, Auth: checker, Table: operation.NewTable(),
		Scatter: scatter.NewMetrics(reg), Metrics: NewMetrics(reg), Admit: admission.New(admission.DefaultConfig(), reg), NodeKey: "node", Limits: DefaultLimits(t.TempDir()),
		Log:   zerolog.New(out).Level(zerolog.DebugLevel),
		Waits: nodes, Registry: reg,
	}
}

// ask sends a request with a JSON body and a bearer token; an empty token is no header.
func ask(t *testing.T, s *Service, token, method, path string, body any) *reply.Reply {
	t.Helper()
	return askWith(t, s, token, nil, method, path, body)
}

// askWith is ask with further headers.
func askWith(t *testing.T, s *Service, token string, more http.Header, method, path string, body any) *reply.Reply {
	t.Helper()
	return s.Serve(t.Context(), request(t, token, more, method, path, body))
}

// request is what Envoy would hand over.
func request(t *testing.T, token string, more http.Header, method, path string, body any) *extproc.Request {
	t.Helper()
	header := http.Header{"Content-Type": {"application/json"}}
	maps.Copy(header, more)
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	raw, isRaw := body.(json.RawMessage)
	if body != nil && !isRaw {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	path, query, _ := strings.Cut(path, "?")
	return &extproc.Request{Method: method, Path: path, Query: query, Header: header, Body: bytes.NewReader(raw)}
}

// decode reads an answer's body.
func decode[T any](t *testing.T, r *reply.Reply) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(r.Body, &v); err != nil {
		t.Fatalf("status %d, %s: %v", r.Status, r.Body, err)
	}
	return v
}
