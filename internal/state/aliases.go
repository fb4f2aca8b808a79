package state

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/internal/routing"
)

// Alias reads an alias from the store itself, not from a cache, with the revision of its record. ErrNotFound when there is
// none.
func (c *Client) Alias(ctx context.Context, name string) (rec routing.AliasRecord, revision int64, err error) {
	value, revision, err := c.get(ctx, c.key(routing.FamilyAliases, name))
	if err != nil {
		return rec, 0, err
	}
	rec, err = routing.Decode[routing.AliasRecord](value)
	return rec, revision, err
}

// Aliases reads all aliases from the store itself, ascending by name.
func (c *Client) Aliases(ctx context.Context) ([]routing.AliasRecord, error) {
	var list []routing.AliasRecord
	err := c.each(ctx, routing.FamilyAliases, func(_ string, value []byte) error {
		rec, err := routing.Decode[routing.AliasRecord](value)
		list = append(list, rec)
		return err
	})
	return list, err
}

// AliasFacts are what a change of an alias is decided by.
type AliasFacts struct {
	Old      *routing.AliasRecord           // nil: there is no such alias
	Revision int64                          // of Old
	IsIndex  bool                           // an index has the name
	Indexes  map[string]routing.IndexRecord // those of the wanted targets, and of a single alias's own, that exist
	Aliases  map[string]bool                // wanted targets that are aliases themselves
	Count    int64                          // aliases in the cluster
}

// AliasVerdict is the record that takes the old one's place. The zero verdict leaves everything as it is.
type AliasVerdict struct {
	Put    *routing.AliasRecord
	Delete bool
}

// ChangeAlias decides about an alias and commits the verdict in one transaction, which holds only while everything that it
// was decided by does: two changes of one alias happen one after the other, and no name becomes an alias and an index.
// decide may be called again, and refuses by an error, which is returned. revision is that of the alias after it.
func (c *Client) ChangeAlias(
	ctx context.Context, name string, targets []string, decide func(AliasFacts) (AliasVerdict, error),
) (revision int64, err error) {
	for {
		facts, hold, err := c.aliasFacts(ctx, name, targets)
		if err != nil {
			return 0, err
		}
		verdict, err := decide(facts)
		if err != nil {
			return 0, err
		}
		op := clientv3.OpDelete(c.key(routing.FamilyAliases, name))
		switch {
		case verdict.Put != nil:
			if op, err = putOp(c.key(routing.FamilyAliases, name), verdict.Put); err != nil {
				return 0, err
			}
		case !verdict.Delete:
			return facts.Revision, nil
		}
		res, err := c.commit(ctx, "change alias", hold, []clientv3.Op{op}, nil)
		if err != nil {
			return 0, err
		}
		if res.Succeeded {
			return res.Header.Revision, nil
		}
	}
}

// aliasFacts reads what a change rests on, and the comparisons that say that it still holds.
func (c *Client) aliasFacts(ctx context.Context, name string, targets []string) (f AliasFacts, hold []clientv3.Cmp, err error) {
	f = AliasFacts{Indexes: map[string]routing.IndexRecord{}, Aliases: map[string]bool{}}
	key := c.key(routing.FamilyAliases, name)
	rec, revision, err := c.Alias(ctx, name)
	switch {
	case errors.Is(err, ErrNotFound):
		hold = append(hold, absent(key))
	case err != nil:
		return f, nil, err
	default:
		f.Old, f.Revision, hold = &rec, revision, append(hold, unchanged(key, revision))
	}
	_, cmp, err := c.readIndex(ctx, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return f, nil, err
	}
	f.IsIndex, hold = err == nil, append(hold, cmp)
	wanted := targets
	if f.Old != nil && f.Old.Kind == routing.AliasSingle && len(targets) > 0 && targets[0] != f.Old.Target {
		wanted = append([]string{f.Old.Target}, targets...)
	}
	for _, uid := range wanted {
		ix, cmp, err := c.readIndex(ctx, uid)
		switch {
		case err == nil:
			f.Indexes[uid], hold = ix, append(hold, cmp)
			continue
		case !errors.Is(err, ErrNotFound):
			return f, nil, err
		}
		// A name that is an index's is no alias's. Of one that is no index's it matters whether it is an alias.
		switch _, _, err = c.Alias(ctx, uid); {
		case err == nil:
			f.Aliases[uid] = true
		case !errors.Is(err, ErrNotFound):
			return f, nil, err
		default:
			hold = append(hold, absent(c.key(routing.FamilyAliases, uid)))
		}
	}
	f.Count, err = c.count(ctx, routing.FamilyAliases)
	return f, hold, err
}

// count is the number of keys of a family.
func (c *Client) count(ctx context.Context, family string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, c.op)
	defer cancel()
	res, err := c.etcd.Get(ctx, c.key(family), clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		return 0, unavailable("count", err)
	}
	return res.Count, nil
}

// TargetedError says that an index can not be deleted because aliases stand for it.
type TargetedError struct {
	UID     string
	Aliases []string
}

// Leaving says what becomes of an alias when a target of it is deleted: the record without it, or nil, which refuses.
type Leaving func(routing.AliasRecord) *routing.AliasRecord

// maxTries bounds how often a transaction that rests on many records is tried.
const maxTries = 50

// Error implements error.
func (e *TargetedError) Error() string {
	return fmt.Sprintf("%d aliases stand for the index", len(e.Aliases))
}

// Unwrap makes it a conflict.
func (e *TargetedError) Unwrap() error { return ErrConflict }

// release takes an index out of the aliases that stand for it: the operations that do so, and the comparison that says that
// there are no others. leave decides about one of them; nil refuses, and a TargetedError names all that were refused.
func (c *Client) release(ctx context.Context, uid string, leave Leaving) ([]clientv3.Op, clientv3.Cmp, error) {
	var ops []clientv3.Op
	refused := &TargetedError{UID: uid}
	family := c.key(routing.FamilyAliases)
	revision, err := c.scan(ctx, family, 0, func(kv *mvccpb.KeyValue) error {
		rec, err := routing.Decode[routing.AliasRecord](kv.Value)
		if err != nil || !slices.Contains(rec.UIDs(), uid) {
			return err
		}
		left := leave(rec)
		if left == nil {
			refused.Aliases = append(refused.Aliases, rec.Name)
			return nil
		}
		op, err := putOp(string(kv.Key), left)
		ops = append(ops, op)
		return err
	})
	// A comparison of a range holds when it holds for every key, and for a range without keys.
	cmp := clientv3.Compare(clientv3.ModRevision(family).WithPrefix(), "<", revision+1)
	switch {
	case err != nil:
		return nil, cmp, err
	case len(refused.Aliases) > 0:
		return nil, cmp, fmt.Errorf("delete index: %w", refused)
	case len(ops) > maxTxnOps/2:
		return nil, cmp, fmt.Errorf("delete index of %d aliases: %w", len(ops), ErrTooLarge)
	}
	return ops, cmp, nil
}

// ErrAliasMoved says that an alias stands for something else than the caller knows.
var ErrAliasMoved = fmt.Errorf("alias: %w", ErrConflict)

// AliasAt is an alias as somebody knows it.
type AliasAt struct {
	Name     string
	Revision int64 // of its record
}
