package finisher

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

var born = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// viewOf has nodes a, b and c in group 0; those named are up.
func viewOf(up ...string) *routing.View {
	v := &routing.View{Nodes: map[string]routing.Node{}}
	for _, id := range []string{"a", "b", "c"} {
		alive := slices.Contains(up, id)
		v.Nodes[id] = routing.Node{
			NodeRecord: routing.NodeRecord{ID: id, Address: "http://" + id, State: routing.NodeActive}, Alive: alive, OK: alive,
		}
	}
	return v
}

func says(node, status string) Answer {
	o := task.Outcome{Node: node, Known: true, Status: status, Started: born.Add(time.Second)}
	if task.Final(status) {
		o.Ended = born.Add(2 * time.Second)
	}
	if status == task.Failed {
		o.Error = apierr.New("index_not_found", "from %s", node)
	}
	return Answer{Outcome: o}
}

var unknown = Answer{Unknown: true}

// write is a document write to two copies of shard 0 on a and b, and shard 1 on b and c.
func write() task.Record {
	return task.Record{
		UID: 7, Type: task.DocumentAddition, Status: task.Enqueued, EnqueuedAt: born, RF: 2, Physical: "x--0",
		Targets: []task.Target{{Node: "a", Shards: "0"}, {Node: "b", Shards: "0,1"}, {Node: "c", Shards: "1"}},
	}
}

func TestTK4TK5Decide(t *testing.T) {
	const open = ""
	type answers map[string]Answer
	missed := func(nodes ...string) func(*task.Record) {
		return func(r *task.Record) {
			for i := range r.Targets {
				r.Targets[i].Missed = slices.Contains(nodes, r.Targets[i].Node)
			}
		}
	}
	dirtyA := func(r *task.Record) { r.Targets[0].Dirty = "0" }
	canceling := func(r *task.Record) { by := uint32(9); r.Canceling = &by }
	deletion := func(r *task.Record) { r.Type = task.IndexDeletion }
	all := []string{"a", "b", "c"}
	for name, c := range map[string]struct {
		change  func(*task.Record)
		answers answers
		up      []string
		age     time.Duration
		status  string
		code    apierr.Code
		never   []string
		resend  []string
	}{
		"nobody spoke":                          {up: all, status: open},
		"one is still working":                  {answers: answers{"a": says("a", task.Succeeded), "b": says("b", task.Processing), "c": says("c", task.Succeeded)}, up: all},
		"one was not asked":                     {answers: answers{"a": says("a", task.Succeeded), "b": says("b", task.Succeeded)}, up: all},
		"all succeeded":                         {answers: answers{"a": says("a", task.Succeeded), "b": says("b", task.Succeeded), "c": says("c", task.Succeeded)}, up: all, status: task.Succeeded},
		"one failed":                            {answers: answers{"a": says("a", task.Succeeded), "b": says("b", task.Failed), "c": says("c", task.Succeeded)}, up: all, status: task.Failed, code: "index_not_found"},
		"a failure waits for all":               {answers: answers{"a": says("a", task.Failed), "b": says("b", task.Processing), "c": says("c", task.Succeeded)}, up: all},
		"all canceled":                          {change: canceling, answers: answers{"a": says("a", task.Canceled), "b": says("b", task.Canceled), "c": says("c", task.Canceled)}, up: all, status: task.Canceled},
		"canceled and nobody knows by whom yet": {answers: answers{"a": says("a", task.Canceled), "b": says("b", task.Canceled), "c": says("c", task.Canceled)}, up: all, age: 11 * time.Second},
		"canceled by nobody":                    {answers: answers{"a": says("a", task.Canceled), "b": says("b", task.Canceled), "c": says("c", task.Canceled)}, up: all, age: 13 * time.Second, status: task.Canceled},
		"canceling, one still runs":             {change: canceling, answers: answers{"a": says("a", task.Canceled), "b": says("b", task.Processing), "c": says("c", task.Canceled)}, up: all},
		"canceling came too late":               {change: canceling, answers: answers{"a": says("a", task.Succeeded), "b": says("b", task.Succeeded), "c": says("c", task.Succeeded)}, up: all, status: task.Succeeded},
		"canceled on a copy that others have": {
			change: canceling, answers: answers{"a": says("a", task.Canceled), "b": says("b", task.Succeeded), "c": says("c", task.Succeeded)}, up: all,
			status: task.Succeeded, never: []string{"a"},
		},
		"canceled on one shard only": { // shard 1 has it on c alone, shard 0 nowhere
			change: canceling, answers: answers{"a": says("a", task.Canceled), "b": says("b", task.Canceled), "c": says("c", task.Succeeded)}, up: all,
			status: task.Canceled, never: []string{"b"},
		},
		"canceled, and failed": {change: canceling, answers: answers{"a": says("a", task.Canceled), "b": says("b", task.Failed), "c": says("c", task.Canceled)}, up: all, status: task.Failed, code: "index_not_found"},
		"canceled, a copy is away": { // it may carry it out when it returns, and is repaired then
			change: canceling, answers: answers{"b": says("b", task.Canceled), "c": says("c", task.Canceled)}, up: []string{"b", "c"}, status: task.Canceled, never: []string{"a"},
		},
		"canceled, the only copy is away":            {change: canceling, answers: answers{"b": says("b", task.Canceled)}, up: []string{"b"}, status: task.Canceled, never: []string{"a", "c"}},
		"canceled, the only copy of a shard is away": {change: canceling, answers: answers{"a": says("a", task.Canceled)}, up: []string{"a"}, age: time.Hour},
		"lost, others have it all":                   {answers: answers{"b": says("b", task.Succeeded), "c": says("c", task.Succeeded)}, up: []string{"b", "c"}, status: task.Succeeded},
		"lost after it had ended":                    {answers: answers{"a": says("a", task.Succeeded), "b": says("b", task.Succeeded), "c": says("c", task.Succeeded)}, up: nil, status: task.Succeeded},
		"lost with the only copy":                    {answers: answers{"a": says("a", task.Succeeded)}, up: []string{"a"}, age: time.Hour},
		"all lost":                                   {up: nil, age: 23 * time.Hour},
		"lost for a day":                             {answers: answers{"a": says("a", task.Succeeded)}, up: []string{"a"}, age: 25 * time.Hour, status: task.Failed, code: "miroir_replica_lost"},
		"all lost for a day":                         {up: nil, age: 25 * time.Hour, status: task.Failed, code: "miroir_replica_lost"},
		"missed, others have it":                     {change: missed("a"), answers: answers{"b": says("b", task.Succeeded), "c": says("c", task.Succeeded)}, up: all, status: task.Succeeded},
		"all missed":                                 {change: missed("a", "b", "c"), up: all, status: task.Failed, code: apierr.MiroirNoQuorum},
		"may still arrive":                           {answers: answers{"a": unknown, "b": says("b", task.Succeeded), "c": says("c", task.Succeeded)}, up: all, age: time.Minute},
		"never arrived at one": {
			answers: answers{"a": unknown, "b": says("b", task.Succeeded), "c": says("c", task.Succeeded)}, up: all, age: 7 * time.Minute,
			status: task.Succeeded, never: []string{"a"},
		},
		"never arrived anywhere": {
			answers: answers{"a": unknown, "b": unknown, "c": unknown}, up: all, age: 7 * time.Minute, status: task.Failed,
			code: apierr.MiroirNoQuorum, never: all,
		},
		"never arrived at any copy of a shard": {
			answers: answers{"a": says("a", task.Succeeded), "b": unknown, "c": unknown}, up: all, age: 7 * time.Minute, status: task.Failed,
			code: apierr.MiroirNoQuorum, never: []string{"b", "c"},
		},
		"carried out by a dirty copy only": {
			change: dirtyA, answers: answers{"a": says("a", task.Succeeded), "b": unknown, "c": says("c", task.Succeeded)}, up: all, age: 7 * time.Minute,
			status: task.Failed, code: apierr.MiroirNoQuorum, never: []string{"b"},
		},
		"a dirty copy has it, the complete one is away": {change: dirtyA, answers: answers{"a": says("a", task.Succeeded), "c": says("c", task.Succeeded)}, up: []string{"a", "c"}, age: time.Hour},
		"canceled on the complete copy": {
			change: func(r *task.Record) { dirtyA(r); canceling(r) }, up: all, status: task.Canceled, never: []string{"b"},
			answers: answers{"a": says("a", task.Succeeded), "b": says("b", task.Canceled), "c": says("c", task.Succeeded)},
		},
		"an index deletion is told again": {change: deletion, answers: answers{"a": unknown, "b": says("b", task.Succeeded), "c": unknown}, up: all, age: 6 * time.Second, resend: []string{"a", "c"}},
		"but not at once":                 {change: deletion, answers: answers{"a": unknown, "b": says("b", task.Succeeded), "c": says("c", task.Succeeded)}, up: all, age: time.Second},
		"an index that is gone already is deleted": {
			change: deletion, answers: answers{"a": says("a", task.Failed), "b": says("b", task.Succeeded), "c": says("c", task.Failed)}, up: all, status: task.Succeeded,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := write()
			if c.change != nil {
				c.change(&r)
			}
			before := slices.Clone(r.Targets)
			d := Decide(r, c.answers, viewOf(c.up...), born.Add(c.age), Limits{}.withDefaults())
			if !reflect.DeepEqual(r.Targets, before) {
				t.Fatalf("the record was changed: %+v", r.Targets)
			}
			got := open
			if d.Final != nil {
				got = d.Final.Status
				if d.Final.Canceling != nil || (d.Final.CanceledBy != nil) != (r.Canceling != nil && got == task.Canceled) {
					t.Errorf("TK-10: canceling %v, canceled by %v", d.Final.Canceling, d.Final.CanceledBy)
				}
			}
			if got != c.status {
				t.Fatalf("status %q, want %q", got, c.status)
			}
			if !slices.Equal(d.Resend, c.resend) {
				t.Errorf("resend %v, want %v", d.Resend, c.resend)
			}
			if d.Final == nil {
				return
			}
			if c.code != "" && (d.Final.Error == nil || d.Final.Error.Code != c.code) || c.code == "" && d.Final.Error != nil {
				t.Errorf("error %v, want %q", d.Final.Error, c.code)
			}
			if d.Final.FinishedAt == nil || d.Final.StartedAt == nil {
				t.Errorf("a finished task without times: %+v", d.Final)
			}
			var never []string
			for _, n := range d.Never {
				never = append(never, n.Node)
			}
			if !slices.Equal(never, c.never) {
				t.Errorf("never %v, want %v", never, c.never)
			}
			for i, target := range d.Final.Targets {
				if want := before[i].Missed || slices.Contains(c.never, target.Node); target.Missed != want {
					t.Errorf("target %s: missed is %v", target.Node, target.Missed)
				}
			}
		})
	}
}

// TK-6: counts are the client's, whether or not a copy was lost.
func TestTK6DetailsAreClientScale(t *testing.T) {
	r := write()
	r.Details = json.RawMessage(`{"receivedDocuments":3,"indexedDocuments":null}`)
	counted := func(node string, n string) Answer {
		a := says(node, task.Succeeded)
		a.Outcome.Details = json.RawMessage(`{"indexedDocuments":` + n + `}`)
		return a
	}
	answers := map[string]Answer{"a": counted("a", "1"), "b": counted("b", "3"), "c": counted("c", "2")}
	for _, up := range [][]string{{"a", "b", "c"}, {"b"}} {
		if len(up) == 1 {
			delete(answers, "a")
			delete(answers, "c")
		}
		d := Decide(r, answers, viewOf(up...), born, Limits{}.withDefaults())
		if d.Final == nil || string(d.Final.Details) != `{"receivedDocuments":3,"indexedDocuments":3}` {
			t.Errorf("%v up: %+v", up, d.Final)
		}
	}
}

func TestTK9Expired(t *testing.T) {
	l := Limits{Retention: time.Hour, MaxRecords: 3}
	at := func(uid uint32, minutes int) aged { return aged{uid, born.Add(time.Duration(minutes) * time.Minute)} }
	for name, c := range map[string]struct {
		list []aged
		now  int
		want []uint32
	}{
		"none":         {nil, 0, nil},
		"all fit":      {[]aged{at(1, 0), at(2, 1), at(3, 2)}, 60, nil},
		"too old":      {[]aged{at(1, 5), at(2, 1), at(3, 2)}, 62, []uint32{2}},
		"too many":     {[]aged{at(5, 0), at(2, 3), at(3, 2), at(4, 1)}, 5, []uint32{5}},
		"equal times":  {[]aged{at(4, 0), at(2, 0), at(3, 0), at(1, 0), at(5, 0)}, 5, []uint32{1, 2}},
		"both reasons": {[]aged{at(1, 0), at(2, 1), at(3, 90), at(4, 91), at(5, 92)}, 100, []uint32{1, 2}},
	} {
		if got := expired(c.list, l, born.Add(time.Duration(c.now)*time.Minute)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// WQ-6: a copy whose part of a write never arrived, or failed, lacks what another copy of the shard has.
func TestWQ6CopiesBehind(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string]Answer
		want    map[string][]int
	}{
		"all alike":            {map[string]Answer{"a": says("a", "succeeded"), "b": says("b", "succeeded"), "c": says("c", "succeeded")}, map[string][]int{}},
		"one never got it":     {map[string]Answer{"a": says("a", "succeeded"), "b": unknown, "c": says("c", "succeeded")}, map[string][]int{"b": {0, 1}}},
		"one failed":           {map[string]Answer{"a": says("a", "succeeded"), "b": says("b", "failed"), "c": says("c", "failed")}, map[string][]int{"b": {0}}},
		"all of a shard never": {map[string]Answer{"a": unknown, "b": unknown, "c": says("c", "succeeded")}, map[string][]int{"b": {1}}},
	} {
		d := Decide(write(), c.answers, viewOf("a", "b", "c"), born.Add(time.Hour), Limits{}.withDefaults())
		if d.Final == nil || !reflect.DeepEqual(d.Behind, c.want) {
			t.Errorf("%s: %v", name, d.Behind)
		}
	}
	r := write()
	r.Type = task.SettingsUpdate
	if d := Decide(r, map[string]Answer{"a": says("a", "succeeded"), "b": unknown, "c": unknown}, viewOf("a", "b", "c"), born.Add(time.Hour), Limits{}.withDefaults()); len(d.Behind) > 0 {
		t.Errorf("a change of settings leaves copies behind: %v", d.Behind)
	}
}

// WQ-6: where a write ended differently on the copies of a shard, the complete ones stay alike, and one is left.
func TestWQ6WhatEndedDifferentlyLeavesACompleteCopy(t *testing.T) {
	placed := &routing.Index{Placement: routing.PlacementRecord{Groups: map[int][][]routing.Copy{
		0: {{{Node: "a", State: routing.CopyActive}, {Node: "b", State: routing.CopyActive}, {Node: "c", State: routing.CopyActive}, {Node: "n", State: routing.CopyBuilding}}},
	}}}
	type copies map[string][]int
	on := func(nodes string) copies {
		m := copies{}
		for _, n := range nodes {
			m[string(n)] = []int{0}
		}
		return m
	}
	for name, c := range map[string]struct{ behind, carried, dirty, want, keep string }{
		"a complete copy has it":             {"b", "ac", "", "b", "c"},
		"one of them is dirty":               {"b", "ac", "c", "b", "a"},
		"only a dirty copy has it":           {"bc", "a", "a", "a", "c"},
		"only one under construction has it": {"abc", "n", "", "n", "c"},
		"nobody is complete":                 {"bc", "a", "abc", "bc", ""},
		"a dirty copy lacks it":              {"ab", "c", "b", "ab", "c"},
	} {
		got := marking(placed, on(c.behind), on(c.carried), func(_ int, node string) bool { return strings.Contains(c.dirty, node) })
		if !reflect.DeepEqual(copies(got.Nodes), on(c.want)) || got.Keep[0] != c.keep {
			t.Errorf("%s: %v, keeps %v", name, got.Nodes, got.Keep)
		}
	}
	if got := marking(nil, on("b"), on("a"), nil); !reflect.DeepEqual(copies(got.Nodes), on("b")) {
		t.Errorf("an index that is not known yet: %v", got)
	}
}
