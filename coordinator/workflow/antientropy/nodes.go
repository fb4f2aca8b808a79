package antientropy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
)

// Longest waits for an answer of a node.
const (
	scanTimeout = 15 * time.Minute
	askTimeout  = 2 * time.Minute
)

// errLeft says that a node has no complete copy any more.
var errLeft = errors.New("the copy is not complete any more")

// remote is the sidecar of one copy.
type remote struct {
	nodes   client.Doer
	node    string
	address string
}

func (r remote) ask(ctx context.Context, timeout time.Duration, path string, question any) ([]byte, error) {
	body, err := client.Ask(ctx, r.nodes, r.address, path, question, timeout)
	var no client.Refusal
	switch {
	case errors.As(err, &no) && (no.Code == nodeapi.CodeDirtySource || no.Code == nodeapi.CodeStalePlacement):
		return nil, errLeft
	case err != nil:
		return nil, fmt.Errorf("ask node: %w", err)
	}
	return body, nil
}

func (r remote) digest(ctx context.Context, q nodeapi.InventoryQuery) (nodeapi.ShardDigest, error) {
	return client.Into[nodeapi.ShardDigest](r.ask(ctx, scanTimeout, nodeapi.PathDigest, q))
}

func (r remote) strays(ctx context.Context, q nodeapi.StraysQuery) (nodeapi.Strays, error) {
	return client.Into[nodeapi.Strays](r.ask(ctx, askTimeout, nodeapi.PathStrays, q))
}

// leaves asks for a list of leaves.
func (r remote) leaves(ctx context.Context, path string, q any, visit func(nodeapi.Leaf)) error {
	timeout := askTimeout
	if path == nodeapi.PathInventory {
		timeout = scanTimeout
	}
	body, err := r.ask(ctx, timeout, path, q)
	if err != nil {
		return err
	}
	return nodeapi.EachLine(body, false, func(line []byte) error {
		l, err := nodeapi.ParseLeaf(line)
		if err == nil {
			visit(l)
		}
		return err
	})
}

func (r remote) mend(ctx context.Context, q nodeapi.Mend) (nodeapi.RepairResult, error) {
	return client.Into[nodeapi.RepairResult](r.ask(ctx, scanTimeout, nodeapi.PathMend, q))
}
