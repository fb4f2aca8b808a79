package serve

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/miroir-search/miroir/gateway/explain"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/tuning"
)

// F20 × F6: the plan says where the session's reads must stay, without asking a node; running it waits as a search does.
func TestF20SessionPin(t *testing.T) {
	gateways, nodes := grouped(t, 2, 3)
	s := gateways[1]
	for _, g := range gateways {
		pointAt(t, g, routing.AliasRecord{V: 1, Name: "all", Kind: routing.AliasMulti, AliasTargets: routing.AliasTargets{Targets: []string{"a"}}})
	}
	explainIn := func(session, path string) *reply.Reply {
		t.Helper()
		r := askWith(t, s, masterKey, in(session), "POST", path, map[string]any{"q": "x"})
		if r.Status != http.StatusOK || r.Header.Get(headerSession) != session {
			t.Fatalf("%d %s %v", r.Status, r.Body, r.Header)
		}
		return r
	}
	before := decode[explain.Answer](t, explainIn("s", "/indexes/a/explain"))
	if before.Plan.SessionPin != nil {
		t.Errorf("nothing was written, and the plan has %+v", before.Plan.SessionPin)
	}
	uid := writeIn(t, gateways[0], "s")
	writeIn(t, gateways[0], "another")
	var group int
	whose := func() {
		t.Helper()
		rec, _, err := s.Store.ClientSession(t.Context(), secretName("", "s"))
		if err != nil || rec.Indexes["a--1"].Group == nil {
			t.Fatalf("%+v %v", rec, err)
		}
		group = *rec.Indexes["a--1"].Group
	}
	whose()
	check := func(p *explain.Plan, pending int) {
		t.Helper()
		if pin := p.SessionPin; pin == nil || pin.Group == nil || *pin.Group != group || pin.Pending != pending || pin.Strategy != explain.PinBlock {
			t.Errorf("pinned as %+v, want group %d", pin, group)
		}
		if p.ChosenGroup.ID != group || len(p.Legs) != 1 || p.Legs[0].Node != fmt.Sprint("n", group) {
			t.Errorf("the plan goes to %+v, %+v", p.ChosenGroup, p.Legs)
		}
	}
	check(decode[explain.Answer](t, explainIn("s", "/indexes/a/explain")).Plan, 1)
	check(decode[explain.Answer](t, explainIn("s", "/indexes/all/explain")).Plans[0].Plan, 1)
	writeIn(t, gateways[0], "s")
	whose()
	batch := decode[explainedBatch](t, askWith(t, s, masterKey, in("s"), "POST", "/multi-search/explain", map[string]any{
		"queries": []map[string]any{{"indexUid": "a"}, {"indexUid": "all"}},
	}))
	check(batch.Results[0].Plan, 2)
	check(batch.Results[1].Plans[0].Plan, 2)
	for _, n := range nodes {
		if asked := n.times(nodeapi.PathDispatches) + n.times("/search"); asked > 0 {
			t.Errorf("%s was asked %d times for explanations", n.name, asked)
		}
	}

	answers := make(chan *reply.Reply, 1)
	go func() {
		answers <- askWith(t, s, masterKey, in("s"), "POST", "/indexes/a/explain?execute=true", map[string]any{"q": "x"})
	}()
	<-nodes[group].waiting
	if n := nodes[group].times("/search"); n != 0 {
		t.Error("it was searched before the writes were applied")
	}
	for _, write := range []uint32{uid, uid + 1, uid + 2} {
		nodes[group].apply(write)
	}
	ran := decode[explain.Answer](t, <-answers)
	if ran.Execution == nil || len(ran.Execution.Legs) != 1 || ran.Execution.Legs[0].Node != fmt.Sprint("n", group) {
		t.Errorf("%+v", ran.Execution)
	}

	set(s, func(l *tuning.Live) { l.SessionPinning.MaxWaitMs, l.SessionPinning.OnTimeout = 1, tuning.TimeoutError })
	writeIn(t, s, "late")
	r := askWith(t, s, masterKey, in("late"), "POST", "/indexes/a/explain?execute=true", map[string]any{"q": "x"})
	if e := decode[apierr.Error](t, r); e.Code != apierr.MiroirTimeout {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := askWith(t, s, masterKey, in(string(make([]byte, 4))), "POST", "/indexes/a/explain", map[string]any{}); r.Status != http.StatusBadRequest {
		t.Errorf("a session that has no name: %d %s", r.Status, r.Body)
	}
}

// F20, RD-10: a floor is part of the plan; nodes behind it are named to administrators.
func TestF20SettingsFloor(t *testing.T) {
	s := readService(t, []*readNode{{answers: []scripted{{"/search", "", 200, answerOf(0)}}}, {}}, [][]int{{0}, {0, 1}}, `{}`,
		"node_settings/a--1/n0", `{"v":1,"version":3}`)
	ask := func(floor, path string) *reply.Reply {
		return askWith(t, s, "", http.Header{headerFloor: {floor}}, "POST", path, map[string]any{"q": "x"})
	}
	a := decode[explain.Answer](t, ask("3", "/indexes/a/explain")) // the other node shows less, and is not needed
	if p := a.Plan; p.SettingsFloor == nil || *p.SettingsFloor != 3 || !p.Feasible || len(p.Legs) != 1 || p.Legs[0].Node != "n0" {
		t.Errorf("%+v", p)
	}
	a = decode[explain.Answer](t, ask("4", "/indexes/a/explain"))
	if p := a.Plan; p.SettingsFloor == nil || *p.SettingsFloor != 4 || p.Feasible || p.InfeasibleCode == nil || *p.InfeasibleCode != "miroir_settings_version_stale" {
		t.Errorf("%+v", p)
	}
	if a := decode[explain.Answer](t, askWith(t, s, "", nil, "POST", "/indexes/a/explain", map[string]any{})); a.Plan.SettingsFloor != nil {
		t.Errorf("%+v", a.Plan)
	}
	if r := ask("4", "/indexes/a/explain?execute=true"); r.Status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := ask("x", "/indexes/a/explain"); r.Status != http.StatusBadRequest {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}
