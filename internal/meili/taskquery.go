package meili

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/task"
)

// ParseTaskUID reads the path segment of GET /tasks/{uid}.
func ParseTaskUID(s string) (uint32, *apierr.Error) {
	return pathUID(s, apierr.InvalidTaskUIDs, "Task")
}

// ParseBatchUID reads the path segment of GET /batches/{uid}.
func ParseBatchUID(s string) (uint32, *apierr.Error) {
	return pathUID(s, apierr.InvalidBatchUIDs, "Batch")
}

func pathUID(s string, code apierr.Code, what string) (uint32, *apierr.Error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 32)
	if err != nil {
		return 0, apierr.New(code, "%s uid `%s` is invalid. It should only contain numeric characters.", what, s)
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

// taskParameters are the names of GET /tasks, taskFilters those of cancelations and deletions.
var (
	taskParameters = []string{
		"limit", "from", "reverse", "batchUids", "uids", "canceledBy", "types", "statuses", "indexUids", "afterEnqueuedAt",
		"beforeEnqueuedAt", "afterStartedAt", "beforeStartedAt", "afterFinishedAt", "beforeFinishedAt",
	}
	taskFilters = []string{
		"uids", "batchUids", "canceledBy", "types", "statuses", "indexUids", "afterEnqueuedAt", "beforeEnqueuedAt",
		"afterStartedAt", "beforeStartedAt", "afterFinishedAt", "beforeFinishedAt",
	}
)

// ParseTaskQuery reads the query string of GET /tasks.
func ParseTaskQuery(query string) (TaskQuery, *apierr.Error) {
	q := TaskQuery{Limit: defaultLimit}
	e := readQuery(query, taskParameters, func(p parameter) (e *apierr.Error) {
		var n uint64
		switch p.name {
		case "limit":
			n, e = p.uint(apierr.InvalidTaskLimit, 32)
			q.Limit = uint32(n) //nolint:gosec // parsed with 32 bits
		case "from":
			n, e = p.uint(apierr.InvalidTaskFrom, 32)
			from := uint32(n) //nolint:gosec // parsed with 32 bits
			q.From = &from
		case "reverse":
			q.Reverse, e = p.boolean(apierr.InvalidTaskReverse)
		default:
			e = setTaskFilter(&q.Filter, p)
		}
		return e
	})
	return q, e
}

// ParseTaskCancelation reads the query string of POST /tasks/cancel, which must name a filter.
func ParseTaskCancelation(query string) (task.Filter, *apierr.Error) {
	return parseTaskFilter(query, "cancel")
}

// ParseTaskDeletion reads the query string of DELETE /tasks, which must name a filter.
func ParseTaskDeletion(query string) (task.Filter, *apierr.Error) {
	return parseTaskFilter(query, "delete")
}

func parseTaskFilter(query, verb string) (task.Filter, *apierr.Error) {
	var f task.Filter
	given := false
	e := readQuery(query, taskFilters, func(p parameter) *apierr.Error {
		given = true
		return setTaskFilter(&f, p)
	})
	if e == nil && !given {
		e = apierr.New(apierr.MissingTaskFilters, "Query parameters to filter the tasks to %s are missing. Available query parameters are: "+
			"`uids`, `indexUids`, `statuses`, `types`, `canceledBy`, `beforeEnqueuedAt`, `afterEnqueuedAt`, `beforeStartedAt`, "+
			"`afterStartedAt`, `beforeFinishedAt`, `afterFinishedAt`.", verb)
	}
	return f, e
}

func setTaskFilter(f *task.Filter, p parameter) (e *apierr.Error) {
	switch p.name {
	case "batchUids":
		f.BatchUIDs, e = p.uids(apierr.InvalidBatchUIDs)
	case "uids":
		f.UIDs, e = p.uids(apierr.InvalidTaskUIDs)
	case "canceledBy":
		f.CanceledBy, e = p.uids(apierr.InvalidTaskCanceledBy)
	case "types":
		f.Types, e = p.names(apierr.InvalidTaskTypes, taskTypes, "type", "Available types are")
	case "statuses":
		f.Statuses, e = p.names(apierr.InvalidTaskStatuses, taskStatuses, "status", "Available statuses are")
	case "indexUids":
		f.IndexUIDs, e = p.indexUIDs()
	case "afterEnqueuedAt":
		f.AfterEnqueued, e = p.date(apierr.InvalidTaskAfterEnqueuedAt, true)
	case "beforeEnqueuedAt":
		f.BeforeEnqueued, e = p.date(apierr.InvalidTaskBeforeEnqueuedAt, false)
	case "afterStartedAt":
		f.AfterStarted, e = p.date(apierr.InvalidTaskAfterStartedAt, true)
	case "beforeStartedAt":
		f.BeforeStarted, e = p.date(apierr.InvalidTaskBeforeStartedAt, false)
	case "afterFinishedAt":
		f.AfterFinished, e = p.date(apierr.InvalidTaskAfterFinishedAt, true)
	case "beforeFinishedAt":
		f.BeforeFinished, e = p.date(apierr.InvalidTaskBeforeFinishedAt, false)
	}
	return e
}

// each visits the elements of a comma-separated value; star says that one of them was a star, which selects everything.
// Errors name the element where there are several.
func (p parameter) each(visit func(at parameter) *apierr.Error) (star bool, e *apierr.Error) {
	list := slices.DeleteFunc(strings.Split(p.value, ","), func(s string) bool { return s == "" })
	for i, value := range list {
		if value == "*" {
			star = true
			continue
		}
		at := parameter{p.name, value}
		if len(list) > 1 {
			at.name += "[" + strconv.Itoa(i) + "]"
		}
		if e := visit(at); e != nil {
			return false, e
		}
	}
	return star, nil
}

func (p parameter) uids(code apierr.Code) ([]uint32, *apierr.Error) {
	out := []uint32{}
	star, e := p.each(func(at parameter) *apierr.Error {
		n, e := at.uint(code, 32)
		out = append(out, uint32(n)) //nolint:gosec // parsed with 32 bits
		return e
	})
	if star {
		out = nil
	}
	return out, e
}

func (p parameter) names(code apierr.Code, known []string, what, available string) ([]string, *apierr.Error) {
	out := []string{}
	star, e := p.each(func(at parameter) *apierr.Error {
		i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, at.value) })
		if i < 0 {
			return at.place(code).invalid("`" + at.value + "` is not a valid task " + what + ". " + available + " " + quoteAll(known) + ".")
		}
		out = append(out, known[i])
		return nil
	})
	if star {
		out = nil
	}
	return out, e
}

func (p parameter) indexUIDs() ([]string, *apierr.Error) {
	out := []string{}
	star, e := p.each(func(at parameter) *apierr.Error {
		if !ValidIndexUID(at.value) {
			return at.place(apierr.InvalidIndexUID).invalid("`" + at.value + "` " + uidRule)
		}
		out = append(out, at.value)
		return nil
	})
	if star {
		out = nil
	}
	return out, e
}

// date reads a bound in time. A plain date as lower bound means the end of that day.
func (p parameter) date(code apierr.Code, after bool) (*time.Time, *apierr.Error) {
	if p.value == "*" {
		return nil, nil
	}
	t, ok := parseRFC3339(p.value)
	if !ok {
		if t, ok = parseDate(p.value); ok && after {
			t = t.AddDate(0, 0, 1)
		}
	}
	if !ok {
		return nil, p.place(code).invalid("`" + p.value +
			"` is an invalid date-time. It should follow the YYYY-MM-DD or RFC 3339 date-time format.")
	}
	return &t, nil
}
