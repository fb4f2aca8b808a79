//go:build dataplane

package sidecar

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// ET-8, WQ-9: the state store was set back to a time before a task that the engine knows. A node that starts sees to it that its uid is not
// given again: the next task of that uid would be taken for this one, and what it writes would be lost without a word.
func TestET8TasksThatTheStoreForgot(t *testing.T) {
	b := newBench(t)
	things := b.index("things", "id", 1)
	write := func(uid uint32, id string) {
		t.Helper()
		a := b.leg("POST", "/indexes/"+things+"/documents", documents(1, `{"id":"`+id+`"}`),
			nodeapi.Leg{Shards: all(1), Count: 1, PrimaryKey: "id", Dispatch: strconv.FormatUint(uint64(uid), 10), Stamp: hlc.At(time.Now())})
		if a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		b.finished(strconv.FormatUint(uint64(uid), 10))
	}
	next := func() uint32 {
		t.Helper()
		uid, err := b.store.NextTaskUID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return uid
	}
	first := next()
	write(first+5, "forgotten") // the store knows nothing of it
	b.stop()
	b.start()
	if !strings.Contains(b.log.String(), "the state store was set back") {
		t.Error("nobody was told")
	}
	uid := next()
	if uid <= first+5 {
		t.Fatalf("%d is given again", uid)
	}
	write(uid, "after")
	for _, id := range []string{"forgotten", "after"} {
		if a := b.direct("GET", "/indexes/"+things+"/documents/"+id, nil); a.status != http.StatusOK {
			t.Errorf("%s: %d", id, a.status)
		}
	}
	// What the store knows is left alone.
	b.stop()
	b.start()
	if again := next(); again <= uid || again > uid+100 || strings.Count(b.log.String(), "the state store was set back") != 1 {
		t.Errorf("%d after %d", again, uid)
	}
}
