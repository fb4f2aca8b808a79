package settings

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/miroir-search/miroir/coordinator/errand"
	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/task"
)

// rollback gives the nodes that took the change the committed values back, and reads whether they have them. Engines carry a
// change out whole or not at all, so those that refused it have nothing to take back.
func (b *Broadcast) rollback(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	v := b.Views.View()
	ix := v.Physical[p.Physical]
	if ix == nil {
		return workflow.Enter(phaseConclude)
	}
	took := without(p.Proposed, p.Refused)
	if len(took) == 0 {
		return workflow.Enter(phaseConclude)
	}
	changes, err := b.pending(ctx, p)
	if err != nil {
		return withdrawn(err)
	}
	back, err := restoring(changes[0].patch, b.committed(ix))
	if err != nil {
		return workflow.Verdict{}, err
	}
	attempt := ""
	if p.Backs == 0 {
		if len(p.Quiet) == 0 {
			b.Metrics.rollbacks.Inc()
		}
	} else {
		attempt = "." + strconv.Itoa(p.Backs)
		if err := errand.Sleep(ctx, b.Limits.RepairPause<<(p.Backs-1)); err != nil {
			return workflow.Verdict{}, err
		}
	}
	body := back.NodeBody()
	results := b.each(ctx, p, took, func(ctx context.Context, c *contact) error {
		if err := c.change(ctx, body, task.DispatchID(p.Task)+".back"+attempt); err != nil {
			return err
		}
		return c.replay(ctx, changes[1:], ".back"+task.DispatchID(p.Task)+attempt)
	})
	proven := b.proven(ctx, p, took, append([]change{{uid: p.Task, patch: back}}, changes[1:]...))
	if ctx.Err() != nil {
		return workflow.Verdict{}, context.Cause(ctx)
	}
	if p.waits {
		return workflow.Enter(phaseRollback)
	}
	if !proven {
		if p.Backs++; p.Backs <= b.policy().MaxRepairRetries {
			return workflow.Enter(phaseRollback)
		}
	}
	open := failing(results)
	if len(open) > 0 {
		// Whether these took the change is not known. Their sidecars compare the engine with the committed settings as
		// soon as the version moves, so it moves, with nothing else changed.
		b.Log.Warn().Int("nodes", len(open)).Str("index", p.Index).Msg("settings committed again for nodes that could not be set back")
		if err := b.again(ctx, p, ix, without(took, open)); err != nil {
			return workflow.Verdict{}, err
		}
	}
	if !proven {
		return workflow.Enter(phaseFreeze)
	}
	return workflow.Enter(phaseConclude)
}

// failing lists the nodes that something went wrong on.
func failing(results map[string]error) (nodes []string) {
	for id, err := range results {
		if err != nil {
			nodes = append(nodes, id)
		}
	}
	return nodes
}

// again commits the settings as they were under the next version. settled lists nodes that show them.
func (b *Broadcast) again(ctx context.Context, p *Progress, ix *routing.Index, settled []string) error {
	if ix.SettingsVersion != p.Base {
		return nil // done before this phase was entered again
	}
	same := ix.Settings
	if len(same) == 0 {
		var err error
		if same, err = b.original(ctx, p, settled); err != nil || same == nil {
			return err
		}
	}
	err := b.Store.PutSettings(ctx, p.Physical, routing.SettingsRecord{
		V: routing.Version, Version: p.Base + 1, ClientView: same, Frozen: ix.Frozen, UpdatedAt: b.Now(),
	}, p.Base)
	if err != nil {
		return err
	}
	b.settled(ctx, p)
	return nil
}

// original is the client view of an index whose settings were never committed, as one of the nodes shows it; nil when
// none answers.
func (b *Broadcast) original(ctx context.Context, p *Progress, nodes []string) ([]byte, error) {
	var mu sync.Mutex
	views := map[string][]byte{}
	b.each(ctx, p, append(slices.Clone(nodes), p.Refused...), func(ctx context.Context, c *contact) error {
		clean, err := c.read(ctx, false)
		if err != nil {
			return err
		}
		view, err := meili.ClientView(clean, nil, meili.SettingsPatch{})
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			views[c.Node] = b.Seal.Settings(seal.SettingsPlace(p.Physical), view)
		}
		return err
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for _, id := range slices.Sorted(maps.Keys(views)) {
		return views[id], nil
	}
	return nil, nil
}
