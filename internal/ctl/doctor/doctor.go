package doctor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/webhook"
)

// Severity says what a finding means.
type Severity string

// Severities. A wrong record keeps a part of the cluster from working; a loose end does no harm; a note is only told.
const (
	Wrong Severity = "wrong"
	Loose Severity = "loose"
	Note  Severity = "note"
)

// Finding is one thing that is not as it should be.
type Finding struct {
	Severity Severity `json:"severity"`
	Key      string   `json:"key"`
	Text     string   `json:"text"`
}

// Bounds of the keyspace (ET-1, spec §12).
const (
	maxValue = 1 << 20
	maxTasks = 50_000
	maxTotal = 512 << 20
)

// family is a kind of records. check says what is wrong with one; empty for nothing.
type family struct {
	prefix string
	check  func(name string, value []byte) string
	leased bool // its keys must belong to a session
}

// families lists what is known, longer prefixes first.
var families = []family{
	{state.KeySchema, versioned, false},
	{routing.KeyCluster, decodes[routing.ClusterRecord], false},
	{routing.FamilyGroups, decodes[routing.GroupRecord], false},
	{routing.FamilyNodes, decodes[routing.NodeRecord], false},
	{routing.FamilyHealth, decodes[routing.HealthRecord], true},
	{routing.FamilyAliases, decodes[routing.AliasRecord], false},
	{routing.FamilyIndexes, decodes[routing.IndexRecord], false},
	{routing.FamilyPlacement, decodes[routing.PlacementRecord], false},
	{routing.FamilySettings, decodes[routing.SettingsRecord], false},
	{routing.FamilyNodeSettings, decodes[routing.NodeSettingsRecord], false},
	{routing.FamilyDirty, decodes[routing.DirtyRecord], false},
	{routing.KeyFeatures, decodes[routing.FeaturesRecord], false},
	{"keys/", checkKey, false},
	{"webhooks/", checkWebhook, false},
	{"webhook_cursors/", versioned, false},
	{"tasks/open/", func(name string, value []byte) string { return checkTask(name, value, false) }, false},
	{"tasks/done/", func(name string, value []byte) string { return checkTask(name, value, true) }, false},
	{state.FamilyIdempotency, versioned, true},
	{state.FamilySessions, versioned, true},
	{state.FamilyActivity, versioned, true},
	{"workflows/", checkWorkflow, false},
	{state.FamilyCancelations, versioned, false},
	{"members/", versioned, true},
	{"elections/", versioned, true},
	{"seq/", versioned, false},
	{state.KeyDoubt, versioned, false},
}

// decodes checks a record of the routing view with the reader that gateways use.
func decodes[R routing.NodeRecord | routing.HealthRecord | routing.GroupRecord | routing.ClusterRecord | routing.IndexRecord |
	routing.PlacementRecord | routing.SettingsRecord | routing.DirtyRecord | routing.NodeSettingsRecord | routing.FeaturesRecord |
	routing.AliasRecord](_ string, value []byte) string {
	if _, err := routing.Decode[R](value); err != nil {
		return err.Error()
	}
	return ""
}

func checkKey(name string, value []byte) string {
	if _, err := key.Decode(name, value); err != nil {
		return err.Error()
	}
	return ""
}

func checkWebhook(name string, value []byte) string {
	if _, err := webhook.Decode(name, value); err != nil {
		return err.Error()
	}
	return ""
}

func checkTask(name string, value []byte, done bool) string {
	var r task.Record
	if err := json.Unmarshal(value, &r); err != nil {
		return err.Error()
	}
	switch {
	case r.V != task.Version:
		return fmt.Sprintf("version %d is unknown", r.V)
	case fmt.Sprintf("%010d", r.UID) != name:
		return fmt.Sprintf("it is the record of task %d", r.UID)
	case r.Done() != done:
		return "its status " + r.Status + " does not belong here"
	}
	return ""
}

// checkWorkflow reads of a workflow what all kinds have.
func checkWorkflow(name string, value []byte) string {
	var r struct {
		V                      int
		Kind, ID, State, Phase string
		Token                  int64
	}
	if err := json.Unmarshal(value, &r); err != nil {
		return err.Error()
	}
	kind, id, _ := strings.Cut(name, "/")
	switch {
	case r.V != 1:
		return fmt.Sprintf("version %d is unknown", r.V)
	case r.Kind != kind || r.ID != id:
		return "it is the record of another workflow"
	case r.State == "running" && r.Phase == "":
		return "it runs and has no phase"
	case r.Token == 0:
		return "no leader wrote it"
	}
	return ""
}

func versioned(_ string, value []byte) string {
	var head struct{ V int }
	if err := json.Unmarshal(value, &head); err != nil {
		return err.Error()
	}
	if head.V != 1 {
		return fmt.Sprintf("version %d is unknown", head.V)
	}
	return ""
}

// Examine judges all entries of a cluster.
func Examine(entries []state.Entry) []Finding {
	var found []Finding
	total, tasks := 0, 0
	for _, e := range entries {
		total += len(e.Key) + len(e.Value)
		if strings.HasPrefix(e.Key, "tasks/") {
			tasks++
		}
		found = append(found, single(e)...)
	}
	if tasks > maxTasks {
		found = append(found, Finding{Loose, "tasks/", fmt.Sprintf("%d records, the bound is %d: is no coordinator pruning?", tasks, maxTasks)})
	}
	if total > maxTotal {
		found = append(found, Finding{Wrong, "", fmt.Sprintf("%d MiB of live records, the budget is %d", total>>20, maxTotal>>20)})
	}
	found = append(found, together(entries)...)
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank[a.Severity], rank[b.Severity]), cmp.Compare(a.Key, b.Key))
	})
	return found
}

var rank = map[Severity]int{Wrong: 0, Loose: 1, Note: 2}

// single judges an entry by itself.
func single(e state.Entry) []Finding {
	if len(e.Value) > maxValue {
		return []Finding{{Wrong, e.Key, "larger than 1 MiB"}}
	}
	if bytes.ContainsAny(e.Value, "\n\r") {
		return []Finding{{Loose, e.Key, "not on one line"}}
	}
	at := slices.IndexFunc(families, func(f family) bool { return strings.HasPrefix(e.Key, f.prefix) })
	if at < 0 {
		return []Finding{{Note, e.Key, "of a family that this program does not know"}}
	}
	f := families[at]
	if text := f.check(strings.TrimPrefix(e.Key, f.prefix), e.Value); text != "" {
		return []Finding{{Wrong, e.Key, text}}
	}
	if f.leased && !e.Leased {
		return []Finding{{Loose, e.Key, "belongs to no session and would never vanish"}}
	}
	return nil
}
