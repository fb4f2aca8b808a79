package meili

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/task"
)

// Batch is the batch object of GET /batches and GET /batches/{uid} for a batch of one task.
type Batch struct {
	UID        uint32
	Progress   json.RawMessage // nil for none
	Details    json.RawMessage // nil for none
	Status     string
	Type       string
	IndexUID   *string
	Stats      BatchStats
	StartedAt  time.Time
	FinishedAt *time.Time
}

// BatchStats are statistics that only whoever did the work can tell. Members that are nil are left out.
type BatchStats struct {
	ProgressTrace          json.RawMessage `json:"progressTrace,omitempty"`
	WriteChannelCongestion json.RawMessage `json:"writeChannelCongestion,omitempty"`
	InternalDatabaseSizes  json.RawMessage `json:"internalDatabaseSizes,omitempty"`
	EmbedderRequests       json.RawMessage `json:"embedderRequests,omitempty"`
}

// MarshalJSON implements json.Marshaler with Meilisearch's members and order.
func (b Batch) MarshalJSON() ([]byte, error) {
	type stats struct {
		TotalNbTasks int            `json:"totalNbTasks"`
		Status       map[string]int `json:"status"`
		Types        map[string]int `json:"types"`
		IndexUIDs    map[string]int `json:"indexUids"`
		BatchStats
	}
	indexes := map[string]int{}
	if b.IndexUID != nil {
		indexes[*b.IndexUID] = 1
	}
	var duration *string
	if b.FinishedAt != nil {
		d := Duration(b.FinishedAt.Sub(b.StartedAt))
		duration = &d
	}
	if len(b.Details) == 0 {
		b.Details = json.RawMessage("{}")
	}
	if len(b.Progress) == 0 {
		b.Progress = json.RawMessage("null")
	}
	return rawjson.Marshal(struct {
		UID           uint32          `json:"uid"`
		Progress      json.RawMessage `json:"progress"`
		Details       json.RawMessage `json:"details"`
		Stats         stats           `json:"stats"`
		Duration      *string         `json:"duration"`
		StartedAt     Time            `json:"startedAt"`
		FinishedAt    *Time           `json:"finishedAt"`
		BatchStrategy string          `json:"batchStrategy"`
	}{
		b.UID, b.Progress, b.Details, stats{1, map[string]int{b.Status: 1}, map[string]int{b.Type: 1}, indexes, b.Stats},
		duration, Time(b.StartedAt), (*Time)(b.FinishedAt), batchStrategy(b.UID, b.Type),
	})
}

// batchStrategy says why a batch has no more tasks than this one.
func batchStrategy(uid uint32, kind string) string {
	switch kind {
	case task.DocumentAddition, task.DocumentDeletion, task.SettingsUpdate:
		return "batched all enqueued tasks"
	case task.IndexDeletion:
		return fmt.Sprintf("stopped after task with id %d because it deletes the index", uid)
	case task.TaskDeletion, "snapshotCreation":
		return fmt.Sprintf("stopped after the last task of type `%s` because they cannot be batched with tasks of any other type.", kind)
	}
	return fmt.Sprintf("created batch containing only task with id %d of type `%s` that cannot be batched with any other task.", uid, kind)
}
