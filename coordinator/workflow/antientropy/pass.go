package antientropy

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// KindName is the kind of these workflows, and Scope the one whose leader runs them.
const (
	KindName = "verify"
	Scope    = "antientropy"
)

// Bounds of a pass.
const (
	shardsAtOnce = 2
	stepTime     = 2 * time.Second // after which progress is written down
	maxUneven    = 200             // shards that are listed with what is wrong with them
)

// Input is what a pass is about.
type Input struct {
	Index  string `json:"index,omitempty"`  // name clients use; empty for all
	Shards string `json:"shards,omitempty"` // of that index; empty for all
	Deep   bool   `json:"deep"`
	Repair bool   `json:"repair"`
	Rate   int    `json:"documents_per_second,omitempty"` // that each node reads; 0 for what is configured
}

// ID is the id of the record of a pass.
func (in Input) ID() string {
	parts := []string{mode(in.Deep)}
	if in.Repair {
		parts[0] += "-repair"
	}
	for _, p := range []string{in.Index, in.Shards} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ".")
}

func mode(deep bool) string {
	if deep {
		return "deep"
	}
	return "light"
}

// Progress is what a workflow record holds about a pass.
type Progress struct {
	Input
	Left    []string `json:"left,omitempty"`          // indexes that are not done; the first is at work
	Next    int      `json:"next,omitempty"`          // its next shard, in the list of those that are wanted
	Expired uint64   `json:"expired_until,omitempty"` // of its documents: Unix ms, 0 where none expire
	Total   int      `json:"shards_total"`
	Done    int      `json:"shards_done"`
	Result
}

// Result is what a pass found.
type Result struct {
	Compared   int            `json:"shards_compared"` // that have more than one copy
	Incomplete int            `json:"shards_incomplete"`
	Documents  uint64         `json:"documents"` // on all copies together
	Mismatches int            `json:"mismatches"`
	Repaired   int            `json:"repaired"`
	Unsettled  int            `json:"unsettled"`
	Strays     int            `json:"stray_documents"` // on nodes that do not hold their shard
	Removed    int            `json:"stray_removed"`   // of these
	Rules      map[Rule]int   `json:"rules,omitempty"`
	Parked     map[Parked]int `json:"parked,omitempty"`
	Uneven     []Uneven       `json:"uneven"` // shards with something wrong, the first ones
}

// Uneven is a shard with which something is, or was, wrong.
type Uneven struct {
	Index string `json:"index"`
	Shard int    `json:"shard"`
	Outcome
}

// Even says whether nothing is wrong, or nothing any more.
func (r Result) Even() bool { return r.Incomplete == 0 && r.Mismatches == r.Repaired }

// count takes an outcome in.
func (r *Result) count(index string, shard int, o Outcome) {
	if o.Compared {
		r.Compared++
	}
	if o.Incomplete {
		r.Incomplete++
	}
	for _, c := range o.Copies {
		r.Documents += c.Count
	}
	r.Mismatches, r.Repaired, r.Unsettled = r.Mismatches+o.Mismatches, r.Repaired+o.Repaired, r.Unsettled+o.Unsettled
	if r.Rules == nil {
		r.Rules, r.Parked = map[Rule]int{}, map[Parked]int{}
	}
	for rule, n := range o.Rules {
		r.Rules[rule] += n
	}
	for reason, n := range o.Parked {
		r.Parked[reason] += n
	}
	if (!o.Even() || o.Mismatches > 0) && len(r.Uneven) < maxUneven {
		r.Uneven = append(r.Uneven, Uneven{index, shard, o})
	}
}

// Phases.
const (
	phasePlan = "plan"
	phaseScan = "scan"
)

func (a *AntiEntropy) kind() workflow.Kind[Progress] {
	return workflow.Kind[Progress]{
		Name: KindName, First: phasePlan,
		Steps:  map[string]workflow.Step[Progress]{phasePlan: a.plan, phaseScan: a.scan},
		Settle: func(p *Progress) { p.Left, p.Next, p.Expired = nil, 0, 0 },
	}
}

// plan lists the indexes.
func (a *AntiEntropy) plan(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	v := a.Views.View()
	p.Left, p.Next, p.Total, p.Done, p.Result = nil, 0, 0, 0, Result{Uneven: []Uneven{}}
	for _, uid := range v.UIDs {
		if p.Index != "" && p.Index != uid {
			continue
		}
		shards, err := wanted(v.Indexes[uid], p.Shards)
		if err != nil {
			return workflow.Verdict{}, nil // the index is another one by now
		}
		p.Left = append(p.Left, uid)
		p.Total += len(shards)
	}
	return a.enter(ctx, p)
}

// enter goes on with the first index that is left.
func (a *AntiEntropy) enter(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	if len(p.Left) == 0 {
		return workflow.Verdict{}, nil
	}
	p.Next, p.Expired = 0, 0
	expires, err := a.Store.Expires(ctx, p.Left[0])
	if err != nil {
		return workflow.Verdict{}, err
	}
	if expires {
		p.Expired = uint64(a.Now().Add(-clockSkew).UnixMilli()) //nolint:gosec // after 1970
	}
	return workflow.Enter(phaseScan)
}

// clockSkew is how far the clocks of coordinator and clients may be apart before a document is taken for expired too early.
const clockSkew = 500 * time.Millisecond

// wanted lists the shards of an index that a pass is about.
func wanted(ix *routing.Index, shards string) ([]int, error) {
	if shards != "" {
		return shardmap.ParseRanges(shards, ix.Shards)
	}
	all := make([]int, ix.Shards)
	for s := range all {
		all[s] = s
	}
	return all, nil
}

// scan compares some shards of an index.
func (a *AntiEntropy) scan(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	until := a.Now().Add(stepTime)
	for {
		v := a.Views.View()
		ix, ok := v.Indexes[p.Left[0]]
		var list []int
		if ok {
			var err error
			if list, err = wanted(ix, p.Shards); err != nil {
				list = nil // it was deleted and made anew
			}
		}
		if p.Next >= len(list) {
			p.Left = p.Left[1:]
			return a.enter(ctx, p)
		}
		if p.Next == 0 {
			l := a.look(p)
			l.Repair = l.Repair && p.Shards == ""
			found, removed, err := a.strays(ctx, v, ix, l)
			if err != nil {
				return workflow.Verdict{}, err
			}
			p.Strays, p.Removed = p.Strays+found, p.Removed+removed
		}
		some := list[p.Next:min(p.Next+shardsAtOnce, len(list))]
		outcomes, err := a.shards(ctx, v, ix, some, p)
		if err != nil {
			return workflow.Verdict{}, err
		}
		for i, o := range outcomes {
			p.count(ix.UID, some[i], o)
			a.Metrics.count(o)
			if !o.Even() || o.Mismatches > 0 {
				a.Log.Warn().Str("index", ix.UID).Int("shard", some[i]).Bool("deep", p.Deep).Int("mismatches", o.Mismatches).
					Int("repaired", o.Repaired).Bool("incomplete", o.Incomplete).Msg("copies of a shard are not proved equal")
			}
		}
		p.Next, p.Done = p.Next+len(some), p.Done+len(some)
		if !a.Now().Before(until) {
			return workflow.Enter(phaseScan)
		}
	}
}

// look is how a pass compares.
func (a *AntiEntropy) look(p *Progress) Look {
	l := Look{Deep: p.Deep, Repair: p.Repair, Rate: p.Rate, Expired: p.Expired, Settle: a.Config.Settle}
	if l.Rate == 0 {
		l.Rate = a.Config.Rate
	}
	return l
}

// shards compares shards side by side.
func (a *AntiEntropy) shards(ctx context.Context, v *routing.View, ix *routing.Index, some []int, p *Progress) ([]Outcome, error) {
	look := a.look(p)
	out, errs := make([]Outcome, len(some)), make([]error, len(some))
	var wg sync.WaitGroup
	for i, shard := range some {
		wg.Go(func() { out[i], errs[i] = compare(ctx, a.Nodes, a.Now, v, ix, shard, look) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
