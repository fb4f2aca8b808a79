package fence

import (
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miroir-search/miroir/internal/routing"
)

// Grace is how long after the last renewal of the lease writes are still taken: less than the lease's time to live.
const Grace = 8 * time.Second

// Reasons to refuse a write.
var (
	ErrStaleEpoch = errors.New("the sender's routing view is older than the placement of the index")
	ErrFenced     = errors.New("the lease was not renewed in time")
)

// Fence is safe for concurrent use.
type Fence struct {
	now     func() time.Time
	renewed atomic.Pointer[func() time.Time]

	mu     sync.RWMutex
	view   *routing.View
	epochs map[string]int64 // by physical name
	first  int64
	top    int64
}

// New returns a fence that refuses all writes until it holds a lease.
func New(now func() time.Time) *Fence { return &Fence{now: now, epochs: map[string]int64{}} }

// Hold says how to ask when the lease was last renewed; nil means that there is none.
func (f *Fence) Hold(renewed func() time.Time) {
	if renewed == nil {
		f.renewed.Store(nil)
		return
	}
	f.renewed.Store(&renewed)
}

// Observe takes over a view. Where the placement of an index changed, older epochs are fenced off.
func (f *Fence) Observe(v *routing.View) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.view == nil {
		f.first, f.top = v.Epoch, v.Epoch
		f.view = v
		return
	}
	for physical, ix := range v.Physical {
		old, known := f.view.Physical[physical]
		if !known || !reflect.DeepEqual(old.Placement, ix.Placement) {
			f.epochs[physical] = v.Epoch
			f.top = max(f.top, v.Epoch)
		}
	}
	for physical := range f.epochs {
		if _, ok := v.Physical[physical]; !ok {
			delete(f.epochs, physical)
		}
	}
	f.view = v
}

// Write says whether a write from a sender's epoch may pass. Epoch 0 is a sender that routes by nothing.
func (f *Fence) Write(physical string, epoch int64) error {
	renewed := f.renewed.Load()
	if renewed == nil || f.now().Sub((*renewed)()) > Grace {
		return ErrFenced
	}
	if epoch == 0 {
		return nil
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	fence, changed := f.epochs[physical]
	if !changed {
		fence = f.first
	}
	if epoch < fence {
		return ErrStaleEpoch
	}
	return nil
}

// Epoch is the highest epoch that any index is fenced at.
func (f *Fence) Epoch() int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.top
}
