package taskview

import (
	"encoding/json"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/task"
)

// Of is the task object that clients see. The error is seal.ErrNotOpened when secrets in its details could not be opened;
// they are left out then, and the rest is good.
func Of(r *task.Record, box *seal.Box) (meili.Task, error) {
	batch := &r.UID // every task that was started is a batch of its own
	if r.Status == task.Enqueued {
		batch = nil
	}
	details, err := Details(r, box)
	if len(details) == 0 {
		details = json.RawMessage("null")
	}
	return meili.Task{
		UID: r.UID, BatchUID: batch, IndexUID: r.IndexUID, Status: r.Status, Type: r.Type, CanceledBy: r.CanceledBy,
		Details: details, Error: r.Error, EnqueuedAt: r.EnqueuedAt, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt,
		CustomMetadata: r.CustomMetadata,
	}, err
}

// Details are those of a task as clients see them. What Meilisearch shows of the secrets in settings, the record has sealed.
// The error is that of Of.
func Details(r *task.Record, box *seal.Box) (json.RawMessage, error) {
	if r.Type != task.SettingsUpdate {
		return r.Details, nil
	}
	opened, err := box.OpenSettings(seal.TaskPlace(r.UID), r.Details)
	return meili.MaskSettings(opened), err
}
