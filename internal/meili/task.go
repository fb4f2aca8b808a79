package meili

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/task"
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
	return json.Marshal(struct {
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
	return json.Marshal(struct {
		TaskUID        uint32  `json:"taskUid"`
		IndexUID       *string `json:"indexUid"`
		Status         string  `json:"status"`
		Type           string  `json:"type"`
		EnqueuedAt     Time    `json:"enqueuedAt"`
		CustomMetadata *string `json:"customMetadata,omitempty"`
	}{t.TaskUID, t.IndexUID, t.Status, t.Type, Time(t.EnqueuedAt), t.CustomMetadata})
}

// Duration writes a duration in ISO 8601 as Meilisearch does, such as PT0.123456789S or PT61.5S.
func Duration(d time.Duration) string {
	d = max(0, d)
	s := fmt.Sprintf("%d.%09d", d/time.Second, d%time.Second)
	return "PT" + strings.TrimSuffix(strings.TrimRight(s, "0"), ".") + "S"
}

// ParseTaskUID reads the path segment of GET /tasks/{uid}.
func ParseTaskUID(s string) (uint32, *apierr.Error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, apierr.New("invalid_task_uids", "Task uid `%s` is invalid. It should only contain numeric characters.", s)
	}
	return uint32(n), nil
}

// TaskQuery are the query parameters of GET /tasks.
type TaskQuery struct {
	Filter  task.Filter
	Limit   uint32
	From    *uint32
	Reverse bool
}

// Lists of the values that task filters accept, in the order in which errors name them.
var (
	taskTypes = []string{
		"documentAdditionOrUpdate", "documentEdition", "documentDeletion", "settingsUpdate", "indexCreation", "indexDeletion",
		"indexUpdate", "indexSwap", "taskCancelation", "taskDeletion", "dumpCreation", "snapshotCreation", "export",
		"upgradeDatabase", "indexCompaction", "networkTopologyChange", "dsrUpdate", "dsrClear",
	}
	taskStatuses = []string{task.Enqueued, task.Processing, task.Succeeded, task.Failed, task.Canceled}
)

// ParseTaskQuery reads the query string of GET /tasks.
func ParseTaskQuery(query string) (TaskQuery, *apierr.Error) {
	q := TaskQuery{Limit: defaultLimit}
	list, e := queryParameters(query, "limit", "from", "reverse", "batchUids", "uids", "canceledBy", "types", "statuses",
		"indexUids", "afterEnqueuedAt", "beforeEnqueuedAt", "afterStartedAt", "beforeStartedAt", "afterFinishedAt", "beforeFinishedAt")
	for i := 0; e == nil && i < len(list); i++ {
		e = q.set(list[i].name, string(list[i].value))
	}
	return q, e
}

func (q *TaskQuery) set(name, value string) (e *apierr.Error) {
	var n uint64
	f := &q.Filter
	switch name {
	case "limit":
		n, e = parseUint("invalid_task_limit", name, value, 32)
		q.Limit = uint32(n) //nolint:gosec // parsed with 32 bits
	case "from":
		n, e = parseUint("invalid_task_from", name, value, 32)
		from := uint32(n) //nolint:gosec // parsed with 32 bits
		q.From = &from
	case "reverse":
		q.Reverse, e = parseBool("invalid_task_reverse", name, value)
	case "batchUids":
		f.BatchUIDs, e = parseUIDs("invalid_batch_uids", name, value)
	case "uids":
		f.UIDs, e = parseUIDs("invalid_task_uids", name, value)
	case "canceledBy":
		f.CanceledBy, e = parseUIDs("invalid_task_canceled_by", name, value)
	case "types":
		f.Types, e = parseNames("invalid_task_types", name, value, taskTypes, "type", "Available types are")
	case "statuses":
		f.Statuses, e = parseNames("invalid_task_statuses", name, value, taskStatuses, "status", "Available statuses are")
	case "indexUids":
		f.IndexUIDs, e = parseIndexUIDs(name, value)
	default:
		e = q.setTime(name, value)
	}
	return e
}

func (q *TaskQuery) setTime(name, value string) *apierr.Error {
	f := &q.Filter
	bounds := map[string]struct {
		code apierr.Code
		to   **time.Time
	}{
		"afterEnqueuedAt":  {"invalid_task_after_enqueued_at", &f.AfterEnqueued},
		"beforeEnqueuedAt": {"invalid_task_before_enqueued_at", &f.BeforeEnqueued},
		"afterStartedAt":   {"invalid_task_after_started_at", &f.AfterStarted},
		"beforeStartedAt":  {"invalid_task_before_started_at", &f.BeforeStarted},
		"afterFinishedAt":  {"invalid_task_after_finished_at", &f.AfterFinished},
		"beforeFinishedAt": {"invalid_task_before_finished_at", &f.BeforeFinished},
	}
	b := bounds[name]
	if value == "*" {
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		if t, err = time.Parse(time.DateOnly, value); err == nil && strings.HasPrefix(name, "after") {
			t = t.AddDate(0, 0, 1).Add(-time.Nanosecond) // a plain date excludes the whole day
		}
	}
	if err != nil {
		return badParameter(b.code, name, "`%s` is an invalid date-time. It should follow the YYYY-MM-DD or RFC 3339 date-time format.", value)
	}
	*b.to = &t
	return nil
}

func parseUIDs(code apierr.Code, name, value string) ([]uint32, *apierr.Error) {
	if value == "*" {
		return nil, nil
	}
	out := []uint32{}
	for part := range strings.SplitSeq(value, ",") {
		if part == "" {
			continue
		}
		n, e := parseUint(code, name, part, 32)
		if e != nil {
			return nil, e
		}
		out = append(out, uint32(n)) //nolint:gosec // parsed with 32 bits
	}
	return out, nil
}

func parseNames(code apierr.Code, name, value string, known []string, what, available string) ([]string, *apierr.Error) {
	if value == "*" {
		return nil, nil
	}
	out := []string{}
	for part := range strings.SplitSeq(value, ",") {
		if part == "" {
			continue
		}
		at := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, part) })
		if at < 0 {
			return nil, badParameter(code, name, "`%s` is not a valid task %s. %s %s.", part, what, available, quoteAll(known))
		}
		out = append(out, known[at])
	}
	return out, nil
}

func parseIndexUIDs(name, value string) ([]string, *apierr.Error) {
	if value == "*" {
		return nil, nil
	}
	out := []string{}
	for part := range strings.SplitSeq(value, ",") {
		if !ValidIndexUID(part) {
			return nil, badParameter("invalid_index_uid", name, "`%s` %s", part, uidRule)
		}
		out = append(out, part)
	}
	return out, nil
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}
