package transfer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
)

// Longest waits for an answer of the source.
const (
	peerTimeout = 2 * time.Minute
	scanTimeout = 15 * time.Minute // of one that has to read a shard
)

// Sender sends requests to another sidecar; *client.Client does.
type Sender interface {
	Do(ctx context.Context, r client.Request) (client.Answer, error)
}

// peer is the sidecar of the source.
type peer struct {
	send    Sender
	address string
}

// ask sends a question and returns the answer's body.
func (p peer) ask(ctx context.Context, path string, question any) ([]byte, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, fmt.Errorf("ask source: %w", err)
	}
	timeout := peerTimeout
	if path == nodeapi.PathDigest || path == nodeapi.PathInventory {
		timeout = scanTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	a, err := p.send.Do(ctx, client.Request{
		Address: p.address, Method: http.MethodPost, Path: path, ContentType: "application/json", Body: body,
	})
	if err != nil {
		return nil, fmt.Errorf("ask source: %w", err)
	}
	if a.Status != http.StatusOK {
		e := apierr.Parse(a.Status, a.Body)
		if e.Code == nodeapi.CodeDirtySource {
			return nil, ErrDirty
		}
		return nil, fmt.Errorf("ask source: it answered %d %s", a.Status, e.Code)
	}
	return a.Body, nil
}

func (p peer) changes(ctx context.Context, q nodeapi.ChangesQuery) (c nodeapi.Changes, err error) {
	body, err := p.ask(ctx, nodeapi.PathChanges, q)
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	return c, err
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
