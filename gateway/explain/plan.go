package explain

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/miroir-search/miroir/gateway/leg"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// Input is a planned search of one index, and what the gateway knows.
type Input struct {
	View      *routing.View
	Index     *routing.Index
	Alias     *routing.Alias // that it was asked for by; nil for none
	Query     *meili.SearchQuery
	Search    *leg.Search
	Settings  *leg.Settings
	Narrowing plan.Narrowing
	Read      plan.Read
	Strict    bool    // what lacks shards is no answer
	Injected  bool    // the credential adds a filter
	Shared    bool    // with equal searches that are under way
	Lowered   bool    // the over-fetch factor was lowered
	Pin       *Pin    // of the request's session; nil for none
	Floor     *uint64 // version of the settings that the request asks for at least; nil for none
	Below     bool    // too few nodes show it

	P95      func(node string) time.Duration         // 0 where too little is known
	Late     func(node string) (time.Duration, bool) // when a leg is late; false where it is not hedged
	Excluded plan.Avoid                              // who is left out for doing badly; nil for nobody
}

// maxLegs bounds the legs that are listed.
const maxLegs = 512

// Of explains the plan.
func Of(in Input) *Plan {
	p := &Plan{
		AliasResolution: resolution(in.Alias), Revision: in.View.Epoch, Generation: 1,
		Narrowed: in.Narrowing.Narrowed, NarrowingReason: string(in.Narrowing.Reason), TargetShards: []int{}, ShardCount: in.Index.Shards,
		TargetNodes: map[string]string{}, Legs: []Leg{}, FanOut: len(in.Read.Legs), SettingsVersion: in.Index.SettingsVersion,
		InjectedFilter: in.Injected, CoalescingEligible: in.Shared, SessionPin: in.Pin, SettingsFloor: in.Floor,
		Merge: Merge{Strategy: strategy(in), OverFetch: in.Search.OverFetched(), Window: in.Search.Window()},
	}
	if code := infeasible(in); code == "" {
		p.Feasible = true
	} else {
		p.InfeasibleCode = &code
	}
	slowest := time.Duration(0)
	for _, l := range in.Read.Legs {
		p.add(in, l)
		slowest = max(slowest, in.P95(l.Node))
	}
	p.EstimatedP95 = int(slowest.Milliseconds())
	slices.Sort(p.TargetShards)
	if over := len(p.Legs) - maxLegs; over > 0 {
		p.Legs, p.LegsLeftOut = p.Legs[:maxLegs], over
	}
	p.ChosenGroup = group(in)
	return p
}

// infeasible is the code of what a search would be refused with, empty where it would be answered.
func infeasible(in Input) string {
	switch {
	case in.Below:
		return string(apierr.MiroirSettingsVersionStale)
	case len(in.Read.Legs) == 0, len(in.Read.Missing) > 0 && in.Strict:
		return string(apierr.MiroirShardUnavailable)
	}
	return ""
}

// add takes one leg of the plan.
func (p *Plan) add(in Input, l plan.Leg) {
	shown := Leg{
		Node: l.Node, Group: l.Group, Shards: l.Shards, Limit: in.Search.LegLimit(),
		ShardFilter: !slices.Equal(in.Index.HeldBy(l.Node), l.Shards),
	}
	if late, ok := in.Late(l.Node); ok {
		ms := milliseconds(late)
		shown.HedgeTrigger, p.HedgingArmed = &ms, true
		if p.HedgeTrigger == nil || ms < *p.HedgeTrigger {
			p.HedgeTrigger = &ms
		}
	}
	p.Legs = append(p.Legs, shown)
	p.TargetShards = append(p.TargetShards, l.Shards...)
	for _, s := range l.Shards {
		p.TargetNodes[strconv.Itoa(s)] = l.Node
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func resolution(a *routing.Alias) *Resolution {
	if a == nil {
		return nil
	}
	r := &Resolution{From: a.Name, To: a.Target, Kind: string(a.Kind), Version: a.Version}
	if a.Kind == routing.AliasMulti {
		r.To = a.Targets
	}
	return r
}

func strategy(in Input) string {
	switch {
	case len(in.Read.Legs) < 2:
		return StrategyNone
	case in.Search.Kind == leg.Semantic:
		return StrategySimilarity
	case in.Search.Kind == leg.Hybrid:
		return StrategyConvex
	}
	return StrategyRules
}

// group says which replica group answers; nil where nobody does.
func group(in Input) *Group {
	if len(in.Read.Legs) == 0 {
		return nil
	}
	g := &Group{ID: in.Read.Legs[0].Group, Reason: "query", Candidates: []Candidate{}}
	eligible := 0
	for _, known := range in.View.Groups {
		c := candidateOf(in, known)
		if c.Eligible {
			eligible++
		}
		g.Candidates = append(g.Candidates, c)
	}
	mixed := slices.ContainsFunc(in.Read.Legs, func(l plan.Leg) bool { return l.Group != g.ID })
	switch {
	case mixed:
		g.Reason = "several_groups_cover_together"
	case eligible == 1:
		g.Reason = "only_cover"
	case eligible == 0:
		g.Reason = "best_partial_cover"
	}
	return g
}

// candidateOf says whether a group could answer alone.
func candidateOf(in Input, known routing.GroupRecord) Candidate {
	c := Candidate{ID: known.ID}
	if known.State != routing.GroupActive {
		c.WhyNot = "the group is " + string(known.State)
		return c
	}
	wanted := slices.Concat(in.Read.Missing)
	for _, l := range in.Read.Legs {
		wanted = append(wanted, l.Shards...)
	}
	legs, missing := shardmap.CoveringSetOf(wanted, in.Index.Shards, in.View.Holders(in.Index, known.ID, in.Excluded), 0)
	if len(missing) > 0 {
		c.WhyNot = fmt.Sprintf("no copy of shards %s can be read", shardmap.FormatRanges(missing))
		return c
	}
	c.Eligible = true
	slowest := time.Duration(0)
	for _, l := range legs {
		slowest = max(slowest, in.P95(l.Node))
	}
	if slowest > 0 {
		ms := milliseconds(slowest)
		c.Score = &ms
	}
	return c
}
