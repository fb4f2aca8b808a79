package imports

import (
	"context"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/dump"
)

// KindName is the kind of these workflows. The id of a record is the job's.
const KindName = "dump_import"

// scope is what the runner of a job leads.
func scope(job string) string { return KindName + ":" + job }

// Progress is what the workflow record holds about an import.
type Progress struct {
	Run         string        `json:"run"`
	Size        int64         `json:"size"` // of the file, in bytes
	Fingerprint string        `json:"fingerprint"`
	Options     Options       `json:"options"`
	DBVersion   string        `json:"db_version,omitempty"`
	DumpDate    time.Time     `json:"dump_date,omitzero"`
	Plan        *Plan         `json:"plan,omitempty"`
	Prepared    int           `json:"prepared,omitempty"` // indexes that exist and have their settings
	Cursor      dump.Cursor   `json:"cursor"`             // last document of the last accepted batch
	Batches     uint64        `json:"batches,omitempty"`  // accepted
	Open        []Batch       `json:"open,omitempty"`     // accepted ones whose tasks are not known to be over, oldest first
	Sent        Count         `json:"sent"`
	Written     Count         `json:"written"` // of finished tasks
	Rejected    int64         `json:"rejected,omitempty"`
	Rejections  []string      `json:"rejections,omitempty"` // the first ones, by file and line
	KeysDone    bool          `json:"keys_done,omitempty"`
	Swapped     int           `json:"swapped,omitempty"` // indexes that took the place of others
	Failure     *apierr.Error `json:"failure,omitempty"`
	Offset      int64         `json:"offset,omitempty"` // bytes of the file up to the cursor
}

// Count is an amount of documents.
type Count struct {
	Documents int64 `json:"documents"`
	Bytes     int64 `json:"bytes"`
}

func (c *Count) add(o Count) {
	c.Documents += o.Documents
	c.Bytes += o.Bytes
}

// Batch is an accepted batch.
type Batch struct {
	Task uint32 `json:"task"`
	Count
}

// maxRejections bounds Progress.Rejections.
const maxRejections = 100

// Phases. Nothing is taken back, what was written stays: but what was to replace something is removed again when it can not.
const (
	phaseReceive  = "receive" // of the file, before there is a record
	phaseScan     = "scan"
	phaseCheck    = "check"
	phaseKeys     = "keys" // the point of no return: from here on the cluster changes
	phaseIndexes  = "indexes"
	phaseStream   = "stream"
	phaseFinish   = "finish"
	phaseSwap     = "swap"
	phaseDiscard  = "discard" // of what is in the place of new indexes: what was replaced, or what shall not replace anything
	phaseConclude = "conclude"
)

// phaseNumbers are the values of miroir_dump_import_phase.
var phaseNumbers = map[string]float64{
	phaseReceive: 1, phaseScan: 2, phaseCheck: 2, phaseKeys: 3, phaseIndexes: 3, phaseStream: 4, phaseFinish: 5, phaseSwap: 5, phaseDiscard: 5, phaseConclude: 5,
}

func (r *run) kind() workflow.Kind[Progress] {
	steps := map[string]workflow.Step[Progress]{
		phaseScan: r.scan, phaseCheck: r.check, phaseKeys: r.keys, phaseIndexes: r.indexes, phaseStream: r.stream,
		phaseFinish: r.finish, phaseSwap: r.swap, phaseDiscard: r.discard, phaseConclude: r.conclude,
	}
	for name, step := range steps {
		steps[name] = func(ctx context.Context, p *Progress) (workflow.Verdict, error) {
			r.Metrics.phase.Set(phaseNumbers[name])
			if name == phaseSwap || name == phaseDiscard || name == phaseConclude {
				return step(ctx, p)
			}
			if wanted, err := r.Store.Cancelation(ctx, KindName, r.job.ID); err != nil || wanted != "" && wanted == p.Run {
				return canceled(p, err)
			}
			return step(ctx, p)
		}
	}
	return workflow.Kind[Progress]{Name: KindName, First: phaseScan, Steps: steps, Settle: func(p *Progress) { p.Open = nil }}
}

// fail ends an import.
func (p *Progress) fail(e *apierr.Error) (workflow.Verdict, error) {
	p.Failure = e
	if p.staged() {
		p.Failure = p.logical(e)
		return workflow.Enter(phaseDiscard)
	}
	return workflow.Enter(phaseConclude)
}
