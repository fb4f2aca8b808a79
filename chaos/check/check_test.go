package check

import (
	"strings"
	"testing"

	"github.com/miroir-search/miroir/chaos/history"
)

// doc is a document whose field first was written by the request of that number.
func doc(number int64) history.Document { return history.Document{history.First: number} }

// wrote is an acknowledged write that everybody knew about ten ticks after its answer.
func wrote(number, start, end int64, id string) history.Op {
	return history.Op{Number: number, Kind: history.Put, Docs: map[string]history.Document{id: doc(number)}, Start: start, End: end,
		Outcome: history.Acknowledged, Task: number + 1, Seen: end + 10, Ended: "succeeded"}
}

func changed(o history.Op, how ...func(*history.Op)) history.Op {
	for _, f := range how {
		f(&o)
	}
	return o
}

func kind(k history.Kind) func(*history.Op)       { return func(o *history.Op) { o.Kind = k } }
func outcome(x history.Outcome) func(*history.Op) { return func(o *history.Op) { o.Outcome = x } }
func unanswered(o *history.Op) {
	o.Outcome, o.End, o.Task, o.Seen, o.Ended = history.Unknown, history.Never, 0, 0, ""
}
func deletes(id string) func(*history.Op) {
	return func(o *history.Op) { o.Kind, o.Docs, o.IDs = history.Delete, nil, []string{id} }
}

func saw(start int64, found map[string]history.Document) history.Op {
	return history.Op{Number: 1000 + start, Kind: history.List, Start: start, End: start + 1, Outcome: history.Acknowledged, Found: found, Total: len(found)}
}

func copyOf(shard int, node string, docs map[string]history.Document) history.Copy {
	c := history.Copy{Shard: shard, Node: node, Docs: docs, Raw: map[string]string{}}
	for id, d := range docs {
		c.Raw[id] = stateOf(d).String()
	}
	return c
}

func ends(docs map[string]history.Document) []history.Copy {
	return []history.Copy{copyOf(0, "node-0", docs), copyOf(0, "node-1", docs)}
}

type docs = map[string]history.Document

func index(k history.Kind, number, start, seen int64, name, identity, reason string) history.Op {
	o := history.Op{Number: number, Kind: k, Index: name, Identity: identity, Start: start, End: start + 1, Outcome: history.Acknowledged}
	if k == history.Show {
		o.End = seen
		return o
	}
	o.Task, o.Seen, o.Ended, o.Reason = number+1, seen, succeeded, reason
	if reason != "" {
		o.Ended = "failed"
	}
	return o
}

func flip(number, start, end int64, target string) history.Op {
	return history.Op{Number: number, Kind: history.Flip, Index: "x", Other: target, Start: start, End: end, Outcome: history.Acknowledged}
}

func follow(number, start, end int64, identity string) history.Op {
	return history.Op{Number: number, Kind: history.Follow, Index: "x", Identity: identity, Start: start, End: end, Outcome: history.Acknowledged}
}

func claim(what string, token, start, end int64) history.Claim {
	return history.Claim{Kind: what, Scope: "x", Token: token, Start: start, End: end}
}

// Every rule is shown what it must find, and what it must not.
func TestRun(t *testing.T) {
	first, second := wrote(1, 0, 5, "a"), wrote(2, 10, 15, "a")
	for name, c := range map[string]struct {
		run  history.Run
		rule string // of the only kind of violation; empty when there must be none
	}{
		"the last write stands":                    {history.Run{Ops: []history.Op{first, second}, Copies: ends(docs{"a": doc(2)})}, ""},
		"an acknowledged write is lost":            {history.Run{Ops: []history.Op{first, second}, Copies: ends(docs{"a": doc(1)})}, "documents"},
		"an acknowledged document is lost":         {history.Run{Ops: []history.Op{first}, Copies: ends(docs{})}, "documents"},
		"nobody wrote what stands":                 {history.Run{Ops: []history.Op{first}, Copies: ends(docs{"a": doc(1), "b": doc(9)})}, "documents"},
		"a write without an answer took place":     {history.Run{Ops: []history.Op{first, changed(second, unanswered)}, Copies: ends(docs{"a": doc(2)})}, ""},
		"a write without an answer did not":        {history.Run{Ops: []history.Op{first, changed(second, unanswered)}, Copies: ends(docs{"a": doc(1)})}, ""},
		"a refused write took place":               {history.Run{Ops: []history.Op{first, changed(second, unanswered, outcome(history.Refused))}, Copies: ends(docs{"a": doc(2)})}, ""},
		"an early write without an answer is last": {history.Run{Ops: []history.Op{changed(first, unanswered), second}, Copies: ends(docs{"a": doc(1)})}, ""},
		"writes at the same time, either order":    {history.Run{Ops: []history.Op{first, changed(second, func(o *history.Op) { o.Start = 3 })}, Copies: ends(docs{"a": doc(1)})}, ""},
		"a deleted document stands":                {history.Run{Ops: []history.Op{first, changed(second, deletes("a"))}, Copies: ends(docs{"a": doc(1)})}, "documents"},
		"a deleted document is gone":               {history.Run{Ops: []history.Op{first, changed(second, deletes("a"))}, Copies: ends(docs{})}, ""},
		"an update keeps other fields": {history.Run{Ops: []history.Op{first, changed(second, kind(history.Merge), func(o *history.Op) { o.Docs = docs{"a": {history.Next: 2}} })},
			Copies: ends(docs{"a": {history.First: 1, history.Next: 2}})}, ""},
		"an update loses other fields": {history.Run{Ops: []history.Op{first, changed(second, kind(history.Merge), func(o *history.Op) { o.Docs = docs{"a": {history.Next: 2}} })},
			Copies: ends(docs{"a": {history.Next: 2}})}, "documents"},
		"a deletion by filter spares others": {history.Run{Ops: []history.Op{first, changed(second, kind(history.Filter), func(o *history.Op) { o.Docs, o.Group = nil, 3 })},
			Copies: ends(docs{})}, "documents"},
		"copies differ": {history.Run{Ops: []history.Op{first, changed(second, unanswered)},
			Copies: []history.Copy{copyOf(0, "node-0", docs{"a": doc(2)}), copyOf(0, "node-1", docs{"a": doc(1)})}}, "copies"},
		"a copy lacks a document": {history.Run{Ops: []history.Op{first},
			Copies: []history.Copy{copyOf(0, "node-1", docs{}), copyOf(0, "node-0", docs{"a": doc(1)})}}, "copies"},
		"a document in two shards": {history.Run{Ops: []history.Op{first},
			Copies: []history.Copy{copyOf(0, "node-0", docs{"a": doc(1)}), copyOf(1, "node-0", docs{"a": doc(1)})}}, "once"},

		"a read before everybody knew":       {history.Run{Ops: []history.Op{first, saw(8, docs{})}, Copies: ends(docs{"a": doc(1)})}, ""},
		"a read misses what was known":       {history.Run{Ops: []history.Op{first, saw(20, docs{})}, Copies: ends(docs{"a": doc(1)})}, "missing"},
		"a degraded read misses it and says": {history.Run{Ops: []history.Op{first, changed(saw(20, docs{}), func(o *history.Op) { o.Degraded = "shards=0" })}, Copies: ends(docs{"a": doc(1)})}, ""},
		"a read may miss what is deleted":    {history.Run{Ops: []history.Op{first, changed(second, deletes("a")), saw(20, docs{})}, Copies: ends(docs{})}, ""},
		"a read shows what was overwritten":  {history.Run{Ops: []history.Op{first, second, saw(30, docs{"a": doc(1)})}, Copies: ends(docs{"a": doc(2)})}, "read"},
		"a read shows the older one in time": {history.Run{Ops: []history.Op{first, second, saw(20, docs{"a": doc(1)})}, Copies: ends(docs{"a": doc(2)})}, ""},
		"a read shows what is deleted":       {history.Run{Ops: []history.Op{first, changed(second, deletes("a")), saw(30, docs{"a": doc(1)})}, Copies: ends(docs{})}, "read"},
		"a read shows what nobody wrote":     {history.Run{Ops: []history.Op{first, saw(30, docs{"a": doc(7)})}, Copies: ends(docs{"a": doc(1)})}, "read"},
		"a read shows the future":            {history.Run{Ops: []history.Op{saw(2, docs{"a": doc(2)}), second}, Copies: ends(docs{"a": doc(2)})}, "read"},
		"a read shows a document twice":      {history.Run{Ops: []history.Op{first, changed(saw(30, docs{"a": doc(1)}), func(o *history.Op) { o.Twice = []string{"a"} })}, Copies: ends(docs{"a": doc(1)})}, "twice"},
		"a read counts too many":             {history.Run{Ops: []history.Op{first, changed(saw(30, docs{"a": doc(1)}), func(o *history.Op) { o.Total = 2 })}, Copies: ends(docs{"a": doc(1)})}, "total"},
		"facets count too many":              {history.Run{Ops: []history.Op{first, changed(saw(30, docs{"a": doc(1)}), kind(history.Search), func(o *history.Op) { o.Counted = 1 })}, Copies: ends(docs{"a": doc(1)})}, "facets"},
		"the last read shows something else": {history.Run{Ops: []history.Op{first}, Copies: ends(docs{"a": doc(1)}), Last: []history.Op{saw(90, docs{})}}, "last"},

		"two tasks of one uid":         {history.Run{Ops: []history.Op{first, changed(wrote(2, 0, 5, "b"), func(o *history.Op) { o.Task = 2 })}, Copies: ends(docs{"a": doc(1), "b": doc(2)})}, "uids"},
		"uids against time":            {history.Run{Ops: []history.Op{changed(first, func(o *history.Op) { o.Task = 9 }), second}, Copies: ends(docs{"a": doc(2)})}, "uids"},
		"an acknowledged write failed": {history.Run{Ops: []history.Op{changed(first, func(o *history.Op) { o.Ended = "failed" })}, Copies: ends(docs{"a": doc(1)})}, "tasks"},
		"an engine has no space": {history.Run{Ops: []history.Op{first, changed(second, func(o *history.Op) { o.Ended, o.Reason = "failed", noSpace[0] })}, Copies: ends(docs{"a": doc(1)}),
			Events: []history.Event{{Kind: "full", Process: "engine-1"}}}, ""},
		"an engine can not write": {history.Run{Ops: []history.Op{first, changed(second, func(o *history.Op) { o.Ended, o.Reason = "failed", noSpace[1] })}, Copies: ends(docs{"a": doc(1)}),
			Events: []history.Event{{Kind: "full", Process: "engine-1"}}}, ""},
		"though there was space":     {history.Run{Ops: []history.Op{first, changed(second, func(o *history.Op) { o.Ended, o.Reason = "failed", noSpace[0] })}, Copies: ends(docs{"a": doc(1)})}, "tasks"},
		"a task never ends":          {history.Run{Ops: []history.Op{changed(first, func(o *history.Op) { o.Ended, o.Seen = "", 0 })}, Copies: ends(docs{"a": doc(1)})}, "tasks"},
		"an answer nothing explains": {history.Run{Ops: []history.Op{changed(saw(3, nil), outcome(history.Wrong))}}, "answer"},
		"a flip is followed":         {history.Run{Ops: []history.Op{flip(1, 0, 5, "target-red"), follow(2, 6, 7, "target-red")}}, ""},
		"before it is answered":      {history.Run{Ops: []history.Op{flip(1, 0, 9, "target-red"), follow(2, 6, 7, "target-blue"), follow(3, 8, 9, "target-red")}}, ""},
		"a flip is not followed":     {history.Run{Ops: []history.Op{flip(1, 0, 5, "target-red"), follow(2, 6, 7, "target-blue")}}, "aliases"},
		"a flip goes back":           {history.Run{Ops: []history.Op{flip(1, 0, 9, "target-red"), follow(2, 2, 3, "target-red"), follow(3, 4, 5, "target-blue")}}, "aliases"},
		"gateways may not know yet":  {history.Run{Ops: []history.Op{changed(flip(1, 0, 5, "target-red"), func(o *history.Op) { o.Late = true }), follow(2, 6, 7, "target-blue")}}, ""},
		"a flip without an answer":   {history.Run{Ops: []history.Op{changed(flip(1, 0, 5, "target-red"), unanswered), follow(2, 6, 7, "target-blue"), follow(3, 8, 9, "target-red")}}, ""},
		"nobody flipped it there":    {history.Run{Ops: []history.Op{follow(2, 6, 7, "target-green")}}, "aliases"},

		"one leader after the other": {history.Run{Claims: []history.Claim{
			claim(history.Led, 5, 0, 2), claim(history.Wrote, 5, 3, 6), claim(history.Led, 7, 1, 9), claim(history.Wrote, 7, 10, 11), claim(history.Dethroned, 5, 10, 12),
		}}, ""},
		"two leaders at a time": {history.Run{Claims: []history.Claim{
			claim(history.Led, 5, 0, 2), claim(history.Led, 7, 1, 4), claim(history.Wrote, 7, 5, 6), claim(history.Wrote, 5, 7, 8),
		}}, "leaders"},
		"an older leader comes later":   {history.Run{Claims: []history.Claim{claim(history.Led, 7, 0, 2), claim(history.Led, 5, 3, 4)}}, "leaders"},
		"who was dethroned writes":      {history.Run{Claims: []history.Claim{claim(history.Led, 5, 0, 2), claim(history.Dethroned, 5, 3, 4), claim(history.Wrote, 5, 5, 6)}}, "leaders"},
		"who leads is refused for good": {history.Run{Claims: []history.Claim{claim(history.Led, 5, 0, 2), claim(history.Dethroned, 5, 3, 4), claim(history.Led, 7, 5, 6)}}, ""},

		"a process crashed":    {history.Run{Exits: []history.Exit{{Process: "gateway-0", Status: "exit status 2"}}}, "exit"},
		"a process was killed": {history.Run{Exits: []history.Exit{{Process: "gateway-0", Status: "signal: killed", Why: "kill"}}}, ""},
		"no rest":              {history.Run{Unsettled: "a copy is dirty"}, "settled"},

		"an index is made and shown": {history.Run{Ops: []history.Op{index(history.Create, 1, 0, 5, "x", "k", ""), index(history.Show, 2, 6, 7, "x", "k", "")}}, ""},
		"it is not shown":            {history.Run{Ops: []history.Op{index(history.Create, 1, 0, 5, "x", "k", ""), index(history.Show, 2, 6, 7, "x", "", "")}}, "catalog"},
		"it is made twice":           {history.Run{Ops: []history.Op{index(history.Create, 1, 0, 5, "x", "k", ""), index(history.Create, 2, 6, 9, "x", "l", "")}}, "catalog"},
		"the second time fails":      {history.Run{Ops: []history.Op{index(history.Create, 1, 0, 5, "x", "k", ""), index(history.Create, 2, 6, 9, "x", "l", alreadyExists)}}, ""},
		"it fails for nothing":       {history.Run{Ops: []history.Op{index(history.Create, 2, 6, 9, "x", "l", alreadyExists)}}, "catalog"},
		"two are swapped": {history.Run{Ops: []history.Op{index(history.Create, 1, 0, 3, "x", "k", ""), index(history.Create, 2, 4, 6, "y", "l", ""),
			changed(index(history.Swap, 3, 7, 9, "x", "", ""), func(o *history.Op) { o.Other = "y" }), index(history.Show, 4, 10, 11, "x", "l", "")}}, ""},
		"half a swap": {history.Run{Ops: []history.Op{index(history.Create, 1, 0, 3, "x", "k", ""), index(history.Create, 2, 4, 6, "y", "l", ""),
			changed(index(history.Swap, 3, 7, 9, "x", "", ""), func(o *history.Op) { o.Other = "y" }),
			index(history.Show, 4, 10, 11, "x", "l", ""), index(history.Show, 5, 12, 13, "y", "l", "")}}, "catalog"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := map[string]bool{}
			for _, v := range Run(&c.run) {
				rules[v.Rule] = true
				if c.rule == "" || v.Rule != c.rule {
					t.Error(v)
				}
			}
			if c.rule != "" && !rules[c.rule] {
				t.Errorf("it was not found, only %v", strings.Join(sorted(rules), " "))
			}
		})
	}
}
