package meili

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// Time prints as Meilisearch prints times: RFC 3339 in UTC with as many digits as needed.
type Time time.Time

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Time(t).UTC().Format(time.RFC3339Nano))
}

// Task is the task object of GET /tasks and GET /tasks/{uid} (TK-3).
type Task struct {
	UID            uint32
	BatchUID       *uint32
	IndexUID       *string
	Status         string
	Type           string
	CanceledBy     *uint32
	Details        json.RawMessage
	Error          *apierr.Error
	EnqueuedAt     time.Time
	StartedAt      *time.Time
	FinishedAt     *time.Time
	CustomMetadata *string
}

// MarshalJSON implements json.Marshaler with Meilisearch's members and order.
func (t Task) MarshalJSON() ([]byte, error) {
	var duration *string
	if t.StartedAt != nil && t.FinishedAt != nil {
		d := Duration(t.FinishedAt.Sub(*t.StartedAt))
		duration = &d
	}
	return rawjson.Marshal(struct {
		UID            uint32          `json:"uid"`
		BatchUID       *uint32         `json:"batchUid"`
		IndexUID       *string         `json:"indexUid"`
		Status         string          `json:"status"`
		Type           string          `json:"type"`
		CanceledBy     *uint32         `json:"canceledBy"`
		Details        json.RawMessage `json:"details,omitempty"`
		Error          *apierr.Error   `json:"error"`
		Duration       *string         `json:"duration"`
		EnqueuedAt     Time            `json:"enqueuedAt"`
		StartedAt      *Time           `json:"startedAt"`
		FinishedAt     *Time           `json:"finishedAt"`
		CustomMetadata *string         `json:"customMetadata,omitempty"`
	}{
		t.UID, t.BatchUID, t.IndexUID, t.Status, t.Type, t.CanceledBy, t.Details, t.Error, duration, Time(t.EnqueuedAt),
		(*Time)(t.StartedAt), (*Time)(t.FinishedAt), t.CustomMetadata,
	})
}

// SummarizedTask answers an enqueued task.
type SummarizedTask struct {
	TaskUID        uint32
	IndexUID       *string
	Status         string
	Type           string
	EnqueuedAt     time.Time
	CustomMetadata *string
}

// MarshalJSON implements json.Marshaler with Meilisearch's members and order.
func (t SummarizedTask) MarshalJSON() ([]byte, error) {
	return rawjson.Marshal(struct {
		TaskUID        uint32  `json:"taskUid"`
		IndexUID       *string `json:"indexUid"`
		Status         string  `json:"status"`
		Type           string  `json:"type"`
		EnqueuedAt     Time    `json:"enqueuedAt"`
		CustomMetadata *string `json:"customMetadata,omitempty"`
	}{t.TaskUID, t.IndexUID, t.Status, t.Type, Time(t.EnqueuedAt), t.CustomMetadata})
}

// Duration writes a duration in ISO 8601 as Meilisearch does: PT0.008120430S, PT61.500S or P1DT2S.
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	d = max(0, d)
	out := "P"
	if d >= day {
		out += fmt.Sprintf("%dD", d/day)
		if d %= day; d == 0 {
			return out
		}
	}
	seconds, nanos := d/time.Second, d%time.Second
	switch {
	case nanos == 0:
		return out + fmt.Sprintf("T%dS", seconds)
	case nanos%time.Millisecond == 0:
		return out + fmt.Sprintf("T%d.%03dS", seconds, nanos/time.Millisecond)
	case nanos%time.Microsecond == 0:
		return out + fmt.Sprintf("T%d.%06dS", seconds, nanos/time.Microsecond)
	}
	return out + fmt.Sprintf("T%d.%09dS", seconds, nanos)
}
