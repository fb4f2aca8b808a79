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
)

// WQ-4: a node that says of a write that it does not have it refuses it when it comes after all, after a restart, too. What it has it
// does not disown.
func TestWQ4DisownedWriteIsRefused(t *testing.T) {
	b := newBench(t)
	things := b.index("things", "id", 1)
	now := hlc.At(time.Now())
	send := func(dispatch string, stamp hlc.Stamp) answer {
		t.Helper()
		return b.leg("POST", "/indexes/"+things+"/documents", documents(1, `{"id":"`+dispatch+`"}`),
			nodeapi.Leg{Shards: all(1), Count: 1, PrimaryKey: "id", Dispatch: dispatch, Stamp: stamp})
	}
	if a := send("11", now); a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	ask := nodeapi.DisownQuery{Index: things, Writes: []nodeapi.Written{{Dispatch: "11", Stamp: now}, {Dispatch: "12", Stamp: now + 1}}}
	disown := func() (out nodeapi.Disowned) {
		t.Helper()
		a := b.leg("POST", nodeapi.PathDisown, ask, nodeapi.Leg{})
		if err := json.Unmarshal([]byte(a.body), &out); err != nil {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return out
	}
	if out := disown(); len(out.Writes) > 0 {
		t.Errorf("the engine may yet get what a process before has sent: %v", out.Writes)
	}
	eventually(t, "the node knows what it never had", func() error {
		if out := disown(); !slices.Equal(out.Writes, []string{"12"}) {
			return fmt.Errorf("%v", out.Writes)
		}
		return nil
	})
	refused := func() {
		t.Helper()
		if a := send("12", now+1); a.status != http.StatusServiceUnavailable || a.field("code") != nodeapi.CodeStaleStamp {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	refused()
	b.stop()
	b.start()
	refused()
	if a := send("13", now+2); a.status != http.StatusAccepted {
		t.Errorf("another write: %d %s", a.status, a.body)
	}
	b.finished("13")
	if got := len(b.stored(things)); got != 2 {
		t.Errorf("%d documents", got)
	}
}
