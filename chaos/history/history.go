package history

import "math"

// Kind is what a request did.
type Kind string

// Kinds of requests.
const (
	Put    Kind = "put"    // documents added or replaced
	Merge  Kind = "merge"  // documents updated, field by field
	Delete Kind = "delete" // documents deleted by id
	Filter Kind = "filter" // documents deleted by the value of their group
	Clear  Kind = "clear"  // all documents deleted
	Get    Kind = "get"    // one document
	List   Kind = "list"   // all documents
	Search Kind = "search" // all documents, with counts
	Create Kind = "create" // an index made
	Drop   Kind = "drop"   // an index deleted
	Swap   Kind = "swap"   // two indexes swapped
	Show   Kind = "show"   // an index looked at
	Flip   Kind = "flip"   // an alias pointed to another index
	Follow Kind = "follow" // an index looked at by its alias
	Task   Kind = "task"   // a task looked at, recorded only when it went wrong
)

// Outcome is what the client knows about its request.
type Outcome string

// Outcomes of requests.
const (
	Acknowledged Outcome = "acknowledged"
	Refused      Outcome = "refused" // answered with 503: nothing was promised, and something may have happened
	Unsent       Outcome = "unsent"  // there was no connection, so nothing can have happened
	Unknown      Outcome = "unknown" // no answer
	Wrong        Outcome = "wrong"   // an answer that no fault explains
)

// Never is the end of what has no end.
const Never = math.MaxInt64

// Document is a document as the workload writes it: the number of the request that set each field.
type Document map[string]int64

// Fields of documents. Group is a small number that several documents share; the others hold the number of the request
// that wrote them.
const (
	Group = "group"
	First = "first"
	Next  = "next"
	Last  = "last"
)

// Fields lists the fields of documents.
func Fields() []string { return []string{Group, First, Next, Last} }

// Op is one request. Times are nanoseconds since the run began.
type Op struct {
	Number  int64               `json:"number"` // unique in the run
	Client  int                 `json:"client"`
	Kind    Kind                `json:"kind"`
	Docs    map[string]Document `json:"docs,omitempty"`  // what was written, by id
	IDs     []string            `json:"ids,omitempty"`   // what was deleted or asked for
	Group   int64               `json:"group,omitempty"` // of a deletion by filter
	Index   string              `json:"index,omitempty"` // of an operation on indexes, or the alias
	Other   string              `json:"other,omitempty"` // the second index of a swap, or the target of a flip
	Start   int64               `json:"start"`
	End     int64               `json:"end"` // of the answer; Never without one
	Outcome Outcome             `json:"outcome"`
	Last    bool                `json:"last"`             // it was not sent again
	Unsent  int                 `json:"unsent,omitempty"` // how often there was no connection before it was sent
	Tried   int64               `json:"tried,omitempty"`  // when that was first
	Status  int                 `json:"status,omitempty"`
	Code    string              `json:"code,omitempty"`
	Message string              `json:"message,omitempty"` // of a wrong answer or a broken connection

	Task   int64  `json:"task,omitempty"` // uid + 1 of an acknowledged write; 0 without one
	Seen   int64  `json:"seen,omitempty"` // when a client learnt that the task had ended
	Ended  string `json:"ended,omitempty"`
	Reason string `json:"reason,omitempty"` // code of the error of a failed task

	Degraded string              `json:"degraded,omitempty"`
	Found    map[string]Document `json:"found,omitempty"` // what a read answered
	Twice    []string            `json:"twice,omitempty"` // documents that a read answered more than once
	Total    int                 `json:"total,omitempty"`
	Counted  int                 `json:"counted,omitempty"`  // sum of a search's facet counts
	Identity string              `json:"identity,omitempty"` // primary key of an index that was made or shown
	Late     bool                `json:"late,omitempty"`     // a flip is done, but not every gateway may know
}

// Writes says whether the request changes documents.
func (o Op) Writes() bool {
	switch o.Kind {
	case Put, Merge, Delete, Filter, Clear:
		return true
	}
	return false
}

// Reads says whether the request reads documents.
func (o Op) Reads() bool { return o.Kind == Get || o.Kind == List || o.Kind == Search }

// Copy is what one node holds of one shard, at the end of a run.
type Copy struct {
	Shard int    `json:"shard"`
	Node  string `json:"node"`
	// Docs has the documents as clients see them, and Raw the engine's own text of them.
	Docs map[string]Document `json:"docs"`
	Raw  map[string]string   `json:"raw"`
}

// Event is a fault that happened. Times are nanoseconds since the run began.
type Event struct {
	Kind    string `json:"kind"`
	Process string `json:"process"` // or link, or disk
	Begin   int64  `json:"begin"`
	End     int64  `json:"end"`
}

// Kinds of claims.
const (
	Led       = "led"       // a candidate became the leader; it began to wait at Start
	Wrote     = "wrote"     // a leader's guarded write was done
	Dethroned = "dethroned" // a guarded write was refused: its leader is none any more
	Resigned  = "resigned"  // a leader gave up in order
)

// Claim is what one of several candidates for one scope was told. Times are nanoseconds since the run began.
type Claim struct {
	Kind   string `json:"kind"`
	Scope  string `json:"scope"`
	Holder string `json:"holder"`
	Token  int64  `json:"token"`
	Start  int64  `json:"start"`
	End    int64  `json:"end"`
}

// Exit is the end of a process during a run.
type Exit struct {
	Process string `json:"process"`
	Status  string `json:"status"` // as the system tells it
	At      int64  `json:"at"`     // nanoseconds since the run began
	Why     string `json:"why"`    // which fault explains it; empty where none does
}

// Run is everything a checker needs.
type Run struct {
	Seed   uint64   `json:"seed"`
	Faults []string `json:"faults"` // as they were planned
	Events []Event  `json:"events"`
	Exits  []Exit   `json:"exits"`
	Claims []Claim  `json:"claims"`
	// Worked is how long clients were at work, and Rested how long the cluster took to come to rest, in nanoseconds.
	Worked int64  `json:"worked"`
	Rested int64  `json:"rested"`
	Ops    []Op   `json:"ops"`
	Copies []Copy `json:"copies"`
	// Last has the reads of clients after the cluster had come to rest.
	Last []Op `json:"last"`
	// Unsettled says why the cluster did not come to rest after the last fault; empty when it did.
	Unsettled string `json:"unsettled,omitempty"`
}
