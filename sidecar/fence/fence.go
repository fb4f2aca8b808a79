package fence

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/miroir-search/miroir/internal/routing"
)

// Grace is how long after the last renewal of the lease writes are still taken: less than the lease's time to live.
const Grace = 8 * time.Second

// DefaultReads is how long reads go on without a lease (NS-5).
const DefaultReads = 10 * time.Minute

// Reasons to refuse a leg.
var (
	ErrStaleEpoch = errors.New("the sender's routing view is older than the placement of the index")
	ErrFenced     = errors.New("the lease was not renewed in time")
)

// Fence is safe for concurrent use.
type Fence struct {
	now     func() time.Time
	reads   time.Duration
	renewed atomic.Pointer[func() time.Time]
	last    atomic.Int64 // unix nanoseconds of the last renewal of a lease that is lost
	view    atomic.Pointer[routing.View]
}

// New returns a fence that refuses all writes until it holds a lease, and reads from so long after its last renewal on.
func New(now func() time.Time, reads time.Duration) *Fence {
	f := &Fence{now: now, reads: reads}
	f.last.Store(now().UnixNano())
	return f
}

// Hold says how to ask when the lease was last renewed; nil means that there is none.
func (f *Fence) Hold(renewed func() time.Time) {
	if renewed == nil {
		if before := f.renewed.Swap(nil); before != nil {
			f.last.Store((*before)().UnixNano())
		}
		return
	}
	f.renewed.Store(&renewed)
}

// Observe takes over a view. Senders of views that are older than an index's placement are fenced off. What counts is when the
// placement was written, not when this node heard of it: a sender that knows it is not stale because the node heard of more at once.
func (f *Fence) Observe(v *routing.View) { f.view.Store(v) }

// Write says whether a write from a sender's epoch may pass. Epoch 0 is a sender that routes by nothing.
func (f *Fence) Write(physical string, epoch int64) error {
	renewed := f.renewed.Load()
	if renewed == nil || f.now().Sub((*renewed)()) > Grace {
		return ErrFenced
	}
	if epoch == 0 {
		return nil
	}
	if ix := f.indexes()[physical]; ix != nil && epoch < ix.PlacedAt {
		return ErrStaleEpoch
	}
	return nil
}

// Read says whether a read may pass: what the node knows of the cluster is not too old.
func (f *Fence) Read() error {
	renewed := f.renewed.Load()
	last := time.Unix(0, f.last.Load())
	if renewed != nil {
		last = (*renewed)()
	}
	if f.now().Sub(last) > f.reads {
		return ErrFenced
	}
	return nil
}

// Epoch is the highest epoch that any index is fenced at.
func (f *Fence) Epoch() (top int64) {
	for _, ix := range f.indexes() {
		top = max(top, ix.PlacedAt)
	}
	return top
}

func (f *Fence) indexes() map[string]*routing.Index {
	if v := f.view.Load(); v != nil {
		return v.Physical
	}
	return nil
}
