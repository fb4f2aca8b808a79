package tally

import (
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/chaos/history"
)

func asked(start, end int64, kind history.Kind, outcome history.Outcome, status int) history.Op {
	return history.Op{Kind: kind, Start: start, End: end, Outcome: outcome, Status: status}
}

// A request is counted at every kind of fault that it met, once at each, and only where it met none at none.
func TestRequestsAreCountedAtTheFaultsTheyMet(t *testing.T) {
	var sum Tally
	sum.Add(&history.Run{
		Seed: 7, Worked: int64(4 * time.Second), Rested: int64(time.Second),
		Events: []history.Event{
			{Kind: "kill", Process: "sidecar-1", Begin: 10, End: 20}, {Kind: "kill", Process: "sidecar-2", Begin: 12, End: 14},
			{Kind: "cut", Process: "etcd-client/gateway-0", Begin: 15, End: 30},
		},
		Exits: []history.Exit{{Process: "sidecar-1", Status: "signal: killed", Why: "kill"}, {Process: "gateway-0", Status: "exit status 2"}},
		Ops: []history.Op{
			asked(1, 5, history.Put, history.Acknowledged, 202),
			asked(13, 14, history.Search, history.Refused, 503),
			asked(18, 19, history.Put, history.Refused, 504),
			asked(25, history.Never, history.Put, history.Unknown, 0),
			asked(40, 41, history.Show, history.Wrong, 500),
			asked(int64(time.Minute), int64(time.Minute)+1, history.Show, history.Wrong, 500),
		},
	}, false)
	sum.Add(&history.Run{Seed: 8, Rested: int64(3 * time.Second), Unsettled: "no"}, true)

	kill, cut := sum.During["kill sidecar"], sum.During["cut gateway to etcd"]
	if kill == nil || kill.Times != 2 || kill.All != 2 || kill.Unavailable != 1 || kill.Timeout != 1 {
		t.Errorf("killed sidecars: %+v", kill)
	}
	if cut == nil || cut.All != 2 || cut.Timeout != 1 || cut.Unanswered != 1 {
		t.Errorf("a cut link: %+v", cut)
	}
	if kill.Alone.All != 1 || kill.Alone.Unavailable != 1 || cut.Alone.All != 0 {
		t.Errorf("alone: %+v and %+v", kill.Alone, cut.Alone)
	}
	if sum.After.All != 1 || sum.After.Wrong != 1 {
		t.Errorf("after the faults: %+v", sum.After)
	}
	if sum.Beside.All != 2 || sum.Beside.Wrong != 1 {
		t.Errorf("no fault: %+v", sum.Beside)
	}
	if sum.Writes.All != 3 || sum.Writes.Acknowledged != 1 || sum.Reads.All != 1 {
		t.Errorf("writes %+v, reads %+v", sum.Writes, sum.Reads)
	}
	text := sum.Markdown(time.Minute)
	for _, line := range []string{
		"| seeds | 2 |", "| seeds that broke a rule | 1: 7 |", "| requests | 6 |", "| kills, by process | 2: sidecar-1 1, sidecar-2 1 |",
		"| processes that ended otherwise | 1: gateway-0: exit status 2, unexplained 1 |", "| until at rest: p50, p99, max | 1.0 s, 1.0 s, 1.0 s |",
		"| kill sidecar | 2 | 2 | 2 (100.0 %) | 1 | 1 | 0 | 0 | 0 | 1 | 1 (100.0 %) |", "| faults | 3: cut 1, kill 2 |",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%q is not in\n%s", line, text)
		}
	}
}

func TestSpread(t *testing.T) {
	var times []time.Duration
	for n := range 200 {
		times = append(times, time.Duration(200-n)*time.Second)
	}
	if got := spread(times); got != "100.0 s, 198.0 s, 200.0 s" {
		t.Error(got)
	}
}
