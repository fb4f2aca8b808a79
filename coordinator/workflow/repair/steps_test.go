package repair

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"testing"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// records are tasks by their uids.
type records map[uint32]task.Record

func (r records) Marks(context.Context, string) ([]state.Mark, error) { return nil, nil }

func (r records) Task(_ context.Context, uid uint32) (task.Record, error) {
	t, ok := r[uid]
	if !ok {
		return t, state.ErrNotFound
	}
	t.UID = uid
	return t, nil
}

// WQ-4: only of a write that was refused, and that the source surely never took, is it known that it will not come.
func TestWQ4RefusedWrites(t *testing.T) {
	lacks := []task.Target{{Node: "a", Missed: true, Lacks: true}, {Node: "b"}}
	r := Repair{Store: records{
		1: {Status: task.Failed, Targets: lacks},
		2: {Status: task.Failed, Targets: []task.Target{{Node: "a", Missed: true}, {Node: "b", Missed: true, Lacks: true}}}, // nobody knows whether a has it
		3: {Status: task.Enqueued, Targets: lacks},
		4: {Status: task.Failed, Targets: lacks, Dispatch: "1"}, // another attempt at the first one
	}}
	source := routing.Node{NodeRecord: routing.NodeRecord{ID: "a"}}
	got, err := r.refused(t.Context(), "x--1", source, []string{"1", "2", "3", "4", "5", "miroir-7", "-1"})
	if err != nil || !slices.Equal(got, []string{"1"}) {
		t.Errorf("%q %v", got, err)
	}
}

// said answers a question about writes with some of them.
type said struct {
	q       nodeapi.DisownQuery
	address string
	writes  []string
	err     error
}

func (s *said) Do(_ context.Context, r client.Request) (client.Answer, error) {
	s.address = r.Address + r.Path
	if err := json.Unmarshal(r.Body, &s.q); err != nil {
		return client.Answer{}, err
	}
	body, err := json.Marshal(nodeapi.Disowned{Writes: s.writes})
	return client.Answer{Status: http.StatusOK, Body: body}, errors.Join(err, s.err)
}

// WQ-4: of a refused write that may have been on its way to the source, the source itself says that it never will have it.
func TestWQ4WritesInDoubtAreAskedAbout(t *testing.T) {
	doubt := []task.Target{{Node: "a", Missed: true, Doubt: true}, {Node: "b"}}
	node := &said{writes: []string{"2"}}
	r := Repair{Nodes: node, Store: records{
		1: {Status: task.Failed, Targets: []task.Target{{Node: "a", Missed: true, Lacks: true}}},
		2: {Status: task.Failed, Targets: doubt, Stamp: 20},
		3: {Status: task.Failed, Targets: doubt, Stamp: 30},
		4: {Status: task.Succeeded, Targets: doubt},
		5: {Status: task.Failed, Targets: []task.Target{{Node: "b", Missed: true, Doubt: true}}},
	}}
	source := routing.Node{NodeRecord: routing.NodeRecord{ID: "a", Address: "http://a"}}
	writes := []string{"1", "2", "3", "4", "5"}
	got, err := r.refused(t.Context(), "x--1", source, writes)
	if err != nil || !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("%q %v", got, err)
	}
	want := nodeapi.DisownQuery{Index: "x--1", Writes: []nodeapi.Written{{Dispatch: "2", Stamp: 20}, {Dispatch: "3", Stamp: 30}}}
	if !reflect.DeepEqual(node.q, want) || node.address != "http://a"+nodeapi.PathDisown {
		t.Errorf("%s %+v", node.address, node.q)
	}
	node.err = errors.New("unreachable")
	if got, err = r.refused(t.Context(), "x--1", source, writes); err != nil || !slices.Equal(got, []string{"1"}) {
		t.Errorf("of a source that says nothing: %q %v", got, err)
	}
}
