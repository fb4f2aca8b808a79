package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
)

// Longest waits for an answer of the source.
const (
	peerTimeout = 2 * time.Minute
	scanTimeout = 15 * time.Minute // of one that has to read a shard
)

// peer is the sidecar of the source.
type peer struct {
	send    client.Doer
	address string
}

// ask sends a question and returns the answer's body.
func (p peer) ask(ctx context.Context, path string, question any) ([]byte, error) {
	timeout := peerTimeout
	if path == nodeapi.PathDigest || path == nodeapi.PathInventory {
		timeout = scanTimeout
	}
	body, err := client.Ask(ctx, p.send, p.address, path, question, timeout)
	var no client.Refusal
	switch {
	case errors.As(err, &no) && no.Code == nodeapi.CodeDirtySource:
		return nil, ErrDirty
	case err != nil:
		return nil, fmt.Errorf("ask source: %w", err)
	}
	return body, nil
}

func (p peer) changes(ctx context.Context, q nodeapi.ChangesQuery) (nodeapi.Changes, error) {
	return client.Into[nodeapi.Changes](p.ask(ctx, nodeapi.PathChanges, q))
}

func (p peer) digest(ctx context.Context, q nodeapi.InventoryQuery) (nodeapi.ShardDigest, error) {
	return client.Into[nodeapi.ShardDigest](p.ask(ctx, nodeapi.PathDigest, q))
}

// copies asks for documents, as often as it takes to get all of them.
func (p peer) copies(ctx context.Context, index string, some []nodeapi.Document, visit func(nodeapi.Copy) error) error {
	for len(some) > 0 {
		body, err := p.ask(ctx, nodeapi.PathCopies, nodeapi.CopiesQuery{Index: index, Documents: some})
		if err != nil {
			return err
		}
		n := 0
		if err := nodeapi.EachLine(body, true, func(line []byte) error {
			c, err := nodeapi.ParseCopy(line)
			if err == nil && (n == len(some) || c.Document != some[n]) {
				err = nodeapi.ErrList
			}
			if err != nil {
				return err
			}
			n++
			return visit(c)
		}); err != nil {
			return err
		}
		if n == 0 {
			return nodeapi.ErrList
		}
		some = some[n:]
	}
	return nil
}

func (p peer) inventory(ctx context.Context, q nodeapi.InventoryQuery, visit func(nodeapi.Leaf) error) error {
	body, err := p.ask(ctx, nodeapi.PathInventory, q)
	if err != nil {
		return err
	}
	return nodeapi.EachLine(body, false, func(line []byte) error {
		l, err := nodeapi.ParseLeaf(line)
		if err != nil {
			return err
		}
		return visit(l)
	})
}
