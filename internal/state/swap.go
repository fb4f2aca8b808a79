package state

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/miroir-search/miroir/internal/routing"
)

// Swap names two logical indexes that exchange what they point to; with Rename the first takes the second, free, name.
type Swap struct {
	A, B   string
	Rename bool
}

// MissingIndexesError lists the names of a swap that do not exist.
type MissingIndexesError struct{ Names []string }

// Error implements error.
func (e *MissingIndexesError) Error() string {
	return fmt.Sprintf("swap: %d indexes do not exist", len(e.Names))
}

// TakenNamesError lists the renames of a swap whose new name an index or an alias has.
type TakenNamesError struct{ Swaps []Swap }

// Error implements error.
func (e *TakenNamesError) Error() string {
	return fmt.Sprintf("swap: %d new names are taken", len(e.Swaps))
}

// Unwrap makes it a conflict.
func (e *TakenNamesError) Unwrap() error { return ErrConflict }

// SwapIndexes exchanges all pairs in one transaction, so that readers see all of it or nothing. It returns a
// MissingIndexesError when names do not exist, and else a TakenNamesError when a rename's new name is taken.
func (c *Client) SwapIndexes(ctx context.Context, swaps []Swap) error {
	return c.With(Receipt{}).SwapIndexes(ctx, swaps)
}

// SwapIndexes is Client.SwapIndexes.
func (e Effect) SwapIndexes(ctx context.Context, swaps []Swap) error {
	c := e.client
	if 2*len(swaps)+receiptOps > maxTxnOps {
		return fmt.Errorf("swap of more than %d pairs: %w", (maxTxnOps-receiptOps)/2, ErrTooLarge)
	}
	for {
		cmps, ops, err := c.swapOps(ctx, swaps)
		if err != nil {
			return err
		}
		res, err := c.commitWith(ctx, "swap indexes", e.receipt, cmps, ops, nil)
		if err != nil || res.Succeeded {
			return err
		}
	}
}

func (c *Client) swapOps(ctx context.Context, swaps []Swap) ([]clientv3.Cmp, []clientv3.Op, error) {
	var cmps []clientv3.Cmp
	var ops []clientv3.Op
	missing, taken := &MissingIndexesError{}, &TakenNamesError{}
	for _, s := range swaps {
		a, cmpA, errA := c.readIndex(ctx, s.A)
		b, cmpB, errB := c.readIndex(ctx, s.B)
		_, _, errAlias := c.get(ctx, c.key(routing.FamilyAliases, s.B))
		for _, err := range []error{errA, errB, errAlias} {
			if err != nil && !errors.Is(err, ErrNotFound) {
				return nil, nil, err
			}
		}
		if errA != nil {
			missing.Names = append(missing.Names, s.A)
		}
		switch {
		case errB != nil && !s.Rename:
			missing.Names = append(missing.Names, s.B)
		case s.Rename && (errB == nil || errAlias == nil):
			taken.Swaps = append(taken.Swaps, s)
		}
		if len(missing.Names)+len(taken.Swaps) > 0 {
			continue
		}
		if cmps = append(cmps, cmpA, cmpB); s.Rename {
			cmps = append(cmps, absent(c.key(routing.FamilyAliases, s.B)))
		}
		a.UID, b.UID = s.B, s.A
		put, err := putOp(c.key(routing.FamilyIndexes, s.B), a)
		if err != nil {
			return nil, nil, err
		}
		other := clientv3.OpDelete(c.key(routing.FamilyIndexes, s.A))
		if !s.Rename {
			if other, err = putOp(c.key(routing.FamilyIndexes, s.A), b); err != nil {
				return nil, nil, err
			}
		}
		ops = append(ops, put, other)
	}
	switch {
	case len(missing.Names) > 0:
		return nil, nil, missing
	case len(taken.Swaps) > 0:
		return nil, nil, taken
	}
	return cmps, ops, nil
}

func (c *Client) readIndex(ctx context.Context, uid string) (routing.IndexRecord, clientv3.Cmp, error) {
	key := c.key(routing.FamilyIndexes, uid)
	value, rev, err := c.get(ctx, key)
	if err != nil {
		return routing.IndexRecord{}, absent(key), err
	}
	rec, err := routing.Decode[routing.IndexRecord](value)
	return rec, unchanged(key, rev), err
}
