package task

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/hlc"
)

// Version is the schema version of Record.
const Version = 1

// Statuses of a task, as Meilisearch names them.
const (
	Enqueued   = "enqueued"
	Processing = "processing"
	Succeeded  = "succeeded"
	Failed     = "failed"
	Canceled   = "canceled"
)

// Types of tasks, as Meilisearch names them.
const (
	DocumentAddition = "documentAdditionOrUpdate"
	DocumentEdition  = "documentEdition"
	DocumentDeletion = "documentDeletion"
	SettingsUpdate   = "settingsUpdate"
	IndexCreation    = "indexCreation"
	IndexDeletion    = "indexDeletion"
	IndexUpdate      = "indexUpdate"
	IndexSwap        = "indexSwap"
	TaskCancelation  = "taskCancelation"
	TaskDeletion     = "taskDeletion"
	DumpCreation     = "dumpCreation"
	SnapshotCreation = "snapshotCreation"
	IndexCompaction  = "indexCompaction"
)

// Target is one node's part of a task.
type Target struct {
	Node   string `json:"node"`
	Group  int    `json:"group"`
	Shards string `json:"shards,omitempty"` // as shardmap.FormatRanges writes them; empty: the whole node
	Missed bool   `json:"missed,omitempty"` // the node did not acknowledge; its outcome is not waited for
	Lacks  bool   `json:"lacks,omitempty"`  // of a refused write: the node surely never took it, and never will
	Doubt  bool   `json:"doubt,omitempty"`  // of a refused write: nobody knows whether the node took it, and nobody sends it any more
	Dirty  string `json:"dirty,omitempty"`  // those of them whose copies were dirty: what only they have was not accepted
}

// Sender is the gateway that sends a write to its nodes.
type Sender struct {
	Gateway string    `json:"gateway"`
	Since   time.Time `json:"since"`           // when it started, as its presence says
	Again   bool      `json:"again,omitempty"` // somebody may send the write once more, under its idempotency key
}

// Record is tasks/open/<uid> and tasks/done/<uid>.
type Record struct {
	V              int             `json:"v"`
	UID            uint32          `json:"uid"`
	Type           string          `json:"type"`
	IndexUID       *string         `json:"index"`              // the name the client used
	Resolved       string          `json:"resolved,omitempty"` // the index that the name stood for, where it was an alias
	Physical       string          `json:"physical,omitempty"`
	Status         string          `json:"status"`
	Details        json.RawMessage `json:"details,omitempty"`
	Error          *apierr.Error   `json:"error,omitempty"`
	CanceledBy     *uint32         `json:"canceled_by,omitempty"`
	Canceling      *uint32         `json:"canceling,omitempty"` // the cancelation that wants the task stopped, until it ends
	CustomMetadata *string         `json:"custom_metadata,omitempty"`
	EnqueuedAt     time.Time       `json:"enqueued_at"`
	StartedAt      *time.Time      `json:"started_at,omitempty"`
	FinishedAt     *time.Time      `json:"finished_at,omitempty"`
	RF             int             `json:"rf,omitempty"`    // copies per group when the task was made
	Stamp          hlc.Stamp       `json:"stamp,omitempty"` // first stamp of a write to documents
	Targets        []Target        `json:"targets,omitempty"`
	Dispatch       string          `json:"dispatch,omitempty"` // see DispatchID
	Sender         *Sender         `json:"sender,omitempty"`   // nil: not told
	// Op is what a workflow needs to carry the task out (a settings patch, swap pairs …); nodes' own tasks need none.
	Op json.RawMessage `json:"op,omitempty"`
}

// DispatchID is the task's idempotency id on every node. That of a write that is sent again under its idempotency key after
// too few copies took it is the first task's: nodes that have it do not take it twice.
func (r *Record) DispatchID() string {
	if r.Dispatch != "" {
		return r.Dispatch
	}
	return DispatchID(r.UID)
}

// DispatchID is the idempotency id on every node of a task that has none of its own.
func DispatchID(uid uint32) string { return strconv.FormatUint(uint64(uid), 10) }

// Done says whether the record's status is final.
func (r *Record) Done() bool { return Final(r.Status) }

// Final says whether a status is one that no task leaves.
func Final(status string) bool {
	return status == Succeeded || status == Failed || status == Canceled
}

// Cancelable says whether the task can still be stopped while it is open. What is done in the catalog as soon as it is
// accepted (making, deleting, renaming and swapping indexes) can not.
func (r *Record) Cancelable() bool {
	switch r.Type {
	case DocumentAddition, DocumentEdition, DocumentDeletion:
		return !r.Done() && len(r.Targets) > 0
	case SettingsUpdate: // a workflow takes it to the nodes where the gateway did not
		return !r.Done() && len(r.Targets)+len(r.Op) > 0
	}
	return false
}

// Cancel makes the record final as canceled by the cancelation that wants that, at the given time.
func (r *Record) Cancel(at time.Time) {
	r.Status, r.CanceledBy, r.Canceling, r.Error = Canceled, r.Canceling, nil, nil
	r.Details = zeroCounts(r.Details)
	if r.StartedAt == nil {
		r.StartedAt = &at
	}
	r.FinishedAt = &at
}

// Finish makes the record final at the given time, with the error that failed it, or nil.
func (r *Record) Finish(at time.Time, failure *apierr.Error) {
	r.Status, r.Canceling = Succeeded, nil
	if failure != nil {
		r.Status, r.Error = Failed, failure
	}
	if r.StartedAt == nil {
		r.StartedAt = &at
	}
	r.FinishedAt = &at
}
