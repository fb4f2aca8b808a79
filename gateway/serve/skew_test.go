package serve

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// lastTask is a cache of tasks of which only the latest stamp counts.
type lastTask struct {
	*noTasks
	stamp hlc.Stamp
}

func (l lastTask) Stamp() hlc.Stamp { return l.stamp }

// TE-7: a gateway whose clock was ten minutes ahead writes again as soon as its clock is right and a node has refused its stamp, later
// than what was written before; any other refusal changes nothing.
func TestAClockThatWasAheadReturns(t *testing.T) {
	now := time.Now()
	wall := now.Add(10 * time.Minute)
	s := &Service{Clock: hlc.New(func() time.Time { return wall }), Tasks: lastTask{stamp: hlc.At(now.Add(5 * time.Second))}, Log: zerolog.Nop()}
	s.stamp(t.Context(), 1)
	wall = now
	s.heed(t.Context(), []scatter.Ack{{Accepted: true}, {Refused: apierr.New(nodeapi.CodeStaleStamp, "late")}})
	if got := s.stamp(t.Context(), 1); got.Check(now) == nil {
		t.Fatalf("the clock returned to %s though no node said that it is wrong", got.Time())
	}
	s.heed(t.Context(), []scatter.Ack{{Accepted: true}, {Refused: apierr.New(nodeapi.CodeClockSkew, "ahead")}})
	if got := s.stamp(t.Context(), 1); got.Check(now) != nil || got <= s.Tasks.Stamp() {
		t.Errorf("the clock returned to %s, the last task has %s", got.Time(), s.Tasks.Stamp().Time())
	}
}

// TE-7, chaos seed 1055: the first write after a clock was set right again is refused by nobody in the end.
func TestAWriteWithAStampOfAWrongClockGetsAnother(t *testing.T) {
	gateways, nodes := grouped(t, 1, 1)
	s, n := gateways[0], nodes[0]
	now := time.Now()
	wall := now.Add(10 * time.Minute)
	s.Clock = hlc.New(func() time.Time { return wall })
	s.stamp(t.Context(), 1)
	for _, c := range []struct {
		right  bool // the clock is again
		status int
	}{
		{right: false, status: http.StatusServiceUnavailable}, {right: true, status: http.StatusAccepted},
	} {
		if c.right {
			wall = now
		}
		n.mu.Lock()
		n.strict, n.writes = true, nil
		n.mu.Unlock()
		r := ask(t, s, masterKey, "POST", "/indexes/a/documents/delete-batch", []int{1})
		if r.Status != c.status {
			t.Fatalf("clock right %v: %d %s, %q", c.right, r.Status, r.Body, n.writes)
		}
	}
	last := n.writes[len(n.writes)-1]
	dispatch, _, _ := strings.Cut(last, " at ")
	uid, err := strconv.ParseUint(dispatch, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := s.Store.Task(t.Context(), uint32(uid))
	if err != nil || rec.Stamp.Check(now) != nil || !strings.HasSuffix(last, " at "+strconv.FormatUint(uint64(rec.Stamp), 10)) || n.writes[0] == last {
		t.Errorf("%q, the task has %d, %v", n.writes, rec.Stamp, err)
	}
}
