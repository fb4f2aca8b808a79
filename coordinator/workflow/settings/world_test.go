package settings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/tuning"
)

// world is everything around the workflow, in memory: one index on three nodes, which hold a copy of its shard each.
type world struct {
	t         *testing.T
	mu        sync.Mutex
	engines   map[string]*engine // by node
	settings  *routing.SettingsRecord
	tasks     map[uint32]task.Record
	record    []byte
	revision  int64
	dieAt     int // the put of the record at which the leadership is lost, 0 for never
	puts      int
	phases    []string
	ended     chan struct{}
	policy    tuning.SettingsBroadcast
	groups    map[string]int // by node
	down      []string
	canceling *uint32
	gateway   int64             // how many changes of the settings record the one gateway knows
	written   int64             // how many there were
	waited    time.Duration     // for nodes that give no answer
	sent      []string          // nodes that were sent changes, in order
	said      map[string]string // what nodes told of their settings, hashes
	mixed     string            // how reads would have been answered with two versions; empty for never
}

// engine is a node. It carries out so many changes as it has patience, and takes the others without effect.
type engine struct {
	settings map[string]json.RawMessage
	patience int
	refuses  bool            // every change fails
	tires    bool            // it lives, and gives no usable answer from its first task's end on
	told     int             // ends of tasks that it told
	tasks    map[string]bool // by dispatch, whether it failed
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, engines: map[string]*engine{}, tasks: map[uint32]task.Record{}, policy: tuning.Default().SettingsBroadcast, groups: map[string]int{}, said: map[string]string{}}
	w.policy.MaxRepairRetries = 2
	for _, id := range []string{"a", "b", "c"} {
		w.engines[id] = &engine{settings: map[string]json.RawMessage{"stopWords": json.RawMessage(`[]`)}, patience: 1000, tasks: map[string]bool{}}
	}
	return w
}

func (w *world) View() *routing.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := routing.NewBuilder()
	put := func(k string, record string) {
		if err := b.Put(k, []byte(record), 1); err != nil {
			w.t.Error(err)
		}
	}
	held := map[int][]string{}
	for _, id := range slices.Sorted(maps.Keys(w.engines)) {
		g := w.groups[id]
		held[g] = append(held[g], fmt.Sprintf(`{"node":%q,"state":"active"}`, id))
	}
	var placed []string
	for _, g := range slices.Sorted(maps.Keys(held)) {
		put(fmt.Sprintf("groups/%d", g), fmt.Sprintf(`{"v":1,"id":%d,"state":"active","rf":%d}`, g, len(held[g])))
		placed = append(placed, fmt.Sprintf(`"%d":[[%s]]`, g, strings.Join(held[g], ",")))
	}
	for id := range w.engines {
		put("nodes/"+id, fmt.Sprintf(`{"v":1,"id":%q,"address":"http://%s","state":"active","replica_group":%d}`, id, id, w.groups[id]))
		put("health/"+id, fmt.Sprintf(`{"v":1,"ok":%v}`, !slices.Contains(w.down, id)))
		if w.said[id] != "" {
			put("node_settings/x--1/"+id, fmt.Sprintf(`{"v":1,"hash":%q}`, w.said[id]))
		}
	}
	put("indexes/x", `{"v":1,"uid":"x","physical":"x--1","shards":1}`)
	put("placement/x--1", `{"v":1,"physical":"x--1","shards":1,"groups":{`+strings.Join(placed, ",")+`}}`)
	if w.settings != nil {
		raw, err := json.Marshal(w.settings)
		if err != nil {
			w.t.Error(err)
		}
		put("settings/x--1", string(raw))
	}
	return b.View()
}

// Wait is the time that nodes take to tell what their engines show.
func (w *world) Wait(_ context.Context, cond func(*routing.View) bool) (*routing.View, error) {
	w.mu.Lock()
	for id := range w.said {
		w.said[id] = w.hash(id)
	}
	w.mu.Unlock()
	v := w.View()
	if !cond(v) {
		return nil, context.DeadlineExceeded
	}
	return v, nil
}

// hash is that of what a node's engine shows.
func (w *world) hash(id string) string {
	raw, err := json.Marshal(w.engines[id].settings)
	if err != nil {
		w.t.Error(err)
	}
	d, err := parse(raw)
	if err != nil {
		w.t.Error(err)
	}
	return d.hash()
}

func (w *world) Do(_ context.Context, r client.Request) (client.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.engines[strings.TrimPrefix(r.Address, "http://")]
	if w.silent(e) {
		return client.Answer{Status: http.StatusServiceUnavailable}, nil
	}
	if r.Method == http.MethodGet {
		body, err := json.Marshal(e.settings)
		return client.Answer{Status: http.StatusOK, Body: body}, err
	}
	if _, known := e.tasks[r.Leg.Dispatch]; !known {
		w.watch(strings.TrimPrefix(r.Address, "http://"))
		w.sent = append(w.sent, strings.TrimPrefix(r.Address, "http://"))
		w.said[strings.TrimPrefix(r.Address, "http://")] = nodeapi.SettingsChanging
		e.tasks[r.Leg.Dispatch] = e.refuses
		if e.patience--; e.patience >= 0 && !e.refuses {
			if err := json.Unmarshal(r.Body, &e.settings); err != nil {
				w.t.Error(err)
			}
			for name, value := range e.settings {
				if string(value) == "null" {
					e.settings[name] = json.RawMessage(`[]`)
				}
			}
		}
	}
	return client.Answer{Status: http.StatusAccepted, Body: []byte(`{}`)}, nil
}

// silent says whether a node gives no usable answer, for which the clock goes on.
func (w *world) silent(e *engine) bool {
	if !e.tires || e.told == 0 {
		return false
	}
	w.waited += 5 * time.Second
	return true
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Unix(1_800_000_000, 0).Add(w.waited)
}

// watch notes what reads could be answered with while a node is being changed: they go to nodes that do not rest, as far as the
// gateway knows.
func (w *world) watch(node string) {
	if w.settings == nil || w.settings.Resting == nil || w.gateway != w.written {
		w.mixed = "a change was sent before the gateway knew who rests"
		return
	}
	shown := map[string]bool{}
	for id, e := range w.engines {
		if !slices.Contains(w.settings.Resting, id) && !slices.Contains(w.down, id) {
			shown[string(e.settings["stopWords"])] = true
			if id == node {
				w.mixed = "a change was sent to a node that is read"
			}
		}
	}
	if len(shown) != 1 {
		w.mixed = fmt.Sprintf("nodes that are read show %v", slices.Sorted(maps.Keys(shown)))
	}
}

func (w *world) Dispatches(_ context.Context, address string, ids []string) ([]nodeapi.Dispatch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.engines[strings.TrimPrefix(address, "http://")]
	if w.silent(e) {
		return nil, context.DeadlineExceeded
	}
	e.told++
	failed, known := e.tasks[ids[0]]
	d := nodeapi.Dispatch{ID: ids[0], State: nodeapi.StateUnknown}
	if known {
		d.State = task.Succeeded
	}
	if failed {
		d.State, d.Task = task.Failed, json.RawMessage(`{"status":"failed","error":{"message":"no vectors","code":"vector_embedding_error","type":"invalid_request","link":""}}`)
	}
	return []nodeapi.Dispatch{d}, nil
}

func (w *world) Task(_ context.Context, uid uint32) (task.Record, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.tasks[uid]
	if !ok {
		return r, state.ErrNotFound
	}
	return r, nil
}

func (w *world) UpdateTask(_ context.Context, r task.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tasks[r.UID] = r
	return nil
}

func (w *world) FinishTask(ctx context.Context, r task.Record) (bool, error) {
	return true, w.UpdateTask(ctx, r)
}

func (w *world) PutSettings(_ context.Context, _ string, rec routing.SettingsRecord, expected uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.settings != nil && w.settings.Version != expected || w.settings == nil && expected != 0 {
		return state.ErrConflict
	}
	for id := range w.engines {
		if rec.Resting != nil && !slices.Contains(rec.Resting, id) && !slices.Contains(w.down, id) && w.said[id] != rec.EngineHash {
			w.mixed = fmt.Sprintf("%s was to be read when it had told %q", id, w.said[id])
		}
	}
	w.settings = &rec
	w.written++
	return nil
}

func (w *world) AmendSettings(_ context.Context, _ string, change func(*routing.SettingsRecord) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.settings == nil {
		return state.ErrNotFound
	}
	rec := *w.settings
	w.written++
	if err := change(&rec); err != nil {
		return err
	}
	w.settings = &rec
	return nil
}

func (w *world) RestSettings(ctx context.Context, physical string, nodes []string) error {
	w.mu.Lock()
	if w.settings == nil {
		w.settings = &routing.SettingsRecord{V: routing.Version}
	}
	w.mu.Unlock()
	return w.AmendSettings(ctx, physical, func(rec *routing.SettingsRecord) error {
		rec.Resting = nodes
		return nil
	})
}

func (w *world) SettingsRevision(context.Context, string) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written, nil
}

// Gateways has one, which learns of a change when it is asked for the second time.
func (w *world) Gateways(context.Context) (map[string]state.GatewayRecord, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.gateway
	w.gateway = w.written
	return map[string]state.GatewayRecord{"g": {V: 1, ID: "g", Epoch: known}}, nil
}

func (w *world) FreezeSettings(_ context.Context, _ string, f *routing.Freeze) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	rec := routing.SettingsRecord{V: routing.Version}
	if w.settings != nil {
		rec = *w.settings
	}
	rec.Frozen = f
	w.settings = &rec
	return nil
}

func (w *world) Open() (open []task.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, uid := range slices.Sorted(maps.Keys(w.tasks)) {
		if r := w.tasks[uid]; !r.Done() {
			open = append(open, r)
		}
	}
	return open
}

func (w *world) Subscribe() (changed <-chan struct{}, cancel func()) { return nil, func() {} }

func (w *world) Workflow(context.Context, string, string) ([]byte, int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.record == nil {
		return nil, 0, state.ErrNotFound
	}
	return w.record, w.revision, nil
}

func (w *world) Workflows(context.Context, string) (map[string][]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.record == nil {
		return nil, nil
	}
	return map[string][]byte{"x--1": w.record}, nil
}

func (w *world) Token() int64 { return 1 }

func (w *world) PutWorkflow(_ context.Context, _, _ string, record any, expected int64) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.puts++; w.puts == w.dieAt {
		return 0, state.ErrLostLeadership
	}
	if expected != w.revision {
		return 0, state.ErrConflict
	}
	w.record, _ = json.Marshal(record)
	w.revision++
	rec, err := workflow.Decode(w.record)
	if err != nil {
		return 0, err
	}
	w.phases = append(w.phases, rec.Phase)
	if rec.State != workflow.Running {
		close(w.ended)
	}
	return w.revision, nil
}

// change leads until a change of the index has ended, again where the leadership is lost, and returns its task.
func (w *world) change(uid uint32, members string) task.Record {
	w.t.Helper()
	name := "x"
	op, err := json.Marshal(patch(members))
	if err != nil {
		w.t.Fatal(err)
	}
	w.tasks[uid] = task.Record{V: 1, UID: uid, Type: task.SettingsUpdate, Status: task.Enqueued, IndexUID: &name, Physical: "x--1", Op: op, Canceling: w.canceling}
	w.ended, w.puts, w.phases, w.sent, w.mixed = make(chan struct{}), 0, nil, nil, ""
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	go func() {
		select {
		case <-w.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		b := &Broadcast{
			Records: w, Store: w, Nodes: w, Seal: sealer(w.t, "key"), Views: w, Tasks: w, Holder: "c", Now: w.now, Log: zerolog.Nop(),
			Policy:  func() tuning.SettingsBroadcast { return w.policy },
			Limits:  Limits{RepairPause: time.Millisecond},
			Metrics: NewMetrics(prometheus.NewRegistry()), Workflows: workflow.NewMetrics(prometheus.NewRegistry()),
		}
		if err := b.Lead(ctx, w); !errors.Is(err, state.ErrLostLeadership) {
			break
		}
		w.dieAt = 0
	}
	return w.tasks[uid]
}

// shows is what the nodes have of a member.
func (w *world) shows(member string) string {
	var all []string
	for _, id := range slices.Sorted(maps.Keys(w.engines)) {
		all = append(all, string(w.engines[id].settings[member]))
	}
	return strings.Join(all, " ")
}
