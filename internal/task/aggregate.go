package task

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// Outcome is what one node says about its part of a task.
type Outcome struct {
	Node    string
	Known   bool // false: the node could not be asked, or never had the task
	Status  string
	Details json.RawMessage
	Error   *apierr.Error
	Started time.Time // zero when not started
	Ended   time.Time // zero when not finished
}

// engineTask is the part of an engine's task object that aggregation reads.
type engineTask struct {
	Status     string          `json:"status"`
	Details    json.RawMessage `json:"details"`
	Error      *apierr.Error   `json:"error"`
	StartedAt  *time.Time      `json:"startedAt"`
	FinishedAt *time.Time      `json:"finishedAt"`
}

// ReadOutcome turns an engine's task object into the outcome of a node.
func ReadOutcome(node string, object []byte) (Outcome, error) {
	var t engineTask
	if err := json.Unmarshal(object, &t); err != nil {
		return Outcome{Node: node}, err
	}
	o := Outcome{Node: node, Known: true, Status: t.Status, Details: t.Details, Error: t.Error}
	if t.StartedAt != nil {
		o.Started = *t.StartedAt
	}
	if t.FinishedAt != nil {
		o.Ended = *t.FinishedAt
	}
	return o, nil
}

// Aggregate returns the record as the outcomes of its targets make it (TK-4, TK-6): any failed part fails the task with
// the error of the lowest shard, all parts canceled cancel it, all parts ended finish it, any started part makes it
// processing. Parts that nobody could be asked about keep it open. Counts in the details become client scale: the sum
// over the first group whose parts all finished, divided by the copies per group.
func Aggregate(r Record, outcomes []Outcome) Record {
	if r.Done() {
		return r
	}
	byNode := make(map[string]Outcome, len(outcomes))
	for _, o := range outcomes {
		byNode[o.Node] = o
	}
	var known []Outcome
	waiting := 0
	for _, t := range orderedTargets(r.Targets) {
		if t.Missed {
			continue
		}
		o, ok := byNode[t.Node]
		if !ok || !o.Known {
			waiting++
			continue
		}
		known = append(known, forgive(r.Type, o))
	}
	if len(known) == 0 {
		return r
	}
	r.StartedAt = startOf(known)
	status, failure := verdict(known)
	if status == Failed {
		r.Error = failure
	}
	if waiting > 0 && Final(status) || !allFinal(known) {
		r.Error = nil
		r.Status = Processing
		if r.StartedAt == nil {
			r.Status = Enqueued
		}
		return r
	}
	r.Status = status
	if Final(status) {
		r.FinishedAt = endOf(known)
		for _, o := range known {
			if o.Status == Canceled && status == Succeeded {
				delete(byNode, o.Node) // what was stopped there counts nowhere
			}
		}
		r.Details = mergeDetails(r, byNode)
	}
	if status == Canceled {
		r.CanceledBy = r.Canceling
	}
	return r
}

// forgive turns the failure of an effect that is there already into success: an index that a node deletes is gone as
// well when the node's own clean-up was faster.
func forgive(kind string, o Outcome) Outcome {
	if kind == IndexDeletion && o.Status == Failed && o.Error != nil && o.Error.Code == apierr.IndexNotFound {
		o.Status, o.Error = Succeeded, nil
	}
	return o
}

// orderedTargets sorts targets by group and then by their lowest shard, which decides whose error is shown.
func orderedTargets(targets []Target) []Target {
	sorted := slices.Clone(targets)
	slices.SortStableFunc(sorted, func(a, b Target) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(lowest(a.Shards), lowest(b.Shards)), cmp.Compare(a.Node, b.Node))
	})
	return sorted
}

func lowest(shards string) int {
	n := 0
	for _, c := range shards {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func verdict(known []Outcome) (string, *apierr.Error) {
	canceled := 0
	for _, o := range known {
		switch o.Status {
		case Failed:
			return Failed, o.Error
		case Canceled:
			canceled++
		}
	}
	if canceled == len(known) {
		return Canceled, nil
	}
	if !allFinal(known) {
		return Processing, nil
	}
	return Succeeded, nil
}

func allFinal(known []Outcome) bool {
	return !slices.ContainsFunc(known, func(o Outcome) bool { return !Final(o.Status) })
}

func startOf(known []Outcome) *time.Time {
	var first *time.Time
	for _, o := range known {
		if !o.Started.IsZero() && (first == nil || o.Started.Before(*first)) {
			first = &o.Started
		}
	}
	return first
}

func endOf(known []Outcome) *time.Time {
	var last *time.Time
	for _, o := range known {
		if last == nil || o.Ended.After(*last) {
			last = &o.Ended
		}
	}
	return last
}

// counted are the details that nodes count for themselves and that add up over shards.
var counted = []string{"indexedDocuments", "deletedDocuments", "editedDocuments"}

// mergeDetails puts the summed counts of one group into the record's own details. What the client sent (received
// documents, ids, filters) was counted by the gateway and stays.
func mergeDetails(r Record, byNode map[string]Outcome) json.RawMessage {
	var own map[string]json.RawMessage
	if json.Unmarshal(r.Details, &own) != nil || own == nil {
		return r.Details
	}
	sums := groupSums(r, byNode)
	changed := false
	for _, name := range counted {
		if _, has := own[name]; !has {
			continue
		}
		sum := sums[name]
		if received, known := number(own["receivedDocuments"]); known && name == "indexedDocuments" {
			sum = min(sum, received) // where copies are missing the sum is an estimate
		}
		if r.Status != Succeeded {
			if r.Type == DocumentEdition && name == "deletedDocuments" {
				continue // as an engine leaves it
			}
			sum = 0
		}
		own[name], _ = json.Marshal(sum)
		changed = true
	}
	if !changed {
		return r.Details
	}
	return appendDetails(r.Details, own)
}

// groupSums adds the counts of the first group whose targets all answered, per copy; where no group is whole, of the
// first that answered at all.
func groupSums(r Record, byNode map[string]Outcome) map[string]int64 {
	groups := map[int][]Target{}
	for _, t := range r.Targets {
		groups[t.Group] = append(groups[t.Group], t)
	}
	ids := slices.Sorted(maps.Keys(groups))
	for _, whole := range []bool{true, false} {
		for _, g := range ids {
			sums := map[string]int64{}
			var answered []Target
			for _, t := range groups[g] {
				if o, ok := byNode[t.Node]; ok && o.Known && !t.Missed {
					answered = append(answered, t)
					addCounts(sums, o.Details)
				}
			}
			if len(answered) == 0 || whole && len(answered) < len(groups[g]) {
				continue
			}
			copies, shards := copiesAnswered(answered, r.RF)
			for name, n := range sums {
				sums[name] = n * int64(shards) / int64(copies)
			}
			return sums
		}
	}
	return nil
}

// copiesAnswered counts the copies of shards behind the answers and the distinct shards among them. Targets that name
// no shards count as rf copies of one.
func copiesAnswered(answered []Target, rf int) (copies, shards int) {
	distinct := map[int]bool{}
	for _, t := range answered {
		list, err := shardmap.ParseRanges(t.Shards, shardmap.MaxShards)
		if err != nil {
			continue
		}
		copies += len(list)
		for _, s := range list {
			distinct[s] = true
		}
	}
	if copies == 0 {
		return max(1, rf), 1
	}
	return copies, len(distinct)
}

// number reads a whole number.
func number(raw json.RawMessage) (n int64, ok bool) {
	ok = len(raw) > 0 && json.Unmarshal(raw, &n) == nil
	return n, ok
}

func addCounts(sums map[string]int64, details json.RawMessage) {
	var m map[string]json.RawMessage
	if json.Unmarshal(details, &m) != nil {
		return
	}
	for _, name := range counted {
		n, _ := number(m[name])
		sums[name] += n
	}
}
