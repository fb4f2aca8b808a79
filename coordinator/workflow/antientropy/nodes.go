package antientropy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
)

// Longest waits for an answer of a node.
const (
	scanTimeout = 15 * time.Minute
	askTimeout  = 2 * time.Minute
)

// Nodes asks sidecars; *client.Client does.
type Nodes interface {
	Do(ctx context.Context, r client.Request) (client.Answer, error)
}

// errLeft says that a node has no complete copy any more.
var errLeft = errors.New("the copy is not complete any more")

// remote is the sidecar of one copy.
type remote struct {
	nodes   Nodes
	node    string
	address string
}

func (r remote) ask(ctx context.Context, timeout time.Duration, path string, question any) ([]byte, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, fmt.Errorf("ask node: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	a, err := r.nodes.Do(ctx, client.Request{
		Address: r.address, Method: http.MethodPost, Path: path, ContentType: "application/json", Body: body,
	})
	if err != nil {
		return nil, fmt.Errorf("ask node: %w", err)
	}
	if a.Status != http.StatusOK {
		e := apierr.Parse(a.Status, a.Body)
		if e.Code == nodeapi.CodeDirtySource || e.Code == nodeapi.CodeStalePlacement {
			return nil, errLeft
		}
		return nil, fmt.Errorf("ask node: it answered %d %s", a.Status, e.Code)
	}
	return a.Body, nil
}

func (r remote) digest(ctx context.Context, q nodeapi.InventoryQuery) (d nodeapi.ShardDigest, err error) {
	body, err := r.ask(ctx, scanTimeout, nodeapi.PathDigest, q)
	if err == nil {
		err = json.Unmarshal(body, &d)
	}
	return d, err
}

func (r remote) strays(ctx context.Context, q nodeapi.StraysQuery) (out nodeapi.Strays, err error) {
	body, err := r.ask(ctx, askTimeout, nodeapi.PathStrays, q)
	if err == nil {
		err = json.Unmarshal(body, &out)
	}
	return out, err
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

func (r remote) mend(ctx context.Context, q nodeapi.Mend) (out nodeapi.RepairResult, err error) {
	body, err := r.ask(ctx, scanTimeout, nodeapi.PathMend, q)
	if err == nil {
		err = json.Unmarshal(body, &out)
	}
	return out, err
}
