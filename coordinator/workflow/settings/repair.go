package settings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/miroir-search/miroir/coordinator/errand"
	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// change is one accepted change of an index's settings.
type change struct {
	uid      uint32
	patch    meili.SettingsPatch
	canceled bool // somebody wants it stopped, and no node will say so
}

// pending lists the workflow's own change first, and then the later ones of the same index, which nodes may have already:
// the gateway that accepts a change presents it to them, unless they take it in turns.
func (b *Broadcast) pending(ctx context.Context, p *Progress) ([]change, error) {
	t, err := b.Store.Task(ctx, p.Task)
	if err != nil {
		return nil, err
	}
	own, err := b.change(t)
	if err != nil {
		return nil, err
	}
	list := []change{own}
	v := b.Views.View()
	for _, r := range b.Tasks.Open() {
		if r.Type != task.SettingsUpdate || r.UID <= p.Task || len(r.Targets) == 0 || physicalOf(v, r) != p.Physical {
			continue
		}
		if later, err := b.change(r); err == nil {
			list = append(list, later)
		}
	}
	return list, nil
}

// change reads the change that a task is about, with its secrets.
func (b *Broadcast) change(r task.Record) (change, error) {
	c := change{uid: r.UID, canceled: unsentAndCanceled(r)}
	if err := json.Unmarshal(r.Op, &c.patch); err != nil {
		return c, fmt.Errorf("settings patch: %w", err)
	}
	var err error
	if c.patch.Members, err = b.Seal.OpenSettings(seal.TaskPlace(r.UID), c.patch.Members); err != nil {
		return c, fmt.Errorf("settings patch: %w", err)
	}
	return c, nil
}

// withdrawn ends a workflow whose task is no more: every node refused the change at once, and the client was told so. Any
// other error is one of the store.
func withdrawn(err error) (workflow.Verdict, error) {
	if errors.Is(err, state.ErrNotFound) {
		return workflow.Verdict{}, nil
	}
	return workflow.Verdict{}, err
}

// named lists the members of all changes.
func named(changes []change) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	for _, c := range changes {
		maps.Copy(all, namedIn(c.patch))
	}
	return all
}

// repair brings the nodes together again: what no change names becomes what the reference shows, then all changes are
// carried out once more in the order of their tasks, on every node. The next verify decides.
func (b *Broadcast) repair(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	pause := b.Limits.RepairPause / 10
	if p.Repairs > 1 {
		pause = b.Limits.RepairPause << (p.Repairs - 2)
	}
	if err := errand.Sleep(ctx, pause); err != nil {
		return workflow.Verdict{}, err
	}
	ix := b.Views.View().Physical[p.Physical]
	if ix == nil {
		return b.missing(ctx, p)
	}
	changes, err := b.pending(ctx, p)
	if err != nil {
		return withdrawn(err)
	}
	s, err := b.look(ctx, p, ix, changes)
	if err != nil {
		return workflow.Verdict{}, err
	}
	committed := b.committed(ix)
	want := maps.Clone(s.shown[s.reference])
	for name := range named(changes) {
		delete(want, name)
	}
	suffix := ".repair" + task.DispatchID(p.Task) + "." + strconv.Itoa(p.Repairs)
	b.Metrics.repairs.Add(float64(max(1, len(s.differing))))
	b.each(ctx, p, b.inTurn(p, b.Views.View(), ix), func(ctx context.Context, c *contact) error {
		if shown, ok := s.shown[c.Node]; ok {
			if body := shown.difference(want, committed); body != nil {
				if err := c.change(ctx, body, task.DispatchID(p.Task)+suffix+".rest"); err != nil {
					return err
				}
			}
		}
		return c.replay(ctx, changes, suffix)
	})
	if ctx.Err() != nil {
		return workflow.Verdict{}, context.Cause(ctx)
	}
	return workflow.Enter(phaseVerify)
}

// replay carries changes out again, under dispatch ids of their own. A change that the engine refuses is left to the
// workflow of its own task.
func (c *contact) replay(ctx context.Context, changes []change, suffix string) error {
	for _, one := range changes {
		err := c.change(ctx, one.patch.NodeBody(), task.DispatchID(one.uid)+suffix)
		if no := (errand.Refusal{}); err != nil && !errors.As(err, &no) {
			return err
		}
	}
	return nil
}
