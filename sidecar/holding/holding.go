package holding

import (
	"context"
	"fmt"
	"sync"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/sidecar/engine"
)

// Holding is what a node has of one index at one view.
type Holding struct {
	Held     []int  // shards with any copy here, ascending
	Complete []bool // by shard: the copy here may answer reads
	held     []bool
}

// Holds says whether the node has a copy, in whatever state, of all the shards.
func (h *Holding) Holds(shards []int) bool { return all(h.held, shards) }

// Answers says whether the node may answer reads for all the shards.
func (h *Holding) Answers(shards []int) bool { return all(h.Complete, shards) }

func all(have []bool, shards []int) bool {
	for _, s := range shards {
		if s >= len(have) || !have[s] {
			return false
		}
	}
	return true
}

// Of reads a node's holding from the placement.
func Of(ix *routing.Index, node string) *Holding {
	h := &Holding{Held: ix.HeldBy(node), Complete: make([]bool, ix.Shards), held: make([]bool, ix.Shards)}
	for _, s := range h.Held {
		if s < len(h.held) {
			h.held[s] = true
		}
	}
	for _, byShard := range ix.Placement.Groups {
		for s, copies := range byShard {
			for _, c := range copies {
				if c.Node == node && s < len(h.Complete) && c.State != routing.CopyBuilding && !ix.Dirty(s, node) {
					h.Complete[s] = true
				}
			}
		}
	}
	return h
}

// Book keeps the holdings of one node. It is safe for concurrent use.
type Book struct {
	node string

	mu    sync.RWMutex
	view  *routing.View
	cache map[*routing.Index]*Holding
	exact map[string]*exactness
}

// exactness is what is known about an index in the engine.
type exactness struct {
	held    []int  // the engine holds nothing but these
	known   bool   // held was verified
	barrier uint32 // newest task that may still add documents of other shards
	asked   bool   // barrier was read
}

// NewBook returns the book of a node.
func NewBook(node string) *Book {
	return &Book{node: node, cache: map[*routing.Index]*Holding{}, exact: map[string]*exactness{}}
}

// In is the holding of an index that stands in view.
func (b *Book) In(view *routing.View, ix *routing.Index) *Holding {
	b.mu.RLock()
	if b.view == view {
		if h, ok := b.cache[ix]; ok {
			b.mu.RUnlock()
			return h
		}
	}
	b.mu.RUnlock()
	h := Of(ix, b.node)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.view != view && (b.view == nil || view.Epoch >= b.view.Epoch) {
		b.view, b.cache = view, map[*routing.Index]*Holding{}
	}
	if b.view == view {
		b.cache[ix] = h
	}
	return h
}

// Exact says whether the engine is known to hold nothing of the index besides what the node should hold.
func (b *Book) Exact(physical string, h *Holding) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e := b.exact[physical]
	return e != nil && e.known && h.Holds(e.held)
}

// Fresh records that the index was created now, so that nothing of other shards can be in it.
func (b *Book) Fresh(physical string, h *Holding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exact[physical] = &exactness{held: h.Held, known: true}
}

// Forget drops what is known about indexes that are gone.
func (b *Book) Forget(physical string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.exact, physical)
}

// Verify asks the engine whether the index holds documents of other shards. It changes nothing when it can not tell yet
// because older writes are still in the engine's queue.
func (b *Book) Verify(ctx context.Context, e *engine.Client, ix *routing.Index, h *Holding) error {
	if b.Exact(ix.Physical, h) {
		b.narrow(ix.Physical, h)
		return nil
	}
	state := b.begin(ix.Physical)
	if !state.asked {
		t, ok, err := e.LatestTask(ctx, ix.Physical, "", nil, false)
		if err != nil {
			return fmt.Errorf("verify holding: %w", err)
		}
		if state.asked = true; ok {
			state.barrier = t.UID
		}
		b.put(ix.Physical, state)
	}
	oldest, ok, err := e.LatestTask(ctx, ix.Physical, "", []string{"enqueued", "processing"}, true)
	if err != nil {
		return fmt.Errorf("verify holding: %w", err)
	}
	if ok && oldest.UID <= state.barrier {
		return nil
	}
	filter := "NOT " + nodeapi.ShardFilter(h.Held)
	n, err := e.CountMatching(ctx, ix.Physical, filter)
	if err != nil {
		return fmt.Errorf("verify holding: %w", err)
	}
	if n == 0 {
		b.put(ix.Physical, exactness{held: h.Held, known: true})
	}
	return nil
}

// begin returns what is known, without a claim that no longer holds.
func (b *Book) begin(physical string) exactness {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.exact[physical]
	if e == nil || e.known {
		e = &exactness{}
		b.exact[physical] = e
	}
	return *e
}

// narrow makes what is held now the claim: shards that came are in it, so that their leaving is noticed.
func (b *Book) narrow(physical string, h *Holding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.exact[physical]; e != nil && e.known {
		b.exact[physical] = &exactness{held: h.Held, known: true}
	}
}

func (b *Book) put(physical string, e exactness) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exact[physical] = &e
}
