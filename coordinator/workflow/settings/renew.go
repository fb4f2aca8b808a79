package settings

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// SealStore keeps what holds seals; *state.Client does.
type SealStore interface {
	AmendSettings(ctx context.Context, physical string, change func(*routing.SettingsRecord) error) error
	AmendTask(ctx context.Context, uid uint32, change func(*task.Record)) (task.Record, error)
	AmendDoneTask(ctx context.Context, uid uint32, change func(*task.Record)) (task.Record, error)
}

// History is the cache of all tasks; *state.TaskWatch is one.
type History interface {
	Each(ascending bool, visit func(*task.Record) bool)
}

// Renewal seals anew what stands in the store in clear, as versions did that knew no seals, or sealed with a key that seals
// no more. All fields must be set.
type Renewal struct {
	Store   SealStore
	Seal    *seal.Box
	Views   Views
	Tasks   History
	Log     zerolog.Logger
	Metrics *Metrics
}

// Run goes through everything once. What can not be opened stays as it is, and is counted.
func (n *Renewal) Run(ctx context.Context) error {
	renewed, left := 0, 0
	count := func(err error) error {
		switch {
		case errors.Is(err, seal.ErrNotOpened):
			left++
		case errors.Is(err, state.ErrNotFound): // gone meanwhile
		case err != nil:
			return err
		default:
			renewed++
		}
		return nil
	}
	for physical, ix := range n.Views.View().Physical {
		if n.Seal.Outdated(ix.Settings) {
			if err := count(n.settings(ctx, physical)); err != nil {
				return err
			}
		}
	}
	for _, uid := range n.outdatedTasks() {
		if err := count(n.task(ctx, uid)); err != nil {
			return err
		}
	}
	n.Metrics.outdated.Set(float64(left))
	if renewed > 0 || left > 0 {
		n.Log.Info().Int("renewed", renewed).Int("left", left).Msg("secrets in the store sealed with the present key")
	}
	return nil
}

func (n *Renewal) settings(ctx context.Context, physical string) error {
	place := seal.SettingsPlace(physical)
	return n.Store.AmendSettings(ctx, physical, func(rec *routing.SettingsRecord) (err error) {
		rec.ClientView, err = n.Seal.Move(place, place, rec.ClientView)
		return err
	})
}

// outdatedTasks lists changes of settings, newest first, that have to be sealed anew.
func (n *Renewal) outdatedTasks() (uids []uint32) {
	n.Tasks.Each(false, func(r *task.Record) bool {
		if r.Type == task.SettingsUpdate && (n.Seal.Outdated(r.Details) || n.Seal.Outdated(membersOf(r.Op))) {
			uids = append(uids, r.UID)
		}
		return true
	})
	return uids
}

func membersOf(op json.RawMessage) []byte {
	var p meili.SettingsPatch
	if json.Unmarshal(op, &p) != nil {
		return nil
	}
	return p.Members
}

func (n *Renewal) task(ctx context.Context, uid uint32) error {
	var failed error
	place := seal.TaskPlace(uid)
	change := func(r *task.Record) {
		details, errDetails := n.Seal.Move(place, place, meili.MaskSettings(r.Details))
		members, errMembers := n.Seal.Move(place, place, membersOf(r.Op))
		if failed = errors.Join(errDetails, errMembers); failed != nil {
			return
		}
		r.Details = details
		r.Op, failed = json.Marshal(meili.SettingsPatch{Members: slices.Clone(members)})
	}
	_, err := n.Store.AmendTask(ctx, uid, change)
	if errors.Is(err, state.ErrNotFound) {
		_, err = n.Store.AmendDoneTask(ctx, uid, change)
	}
	return errors.Join(err, failed)
}
