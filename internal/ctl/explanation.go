package ctl

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/miroir-search/miroir/internal/shardmap"
)

// explanation is what this tool reads of one.
type explanation struct {
	Index    string `json:"index"`
	Resolved string `json:"resolved_uid"`
	Plan     *plan  `json:"plan"`
	Plans    []struct {
		Resolved string `json:"resolved_uid"`
		Plan     *plan  `json:"plan"`
	} `json:"plans"`
	Warnings []struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"warnings"`
	LeftOut   int        `json:"warnings_truncated"`
	Execution *execution `json:"execution"`
}

// plan is how one index would be searched.
type plan struct {
	Feasible   bool    `json:"feasible"`
	Infeasible *string `json:"infeasible_code"`
	Reason     string  `json:"narrowing_reason"`
	Shards     []int   `json:"target_shards"`
	ShardCount int     `json:"shard_count"`
	Group      *struct {
		ID         int    `json:"id"`
		Reason     string `json:"reason"`
		Candidates []struct {
			ID       int      `json:"id"`
			Score    *float64 `json:"score_ms"`
			Eligible bool     `json:"eligible"`
			WhyNot   string   `json:"why_not"`
		} `json:"candidates"`
	} `json:"chosen_group"`
	Legs []struct {
		Node   string   `json:"node"`
		Group  int      `json:"group"`
		Shards []int    `json:"shards"`
		Filter bool     `json:"shard_filter"`
		Limit  int      `json:"limit"`
		Late   *float64 `json:"hedge_trigger_ms"`
	} `json:"legs"`
	FanOut   int    `json:"fan_out"`
	P95      int    `json:"estimated_p95_ms"`
	Settings uint64 `json:"settings_version"`
	Merge    struct {
		Strategy string `json:"strategy"`
		Window   int    `json:"window"`
	} `json:"merge"`
}

// execution is what came of running the search.
type execution struct {
	Result struct {
		Hits      []json.RawMessage `json:"hits"`
		Estimated *int              `json:"estimatedTotalHits"`
		Total     *int              `json:"totalHits"`
	} `json:"result"`
	Legs []struct {
		Node     string  `json:"node"`
		Shards   []int   `json:"shards"`
		Ms       float64 `json:"ms"`
		Attempts int     `json:"attempts"`
		Hedged   bool    `json:"hedged"`
		Hits     int     `json:"hits"`
		Status   int     `json:"status"`
	} `json:"legs"`
	TotalMs  float64 `json:"total_ms"`
	Degraded bool    `json:"degraded"`
}

// partial says whether the search is not answered from all shards.
func (e *explanation) partial() bool {
	plans := []*plan{e.Plan}
	for _, target := range e.Plans {
		plans = append(plans, target.Plan)
	}
	for _, w := range e.Warnings {
		if w.Code == "partial_coverage" {
			return true
		}
	}
	return e.Execution != nil && e.Execution.Degraded || slices.ContainsFunc(plans, func(p *plan) bool { return p != nil && !p.Feasible })
}

func (e *explanation) rows(wide bool) [][]string {
	rows := [][]string{{"INDEX", "PLAN", "SHARDS", "LEGS", "GROUP", "MERGE", "P95 MS", "SETTINGS"}}
	type named struct {
		uid  string
		plan *plan
	}
	list := []named{{e.Resolved, e.Plan}}
	for _, target := range e.Plans {
		list = append(list, named{target.Resolved, target.Plan})
	}
	list = slices.DeleteFunc(list, func(n named) bool { return n.plan == nil })
	for _, n := range list {
		rows = append(rows, n.plan.summary(n.uid))
	}
	rows = append(rows, nil, []string{"LEG", "INDEX", "GROUP", "SHARDS", "FILTERED", "LIMIT", "LATE AFTER MS"})
	for _, n := range list {
		for _, l := range n.plan.Legs {
			rows = append(rows, []string{
				l.Node, n.uid, strconv.Itoa(l.Group), shardmap.FormatRanges(l.Shards), yesNo(l.Filter), strconv.Itoa(l.Limit), milliseconds(l.Late),
			})
		}
	}
	if wide {
		rows = append(rows, nil, []string{"GROUP", "INDEX", "P95 MS", "COULD ANSWER"})
		for _, n := range list {
			rows = append(rows, n.plan.groups(n.uid)...)
		}
	}
	if len(e.Warnings) > 0 {
		rows = append(rows, nil, []string{"WARNING", ""})
	}
	for _, w := range e.Warnings {
		rows = append(rows, []string{w.Code, w.Message})
	}
	if e.LeftOut > 0 {
		rows = append(rows, []string{fmt.Sprintf("%d more", e.LeftOut), ""})
	}
	return append(rows, e.Execution.rows()...)
}

func (p *plan) summary(uid string) []string {
	verdict := "feasible"
	if p.Infeasible != nil {
		verdict = *p.Infeasible
	}
	group := "-"
	if p.Group != nil {
		group = fmt.Sprintf("%d (%s)", p.Group.ID, p.Group.Reason)
	}
	return []string{
		uid, verdict, fmt.Sprintf("%d of %d (%s)", len(p.Shards), p.ShardCount, p.Reason), strconv.Itoa(p.FanOut), group,
		fmt.Sprintf("%s, window %d", p.Merge.Strategy, p.Merge.Window), strconv.Itoa(p.P95), strconv.FormatUint(p.Settings, 10),
	}
}

// groups says of every replica group whether it could answer alone.
func (p *plan) groups(uid string) [][]string {
	if p.Group == nil {
		return nil
	}
	var rows [][]string
	for _, g := range p.Group.Candidates {
		could := "yes"
		if !g.Eligible {
			could = "no: " + g.WhyNot
		}
		rows = append(rows, []string{strconv.Itoa(g.ID), uid, milliseconds(g.Score), could})
	}
	return rows
}

func (x *execution) rows() [][]string {
	if x == nil {
		return nil
	}
	rows := [][]string{nil, {"ASKED", "SHARDS", "MS", "HITS", "STATUS", "BECAUSE"}}
	for _, l := range x.Legs {
		because := "planned"
		switch {
		case l.Hedged:
			because = "another was late"
		case l.Attempts > 1:
			because = "another failed"
		}
		status := "no answer"
		if l.Status > 0 {
			status = strconv.Itoa(l.Status)
		}
		rows = append(rows, []string{l.Node, shardmap.FormatRanges(l.Shards), milliseconds(&l.Ms), strconv.Itoa(l.Hits), status, because})
	}
	total := first(count(x.Result.Total), count(x.Result.Estimated))
	said := fmt.Sprintf("%d hits of %s in %s ms", len(x.Result.Hits), total, milliseconds(&x.TotalMs))
	if x.Degraded {
		said += ", not of all shards"
	}
	return append(rows, nil, []string{said})
}

func count(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// milliseconds shows a duration, or that there is none.
func milliseconds(ms *float64) string {
	if ms == nil {
		return "-"
	}
	return strconv.FormatFloat(*ms, 'f', 1, 64)
}
