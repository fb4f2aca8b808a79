package finisher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

// errDisagree says that the nodes do not show equal settings yet.
var errDisagree = errors.New("nodes show different settings")

// commitSettings reads the settings back from every node that has them, requires them to be equal, and writes the view
// that clients see. Running it again with the same outcome commits the same view under a new version, which is harmless.
func (f *Finisher) commitSettings(ctx context.Context, r task.Record) error {
	ix, known := f.Views.View().Physical[r.Physical]
	if !known {
		return nil // deleted meanwhile: nothing to commit to
	}
	node, err := f.agreed(ctx, r)
	if err != nil {
		return err
	}
	var patch meili.SettingsPatch
	if err := json.Unmarshal(r.Op, &patch); err != nil {
		return fmt.Errorf("settings patch of a task: %w", err)
	}
	view, err := meili.ClientView(node, ix.Settings, patch)
	if err != nil {
		return err
	}
	return f.Store.PutSettings(ctx, r.Physical, routing.SettingsRecord{
		V: routing.Version, Version: ix.SettingsVersion + 1, ClientView: view, UpdatedAt: time.Now().UTC(),
	}, ix.SettingsVersion)
}

// agreed is the settings object that all nodes of the task show.
func (f *Finisher) agreed(ctx context.Context, r task.Record) ([]byte, error) {
	v := f.Views.View()
	var first []byte
	for _, t := range r.Targets {
		n, ok := v.Nodes[t.Node]
		if t.Missed || !ok || !n.Alive {
			continue
		}
		a, err := f.Nodes.Do(ctx, client.Request{
			Address: n.Address, Method: http.MethodGet, Path: "/indexes/" + r.Physical + "/settings",
		})
		switch {
		case err != nil:
			return nil, err
		case a.Status != http.StatusOK:
			return nil, fmt.Errorf("node answered %d to its settings", a.Status)
		case first == nil:
			first = a.Body
		case !bytes.Equal(first, a.Body):
			return nil, errDisagree
		}
	}
	if first == nil {
		return nil, errors.New("no node can show its settings")
	}
	return first, nil
}
