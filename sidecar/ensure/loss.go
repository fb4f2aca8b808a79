package ensure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	store "github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/sidecar/engine"
)

// Store marks copies; *state.Client does.
type Store interface {
	CommittedSettings(ctx context.Context, physical string) (rec routing.SettingsRecord, underway bool, err error)
	MarkBy(ctx context.Context, physical string, miss store.Miss, judge func(store.MarkFunc) store.Marking) error
	PutNodeSettings(ctx context.Context, physical, node string, rec routing.NodeSettingsRecord) error
}

// viewTime is how long the view may take to show what was marked.
const viewTime = 5 * time.Second

// lossReason is what the markers say.
const lossReason = "the engine lost the index"

// look finds the index on the engine; have is nil when it does not exist. lost says that it is not the one that was here:
// it is missing though somebody may have created it before, was created anew, or is at an older state. One whose creation is in the queue is
// not lost. An index that came into the catalog while this process ran, and that it did not create yet, is new.
func (k *Keeper) look(ctx context.Context, s *state, ix *routing.Index) (have *engine.Index, lost bool, err error) {
	found, err := k.Engine.Index(ctx, ix.Physical)
	s.mu.RLock()
	had, born := s.had || k.first[ix.Physical], s.born
	s.mu.RUnlock()
	switch {
	case err == nil && !born.IsZero() && !born.Equal(found.CreatedAt):
		return &found, true, nil
	case err == nil:
		lost, err = k.older(ctx, ix.Physical)
		return &found, lost, err
	case !engine.Is(err, engine.CodeIndexNotFound):
		return nil, false, err
	case !had:
		return nil, false, nil
	}
	_, queued, err := k.Engine.LatestTask(ctx, ix.Physical, "indexCreation", []string{"enqueued", "processing"}, false)
	return nil, !queued, err
}

// older says whether the engine is at an older state than it was: the newest task that it made of a write to the index is not
// there any more, or is another one. Tasks may be deleted, so one that is missing says something only where no later one came.
func (k *Keeper) older(ctx context.Context, physical string) (bool, error) {
	latest, ok := k.Latest(physical)
	if !ok {
		return false, nil
	}
	t, err := k.Engine.Task(ctx, latest.UID)
	switch {
	case err == nil:
		return t.CustomMetadata != nil && *t.CustomMetadata != latest.Write || t.IndexUID != nil && *t.IndexUID != physical, nil
	case !engine.Is(err, engine.CodeTaskNotFound):
		return false, err
	}
	newest, err := k.Engine.NewestTask(ctx)
	return err == nil && newest < latest.UID, err
}

// lose takes the copies that are lost out of service, before anything is in their place. A process that dies on the way
// finds the index missing again, and does it again.
func (k *Keeper) lose(ctx context.Context, s *state, ix *routing.Index) error {
	s.reset()
	ctx, cancel := context.WithTimeout(ctx, viewTime)
	defer cancel()
	var marked, last []int
	miss := store.Miss{Whole: true, Placed: true, Reason: lossReason}
	err := k.Store.MarkBy(ctx, ix.Physical, miss, func(mark store.MarkFunc) (m store.Marking) {
		m, last = forfeit(ix, k.Node, mark)
		marked = m.Nodes[k.Node]
		return m
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrNotPlaced // it is being deleted
	case err != nil:
		return fmt.Errorf("mark lost copies: %w", errors.Join(ErrNotReady, err))
	}
	// Reads that begin from now on are refused here.
	_, err = k.Views.Wait(ctx, func(v *routing.View) bool {
		now, placed := v.Physical[ix.Physical]
		return !placed || !slices.ContainsFunc(marked, func(shard int) bool { return !now.Dirty(shard, k.Node) })
	})
	if err != nil {
		return fmt.Errorf("see lost copies marked: %w", errors.Join(ErrNotReady, err))
	}
	if err := k.Lose(ctx, ix.Physical); err != nil {
		return fmt.Errorf("begin a lost index anew: %w", errors.Join(ErrNotReady, err))
	}
	k.Book.Forget(ix.Physical)
	s.forgo()
	k.Metrics.lost.WithLabelValues("marked").Add(float64(len(marked)))
	k.Metrics.lost.WithLabelValues("last").Add(float64(len(last)))
	log := k.Log.Error().Str("index", ix.UID).Str("marked", shardmap.FormatRanges(marked))
	if len(last) > 0 {
		log.Str("last", shardmap.FormatRanges(last)).
			Msg("the engine has lost an index, and of some shards there is no other copy: searches miss their documents")
		return nil
	}
	log.Msg("the engine has lost an index, its copies serve no reads until they are repaired")
	return nil
}

// forfeit decides which of a node's copies are marked when their documents are gone: all of which another copy has, or
// may have, more. last lists the shards of which nothing better is left than the empty copy here: there is no other one,
// or the others are lost as well. Marking it would only end in its election.
func forfeit(ix *routing.Index, node string, mark store.MarkFunc) (m store.Marking, last []int) {
	m.Nodes, m.Keep = map[string][]int{}, map[int]string{}
	for _, shard := range ix.HeldBy(node) {
		mine, keep, better := false, "", false
		for _, byShard := range ix.Placement.Groups {
			if shard >= len(byShard) {
				continue
			}
			for _, c := range byShard[shard] {
				rec, dirty := mark(shard, c.Node)
				switch {
				case c.State == routing.CopyBuilding: // whoever builds it knows
				case c.Node == node:
					mine = true
				case !dirty:
					keep = c.Node
				case !rec.Whole || rec.From != 0:
					better = true
				}
			}
		}
		_, dirty := mark(shard, node)
		switch {
		case !mine:
		case keep != "":
			m.Nodes[node], m.Keep[shard] = append(m.Nodes[node], shard), keep
		case better || dirty: // a copy that is marked already gets a new revision: a repair on its way has not seen this
			m.Nodes[node] = append(m.Nodes[node], shard)
		default:
			last = append(last, shard)
		}
	}
	return m, last
}
