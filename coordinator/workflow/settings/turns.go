package settings

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/miroir-search/miroir/coordinator/spread"
	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/tuning"
)

// turns says in which order the nodes of an index get a change.
type turns string

const (
	together turns = ""           // all at once
	waves    turns = "waves"      // one half of the replica groups, the commit, the other half
	oneByOne turns = "sequential" // one node after the other, then the commit
)

// chooseTurns decides how the change is carried out. One that the gateway presented to the nodes is on all of them already.
func (b *Broadcast) chooseTurns(p *Progress, v *routing.View, ix *routing.Index, presented bool) {
	policy := b.policy()
	p.Turns, p.First = together, nil
	switch {
	case presented:
	case policy.Strategy == tuning.StrategySequential:
		p.Turns = oneByOne
	case policy.InWaves(len(v.ActiveGroups())):
		if p.First = firstHalf(v, ix); len(p.First) > 0 {
			p.Turns, p.Rested = waves, true
		}
	}
}

// firstHalf chooses the replica groups that change first, so that either half can serve all reads alone; none where it can not.
func firstHalf(v *routing.View, ix *routing.Index) []int {
	groups := v.ActiveGroups()
	half := len(groups) / 2
	readable := func(list []int) bool {
		return slices.ContainsFunc(list, func(g int) bool {
			_, missing := v.Cover(ix, g, 0, func(node string) bool { return ix.Astray[node] && !slices.Contains(ix.Resting, node) })
			return len(missing) == 0
		})
	}
	if half == 0 || !readable(groups[:half]) || !readable(groups[half:]) {
		return nil
	}
	return groups[:half]
}

// inTurn lists the live nodes that have, or get, the change at this point, ascending.
func (b *Broadcast) inTurn(p *Progress, v *routing.View, ix *routing.Index) []string {
	all := alive(v, ix)
	if p.Version > 0 {
		return all
	}
	return slices.DeleteFunc(all, func(id string) bool {
		switch p.Turns {
		case waves:
			return !p.goesFirst(v, id)
		case oneByOne:
			return !slices.Contains(p.Proposed, id)
		}
		return false
	})
}

// goesFirst says whether a node belongs to the half that changes first.
func (p *Progress) goesFirst(v *routing.View, id string) bool {
	return slices.Contains(p.First, v.Nodes[id].ReplicaGroup)
}

// after is the node that gets a change after those that have it, where they get it one after the other; empty for none.
func (b *Broadcast) after(p *Progress, v *routing.View, ix *routing.Index) string {
	if p.Turns != oneByOne || p.Version > 0 {
		return ""
	}
	if fresh := without(alive(v, ix), p.Proposed); len(fresh) > 0 {
		return fresh[0]
	}
	return ""
}

// half lists the nodes of an index in the half that changes first, or in the other one, whether they live or not.
func (p *Progress) half(v *routing.View, ix *routing.Index, first bool) []string {
	return slices.DeleteFunc(ix.NodesHolding(), func(id string) bool { return p.goesFirst(v, id) != first })
}

// rest takes the nodes that change first out of the reads of the index.
func (b *Broadcast) rest(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	v := b.Views.View()
	ix := v.Physical[p.Physical]
	if ix == nil {
		return b.missing(ctx, p)
	}
	if err := b.Store.RestSettings(ctx, p.Physical, p.half(v, ix, true)); err != nil {
		return b.unplaced(ctx, p, err)
	}
	if err := b.spread(ctx, p); err != nil {
		return workflow.Verdict{}, err
	}
	return workflow.Enter(phasePropose)
}

// unplaced ends a change whose index went away between two looks.
func (b *Broadcast) unplaced(ctx context.Context, p *Progress, err error) (workflow.Verdict, error) {
	if errors.Is(err, state.ErrNotFound) {
		return b.missing(ctx, p)
	}
	return workflow.Verdict{}, err
}

// spread waits until all gateways know which nodes rest. Those that say nothing for long are not waited for: nodes tell with every
// answer which settings it was made with, so a read that went to the wrong ones is made again.
func (b *Broadcast) spread(ctx context.Context, p *Progress) error {
	revision, err := b.Store.SettingsRevision(ctx, p.Physical)
	if err != nil {
		return err
	}
	s := spread.Wait(ctx, b.Store, revision)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !s.Propagated {
		b.Log.Warn().Str("index", p.Index).Int("gateways", s.Fenced).Msg("settings change goes on without gateways that do not say what they know")
	}
	return nil
}

// tellPatience is how long sidecars may take to tell what their engines were just seen to show.
const tellPatience = 5 * time.Second

// told waits until the nodes that got the change have told that they show it. Before, nobody who plans reads would choose them, and what
// they answer would not count as made with one version: neither could the half that changed first serve all reads alone from the commit on,
// nor the other one when the next change begins. Their engines show it already, so those that say nothing for long are not waited for.
func (b *Broadcast) told(ctx context.Context, p *Progress) {
	if p.Turns != waves {
		return
	}
	nodes := without(without(p.Proposed, p.Behind), p.Refused)
	wait, cancel := context.WithTimeout(ctx, tellPatience)
	defer cancel()
	_, err := b.Views.Wait(wait, func(v *routing.View) bool {
		ix := v.Physical[p.Physical]
		return ix == nil || !slices.ContainsFunc(nodes, func(id string) bool { return v.Nodes[id].OK && ix.Shown[id].Hash != p.Hash })
	})
	if err != nil && ctx.Err() == nil {
		b.Log.Warn().Str("index", p.Index).Msg("settings change goes on although nodes have not told that they show it")
	}
}

// turn gives the change to the half that has served all reads with the old settings, now that everybody reads the other one.
func (b *Broadcast) turn(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	if err := b.spread(ctx, p); err != nil {
		return workflow.Verdict{}, err
	}
	p.Repairs = 0
	return workflow.Enter(phasePropose)
}

// release lets all nodes serve reads again, as far as they show the committed settings: those that do not are avoided, and their
// sidecars bring them in step.
func (b *Broadcast) release(ctx context.Context, p *Progress) error {
	if !p.Rested {
		return nil
	}
	err := b.Store.AmendSettings(ctx, p.Physical, func(rec *routing.SettingsRecord) error {
		rec.Resting = nil
		if p.Version > 0 && rec.Version == p.Version {
			rec.Nodes = without(without(p.Proposed, p.Behind), p.Refused)
		}
		return nil
	})
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}
