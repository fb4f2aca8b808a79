package task

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// Order is the Op of tasks that are about other tasks.
type Order struct {
	Tasks string `json:"tasks"` // uids of those that the filter selected when the order was given, in ranges
	// Ended are the uids of those among them whose end a client has been told of, or could have been, but which was not
	// recorded yet. A deletion waits for the record: whoever saw a task succeed may delete it.
	Ended string `json:"ended,omitempty"`
	// Chosen are the uids of those that a deletion deletes, noted before the first of them is gone; nil before that.
	Chosen *string `json:"chosen,omitempty"`
}

// OrderDetails are the details of tasks that are about other tasks. One of the two counts is there, null until the end.
type OrderDetails struct {
	Matched  int    `json:"matchedTasks"`
	Canceled Count  `json:"canceledTasks,omitzero"`
	Deleted  Count  `json:"deletedTasks,omitzero"`
	Filter   string `json:"originalFilter"`
}

// Count is a number of an order's details: absent, not known yet, or known.
type Count struct {
	Given bool
	N     *int
}

// IsZero says whether the count is absent.
func (c Count) IsZero() bool { return !c.Given }

// MarshalJSON implements json.Marshaler.
func (c Count) MarshalJSON() ([]byte, error) { return json.Marshal(c.N) }

// NewOrder makes the Op and the details of a cancelation or deletion of tasks with the given ascending uids, ended those of
// them that have ended without a record of it. query is the query string that selected them.
func NewOrder(kind string, uids, ended []uint32, query string) (op, details json.RawMessage, err error) {
	d := OrderDetails{Matched: len(uids), Filter: "?" + query}
	if kind == TaskCancelation {
		d.Canceled.Given = true
	} else {
		d.Deleted.Given = true
	}
	if details, err = rawjson.Marshal(d); err != nil {
		return nil, nil, err
	}
	op, err = rawjson.Marshal(Order{Tasks: FormatUIDs(uids), Ended: FormatUIDs(ended)})
	return op, details, err
}

// Ordered reads the order of a record.
func (r *Record) Ordered() (Order, error) {
	var o Order
	if err := json.Unmarshal(r.Op, &o); err != nil {
		return o, fmt.Errorf("order of task %d: %w", r.UID, err)
	}
	return o, nil
}

// SetCount notes in the details of an order how many tasks it was carried out on.
func (r *Record) SetCount(n int) {
	name := "deletedTasks"
	if r.Type == TaskCancelation {
		name = "canceledTasks"
	}
	var own map[string]json.RawMessage
	if json.Unmarshal(r.Details, &own) == nil && own != nil {
		own[name], _ = json.Marshal(n)
		r.Details = appendDetails(r.Details, own)
	}
}

// FormatUIDs writes ascending uids in ranges.
func FormatUIDs(uids []uint32) string {
	list := make([]int, len(uids))
	for i, uid := range uids {
		list[i] = int(uid)
	}
	return shardmap.FormatRanges(list)
}

// ParseUIDs reads what FormatUIDs writes.
func ParseUIDs(s string) ([]uint32, error) {
	list, err := shardmap.ParseRanges(s, math.MaxUint32+1)
	if err != nil {
		return nil, fmt.Errorf("uids of tasks: %w", err)
	}
	uids := make([]uint32, len(list))
	for i, n := range list {
		uids[i] = uint32(n) //nolint:gosec // bounded by ParseRanges
	}
	return uids, nil
}
