package serve

import (
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
