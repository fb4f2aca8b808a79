package settings

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/miroir-search/miroir/coordinator/errand"
	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// viewPatience is how long a view that is known to be on its way is waited for.
const viewPatience = 2 * time.Second

// stage notes what the change starts from.
func (b *Broadcast) stage(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	t, err := b.Store.Task(ctx, p.Task)
	if errors.Is(err, state.ErrNotFound) {
		return workflow.Verdict{}, nil
	}
	if err != nil {
		return workflow.Verdict{}, err
	}
	if t.Done() {
		return workflow.Verdict{Error: t.Error}, nil
	}
	var patch meili.SettingsPatch
	if err := json.Unmarshal(t.Op, &patch); err != nil || namedIn(patch) == nil {
		p.Failure = apierr.New(apierr.MiroirInternal, "The recorded change of settings can not be read.")
		return workflow.Enter(phaseConclude)
	}
	ix := b.await(ctx, p.Physical)
	if ix == nil {
		return b.missing(ctx, p)
	}
	if err := b.presented(ctx, t, ix); err != nil {
		return workflow.Verdict{}, err
	}
	if t, err = b.Store.Task(ctx, p.Task); errors.Is(err, state.ErrNotFound) {
		return workflow.Verdict{}, nil // every node refused it at once, so it never was a task
	}
	if err != nil {
		return workflow.Verdict{}, err
	}
	if unsentAndCanceled(t) {
		p.Stopped = true
		return workflow.Enter(phaseConclude)
	}
	if t.Status == task.Enqueued {
		now := b.Now()
		t.Status, t.StartedAt = task.Processing, &now
		if err := b.Store.UpdateTask(ctx, t); err != nil {
			return workflow.Verdict{}, err
		}
	}
	p.Base, p.Repairs = ix.SettingsVersion, 0
	b.chooseTurns(p, b.Views.View(), ix, len(t.Targets) > 0)
	if p.Turns == waves {
		return workflow.Enter(phaseRest)
	}
	return workflow.Enter(phasePropose)
}

// unsentAndCanceled says whether somebody wants a change stopped that no gateway presented to the nodes, so that these will not say so.
func unsentAndCanceled(t task.Record) bool { return t.Canceling != nil && len(t.Targets) == 0 }

// stop notes that somebody wants a change stopped that is not committed yet.
func (p *Progress) stop(own change) bool {
	p.Stopped = p.Stopped || own.canceled && p.Version == 0
	return p.Stopped
}

// await finds an index that somebody else may have created a moment ago; nil when there is none.
func (b *Broadcast) await(ctx context.Context, physical string) *routing.Index {
	ctx, cancel := context.WithTimeout(ctx, viewPatience)
	defer cancel()
	v, err := b.Views.Wait(ctx, func(v *routing.View) bool { return v.Physical[physical] != nil })
	if err != nil {
		return nil
	}
	return v.Physical[physical]
}

// presented gives the gateway that accepted the task the first word with the nodes: they may refuse the change, and then
// there is no task. It returns as soon as one of them has the change, the task is gone, or the gateway had its time.
func (b *Broadcast) presented(ctx context.Context, t task.Record, ix *routing.Index) error {
	for len(t.Targets) > 0 && b.Now().Sub(t.EnqueuedAt) < b.Limits.Courtesy {
		v := b.Views.View()
		for _, id := range alive(v, ix) {
			one, cancel := context.WithTimeout(ctx, errand.CallTimeout)
			found, err := b.Nodes.Dispatches(one, v.Nodes[id].Address, []string{task.DispatchID(t.UID)})
			cancel()
			if err == nil && found[0].State != nodeapi.StateUnknown {
				return nil
			}
		}
		if err := errand.Sleep(ctx, errand.PollFirst); err != nil {
			return err
		}
		switch now, err := b.Store.Task(ctx, t.UID); {
		case errors.Is(err, state.ErrNotFound), err == nil && now.Done():
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// missing ends a change whose index is gone.
func (b *Broadcast) missing(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	if ctx.Err() != nil {
		return workflow.Verdict{}, context.Cause(ctx)
	}
	p.Failure = meili.IndexNotFound(p.Index)
	return workflow.Enter(phaseConclude)
}

// propose makes every live node carry the change out. Nodes are noted before they are sent anything.
func (b *Broadcast) propose(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	v := b.Views.View()
	ix := v.Physical[p.Physical]
	if ix == nil {
		return b.missing(ctx, p)
	}
	live := b.inTurn(p, v, ix)
	fresh := without(live, p.Proposed)
	if first := b.after(p, v, ix); len(p.Proposed) == 0 && first != "" {
		fresh = []string{first}
	}
	if len(fresh) > 0 {
		p.Proposed = slices.Sorted(slices.Values(append(p.Proposed, fresh...)))
		return workflow.Enter(phasePropose)
	}
	changes, err := b.pending(ctx, p)
	if err != nil {
		return withdrawn(err)
	}
	if p.stop(changes[0]) {
		return workflow.Enter(phaseRollback)
	}
	body := changes[0].patch.NodeBody()
	results := b.each(ctx, p, live, func(ctx context.Context, c *contact) error {
		return c.change(ctx, body, task.DispatchID(p.Task))
	})
	if ctx.Err() != nil {
		return workflow.Verdict{}, context.Cause(ctx)
	}
	p.Behind, p.Refused = without(p.Proposed, live), nil
	for _, id := range slices.Sorted(maps.Keys(results)) {
		var no errand.Refusal
		switch err := results[id]; {
		case errors.Is(err, errand.ErrBehind):
			p.Behind = append(p.Behind, id)
		case errors.As(err, &no):
			if p.Version > 0 {
				b.Log.Error().Str("index", p.Index).Str("node", id).Str("code", string(no.Cause.Code)).Msg("a node refused settings that are committed")
			} else if no.Stopped {
				p.Stopped = true
			} else if p.Failure == nil {
				p.Failure = no.Cause
			}
			p.Refused = append(p.Refused, id)
		case err != nil:
			return workflow.Verdict{}, err
		}
	}
	if p.Failure != nil {
		told := *p.Failure
		told.Message = meili.Censor(meili.Censor(told.Message, changes[0].patch.Members), b.committed(ix))
		p.Failure = &told
	}
	if p.Failure != nil || p.Stopped {
		return workflow.Enter(phaseRollback)
	}
	return workflow.Enter(phaseVerify)
}

// alive lists the nodes that hold a shard of the index and answer, ascending.
func alive(v *routing.View, ix *routing.Index) []string {
	return slices.DeleteFunc(ix.NodesHolding(), func(id string) bool { return !v.Nodes[id].OK })
}

// without lists what stands in a and not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// commit makes the verified settings the committed ones.
func (b *Broadcast) commit(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	ix := b.Views.View().Physical[p.Physical]
	if ix == nil {
		return b.missing(ctx, p)
	}
	view := []byte(p.View)
	if b.Seal.Outdated(view) { // the key was changed since it was verified
		place := seal.SettingsPlace(p.Physical)
		var err error
		if view, err = b.Seal.Move(place, place, view); err != nil {
			return workflow.Verdict{}, err
		}
	}
	b.told(ctx, p)
	err := b.Store.PutSettings(ctx, p.Physical, routing.SettingsRecord{
		V: routing.Version, Version: p.Base + 1, ClientView: view, EngineHash: p.Hash, UpdatedAt: b.Now(),
		Nodes: without(p.Proposed, p.Behind), Resting: b.resting(p, ix),
	}, p.Base)
	if errors.Is(err, state.ErrConflict) {
		return b.contested(ctx, p)
	}
	if err != nil {
		return workflow.Verdict{}, err
	}
	p.Version = p.Base + 1
	b.settled(ctx, p)
	return p.committed()
}

// resting lists the nodes that serve no reads from the commit on, because they are still to change.
func (b *Broadcast) resting(p *Progress, ix *routing.Index) []string {
	if p.Turns != waves {
		return nil
	}
	return p.half(b.Views.View(), ix, false)
}

// committed goes on after the commit.
func (p *Progress) committed() (workflow.Verdict, error) {
	if p.Turns == waves {
		return workflow.Enter(phaseTurn)
	}
	return workflow.Enter(phaseConclude)
}

// contested decides what a refused commit means: an earlier attempt of this workflow that was not recorded, or a
// version that the view had not shown yet when the change was staged.
func (b *Broadcast) contested(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	b.settled(ctx, p)
	ix := b.Views.View().Physical[p.Physical]
	if ix == nil {
		return b.missing(ctx, p)
	}
	if ix.SettingsVersion == p.Base+1 && b.same(p.Physical, ix.Settings, p.View) {
		p.Version = p.Base + 1
		return p.committed()
	}
	return workflow.Enter(phaseStage)
}

// settled waits until this coordinator's own view shows the new version, so that the next change starts from it.
func (b *Broadcast) settled(ctx context.Context, p *Progress) {
	ctx, cancel := context.WithTimeout(ctx, viewPatience)
	defer cancel()
	_, err := b.Views.Wait(ctx, func(v *routing.View) bool {
		ix := v.Physical[p.Physical]
		return ix == nil || ix.SettingsVersion > p.Base
	})
	if err != nil {
		b.Log.Debug().Msg("view does not show the committed settings yet")
	}
}

// same compares settings of an index, however they are sealed.
func (b *Broadcast) same(physical string, x, y []byte) bool {
	place := seal.SettingsPlace(physical)
	x, errX := b.Seal.OpenSettings(place, x)
	y, errY := b.Seal.OpenSettings(place, y)
	one, errOne := parse(x)
	two, errTwo := parse(y)
	return errors.Join(errX, errY, errOne, errTwo) == nil && maps.Equal(one, two)
}

// conclude finishes the task.
func (b *Broadcast) conclude(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	if p.Version > 0 {
		b.told(ctx, p)
	}
	if err := b.release(ctx, p); err != nil {
		return workflow.Verdict{}, err
	}
	t, err := b.Store.Task(ctx, p.Task)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return workflow.Verdict{}, err
	}
	if err == nil && !t.Done() {
		if p.Stopped && p.Failure == nil {
			t.Cancel(b.Now())
		} else {
			t.Finish(b.Now(), p.Failure)
		}
		if _, err := b.Store.FinishTask(ctx, t); err != nil {
			return workflow.Verdict{}, err
		}
	}
	switch {
	case p.Failure != nil:
		b.Log.Info().Str("index", p.Index).Str("code", string(p.Failure.Code)).Msg("settings change failed")
	case p.Stopped:
		b.Log.Info().Str("index", p.Index).Msg("settings change canceled")
	default:
		b.Log.Info().Str("index", p.Index).Uint64("version", p.Version).Msg("settings changed")
	}
	return workflow.Verdict{Error: p.Failure}, nil
}
