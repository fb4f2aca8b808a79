//go:build dataplane

package sidecar

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// R7, R9: documents that belong to no shard of the node are named, with their versions, and go when that is wanted: nothing else does, what
// was lost stands in the log, and a client can write them as ever.
func TestR7StraysAreNamedAndGo(t *testing.T) {
	b := newBench(t)
	things := b.index("things", "id", 2, 1)
	ids := map[int][]string{}
	for i := 0; len(ids[0]) < 3 || len(ids[1]) < 4; i++ {
		id := fmt.Sprint("d", i)
		shard := shardmap.ShardOf([]byte(id), 2)
		ids[shard] = append(ids[shard], id)
	}
	now := hlc.At(time.Now())
	write := func(dispatch, id string, stamp hlc.Stamp) {
		t.Helper()
		a := b.leg("PUT", "/indexes/"+things+"/documents", documents(2, fmt.Sprintf(`{"id":%q,"n":1}`, id)),
			nodeapi.Leg{Shards: []int{0}, Count: 2, PrimaryKey: "id", Dispatch: dispatch, Stamp: stamp})
		if a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		b.finished(dispatch)
	}
	write("1", ids[0][0], now)
	// By shard and n: 1,0 was left over by a move; 1,1 too, and is newer than it will be said to be; 1,2 and 0,1 were written by somebody.
	leftover := func(id string, stamp hlc.Stamp) map[string]any {
		return map[string]any{
			"id": id, nodeapi.FieldShard: string(nodeapi.AppendSymbols(nil, 1, nodeapi.ShardDigits)), nodeapi.FieldUpdatedAt: string(nodeapi.AppendStamp(nil, stamp, 0)),
		}
	}
	b.direct("POST", "/indexes/"+things+"/documents", []map[string]any{
		leftover(ids[1][0], now), leftover(ids[1][1], now+5), {"id": ids[1][2], "t": "foreign"}, {"id": ids[0][1], "t": "foreign"},
	})
	b.digest(nodeapi.InventoryQuery{Index: things, Shard: 0}) // waits for the engine
	strays := func(limit int) (out nodeapi.Strays) {
		t.Helper()
		a := b.leg("POST", nodeapi.PathStrays, nodeapi.StraysQuery{Index: things, Limit: limit}, nodeapi.Leg{})
		if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return out
	}
	all := strays(10)
	for _, want := range []nodeapi.Stray{
		{ID: ids[1][0], Version: nodeapi.Place{uint64(now), 0}}, {ID: ids[1][1], Version: nodeapi.Place{uint64(now + 5), 0}}, {ID: ids[1][2]}, {ID: ids[0][1]},
	} {
		if !slices.Contains(all.Documents, want) {
			t.Errorf("%+v is not among %+v", want, all)
		}
	}
	if few := strays(2); all.Count != 4 || few.Count != 4 || len(few.Documents) != 2 || len(strays(0).Documents) > 0 {
		t.Errorf("%+v", all)
	}

	order := nodeapi.Mend{
		Index: things, Rule: "R9", Keep: true,
		Strays: []nodeapi.Stray{{ID: ids[1][0], Version: nodeapi.Place{uint64(now), 0}}, {ID: ids[1][1], Version: nodeapi.Place{uint64(now), 0}}, {ID: ids[1][2]}, {ID: ids[0][0]}, {ID: ids[1][3]}},
		Delete: []nodeapi.Deletion{{Document: nodeapi.Document{Shard: 0, ID: ids[0][1]}}, {Document: nodeapi.Document{Shard: 0, ID: ids[0][0]}}},
	}
	for range 2 { // again it does nothing
		if a := b.leg("POST", nodeapi.PathMend, order, nodeapi.Leg{}); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if left := strays(10); left.Count != 1 || left.Documents[0].ID != ids[1][1] {
			t.Errorf("left: %+v", left)
		}
	}
	if a := b.direct("GET", "/indexes/"+things+"/documents/"+ids[0][0], nil); a.status != http.StatusOK {
		t.Errorf("a document of a client went: %d %s", a.status, a.body)
	}
	var log nodeapi.MendedList
	a := b.leg("POST", nodeapi.PathMended, nodeapi.MendedQuery{Limit: 10}, nodeapi.Leg{})
	if err := json.Unmarshal([]byte(a.body), &log); err != nil || len(log.Results) != 3 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, m := range log.Results {
		if m.Lost == nil || len(m.Lost.Document) == 0 || m.Rule != "R9" || m.Shard != shardmap.ShardOf([]byte(m.ID), 2) {
			t.Errorf("%+v", m)
		}
	}
	write("2", ids[0][1], now+9)
	if a := b.direct("GET", "/indexes/"+things+"/documents/"+ids[0][1], nil); a.status != http.StatusOK || a.field("t") != nil {
		t.Errorf("%d %s", a.status, a.body)
	}
}
