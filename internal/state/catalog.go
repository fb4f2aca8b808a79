package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

// CreateIndex adds a logical index with its placement and first settings in one transaction, if the name is free;
// created is false when an index or an alias has it. settings may be the zero record: then none are written.
func (c *Client) CreateIndex(
	ctx context.Context, ix routing.IndexRecord, p routing.PlacementRecord, settings routing.SettingsRecord,
) (created bool, err error) {
	return c.With(Receipt{}).CreateIndex(ctx, ix, p, settings)
}

// CreateIndex is Client.CreateIndex. The receipt has a claim only: the task comes when the index is known.
func (e Effect) CreateIndex(
	ctx context.Context, ix routing.IndexRecord, p routing.PlacementRecord, settings routing.SettingsRecord,
) (created bool, err error) {
	c := e.client
	key := c.key(routing.FamilyIndexes, ix.UID)
	ops, err := c.indexOps(ix, p, settings)
	if err != nil {
		return false, err
	}
	res, err := c.commitClaimed(ctx, "create index", e.receipt.Claim,
		[]clientv3.Cmp{absent(key), absent(c.key(routing.FamilyAliases, ix.UID))}, ops, nil)
	if err != nil {
		return false, err
	}
	return res.Succeeded, nil
}

func (c *Client) indexOps(ix routing.IndexRecord, p routing.PlacementRecord, s routing.SettingsRecord) ([]clientv3.Op, error) {
	one, err := putOp(c.key(routing.FamilyIndexes, ix.UID), ix)
	if err != nil {
		return nil, err
	}
	two, err := putOp(c.key(routing.FamilyPlacement, ix.Physical), p)
	if err != nil {
		return nil, err
	}
	ops := []clientv3.Op{one, two}
	if s.V != 0 {
		three, err := putOp(c.key(routing.FamilySettings, ix.Physical), s)
		if err != nil {
			return nil, err
		}
		ops = append(ops, three)
	}
	return ops, nil
}

// Index reads a catalog entry from the store itself, not from a cache.
func (c *Client) Index(ctx context.Context, uid string) (routing.IndexRecord, error) {
	value, _, err := c.get(ctx, c.key(routing.FamilyIndexes, uid))
	if err != nil {
		return routing.IndexRecord{}, err
	}
	return routing.Decode[routing.IndexRecord](value)
}

// DeleteIndex removes a logical index and everything kept about its physical one. deleted is false when the name no
// longer points to that physical index. leave says what becomes of an alias that stands for it: the record without it, or
// nil, which refuses the deletion with a TargetedError.
func (c *Client) DeleteIndex(ctx context.Context, uid, physical string, leave Leaving) (deleted bool, err error) {
	return c.With(Receipt{}).DeleteIndex(ctx, uid, physical, leave)
}

// DeleteIndex is Client.DeleteIndex.
func (e Effect) DeleteIndex(ctx context.Context, uid, physical string, leave Leaving) (deleted bool, err error) {
	c := e.client
	key := c.key(routing.FamilyIndexes, uid)
	for range maxTries {
		value, rev, err := c.get(ctx, key)
		if err != nil {
			return false, err
		}
		rec, err := routing.Decode[routing.IndexRecord](value)
		if err != nil || rec.Physical != physical {
			return false, err
		}
		ops, others, err := c.release(ctx, uid, leave)
		if err != nil {
			return false, err
		}
		res, err := c.commitWith(ctx, "delete index", e.receipt, []clientv3.Cmp{unchanged(key, rev), others}, append(ops,
			clientv3.OpDelete(key),
			clientv3.OpDelete(c.key(routing.FamilyPlacement, physical)),
			clientv3.OpDelete(c.key(routing.FamilySettings, physical)),
			clientv3.OpDelete(c.key(routing.FamilyDirty, physical, "/"), clientv3.WithPrefix()),
			clientv3.OpDelete(c.key(routing.FamilyNodeSettings, physical, "/"), clientv3.WithPrefix()),
		), nil)
		if err != nil || res.Succeeded {
			return err == nil, err
		}
	}
	return false, nil
}

// UpdateIndex changes a catalog entry by compare-and-swap; change may be called again with a newer record and refuses by
// an error, which is returned.
func (c *Client) UpdateIndex(ctx context.Context, uid string, change func(*routing.IndexRecord) error) (routing.IndexRecord, error) {
	return amend(ctx, c, c.key(routing.FamilyIndexes, uid), routing.Decode[routing.IndexRecord], change)
}

// RenameIndex gives a logical index another name in one transaction. ErrNotFound when there is no such index,
// ErrConflict when an index or an alias has the new name. Aliases of the index keep its old name.
func (c *Client) RenameIndex(ctx context.Context, from, to string) error {
	return c.With(Receipt{}).RenameIndex(ctx, from, to)
}

// RenameIndex is Client.RenameIndex.
func (e Effect) RenameIndex(ctx context.Context, from, to string) error {
	c := e.client
	src, dst, alias := c.key(routing.FamilyIndexes, from), c.key(routing.FamilyIndexes, to), c.key(routing.FamilyAliases, to)
	for {
		value, rev, err := c.get(ctx, src)
		if err != nil {
			return err
		}
		rec, err := routing.Decode[routing.IndexRecord](value)
		if err != nil {
			return err
		}
		rec.UID = to
		put, err := putOp(dst, rec)
		if err != nil {
			return err
		}
		res, err := c.commitWith(ctx, "rename index", e.receipt, []clientv3.Cmp{unchanged(src, rev), absent(dst), absent(alias)},
			[]clientv3.Op{clientv3.OpDelete(src), put}, []clientv3.Op{clientv3.OpGet(dst), clientv3.OpGet(alias)})
		if err != nil {
			return err
		}
		if res.Succeeded {
			return nil
		}
		for _, taken := range res.Responses {
			if len(taken.GetResponseRange().Kvs) > 0 {
				return fmt.Errorf("rename index: %w", ErrConflict)
			}
		}
	}
}

// PutSettings commits the settings of a physical index if their version is still expected (0: none are there yet).
// ErrConflict otherwise.
func (c *Client) PutSettings(ctx context.Context, physical string, rec routing.SettingsRecord, expected uint64) error {
	key := c.key(routing.FamilySettings, physical)
	value, rev, err := c.get(ctx, key)
	cmp := absent(key)
	switch {
	case err == nil:
		old, err := routing.Decode[routing.SettingsRecord](value)
		if err != nil {
			return err
		}
		if old.Version != expected {
			return fmt.Errorf("settings at version %d: %w", old.Version, ErrConflict)
		}
		cmp = unchanged(key, rev)
	case expected != 0:
		return err
	}
	done, err := c.writeIf(ctx, key, rec, cmp)
	if err == nil && !done {
		return fmt.Errorf("put settings: %w", ErrConflict)
	}
	return err
}

// AmendSettings changes the settings record of a physical index by compare-and-swap and leaves its version alone; change may be
// called again with a newer record and refuses by an error, which is returned. ErrNotFound when there is none.
func (c *Client) AmendSettings(ctx context.Context, physical string, change func(*routing.SettingsRecord) error) error {
	_, err := amend(ctx, c, c.key(routing.FamilySettings, physical), routing.Decode[routing.SettingsRecord], change)
	return err
}

// FreezeSettings notes that an index takes no writes of documents, or with nil that it takes them again. Where no settings were
// committed the note stands in a record of version 0. ErrNotFound when there is nothing to take back.
func (c *Client) FreezeSettings(ctx context.Context, physical string, f *routing.Freeze) error {
	return c.noteSettings(ctx, physical, f != nil, func(rec *routing.SettingsRecord) { rec.Frozen = f })
}

// RestSettings notes which nodes serve no reads of an index as far as others do, or with nil that all do. Where no settings were
// committed the note stands in a record of version 0. ErrNotFound when there is nothing to take back.
func (c *Client) RestSettings(ctx context.Context, physical string, nodes []string) error {
	return c.noteSettings(ctx, physical, nodes != nil, func(rec *routing.SettingsRecord) { rec.Resting = nodes })
}

// noteSettings changes a settings record and leaves its version alone. create says that one without settings is made where there
// is none and the index is placed.
func (c *Client) noteSettings(ctx context.Context, physical string, create bool, note func(*routing.SettingsRecord)) error {
	key := c.key(routing.FamilySettings, physical)
	for {
		err := c.AmendSettings(ctx, physical, func(rec *routing.SettingsRecord) error {
			note(rec)
			return nil
		})
		if !create || !errors.Is(err, ErrNotFound) {
			return err
		}
		fresh := routing.SettingsRecord{V: routing.Version}
		note(&fresh)
		put, err := putOp(key, fresh)
		if err != nil {
			return err
		}
		placed := c.key(routing.FamilyPlacement, physical)
		res, err := c.commit(ctx, "note settings", []clientv3.Cmp{absent(key), present(placed)}, []clientv3.Op{put}, []clientv3.Op{clientv3.OpGet(placed)})
		if err != nil || res.Succeeded {
			return err
		}
		if len(res.Responses[0].GetResponseRange().Kvs) == 0 {
			return fmt.Errorf("note settings: %w", ErrNotFound)
		}
	}
}

// CommittedSettings reads the settings record of a physical index from the store itself; the zero record when there is none.
// underway says that a task is about to change it, or that it was when the record was read.
func (c *Client) CommittedSettings(ctx context.Context, physical string) (rec routing.SettingsRecord, underway bool, err error) {
	// The tasks first: one that ended before has its effect in the record.
	_, err = c.scan(ctx, c.key(familyOpen), 0, func(kv *mvccpb.KeyValue) error {
		var r struct {
			Type     string `json:"type"`
			Physical string `json:"physical"`
		}
		if err := json.Unmarshal(kv.Value, &r); err != nil {
			return err
		}
		underway = underway || r.Type == task.SettingsUpdate && r.Physical == physical
		return nil
	})
	if err != nil {
		return rec, underway, err
	}
	value, _, err := c.get(ctx, c.key(routing.FamilySettings, physical))
	if errors.Is(err, ErrNotFound) {
		return rec, underway, nil
	}
	if err == nil {
		rec, err = routing.Decode[routing.SettingsRecord](value)
	}
	return rec, underway, err
}

// PutNodeSettings records what a node's engine shows as the settings of a physical index. ErrNotFound when the index is no
// longer placed: nothing would ever remove the record.
func (c *Client) PutNodeSettings(ctx context.Context, physical, node string, rec routing.NodeSettingsRecord) error {
	put, err := putOp(c.key(routing.FamilyNodeSettings, physical, "/", node), rec)
	if err != nil {
		return err
	}
	res, err := c.commit(ctx, "put settings of a node", []clientv3.Cmp{present(c.key(routing.FamilyPlacement, physical))}, []clientv3.Op{put}, nil)
	if err == nil && !res.Succeeded {
		return fmt.Errorf("put settings of a node: %w", ErrNotFound)
	}
	return err
}
