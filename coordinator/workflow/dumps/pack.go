package dumps

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/dump"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
)

// pack makes the archive of what was collected.
func (c *Creator) pack(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	if c.over(p.Task) {
		return c.abandon(p)
	}
	v := c.Views.View()
	for _, physical := range p.Indexes {
		ix := v.Physical[physical]
		if ix == nil || ix.PrimaryKey == "" {
			continue
		}
		have, err := c.Folder.shards(p.Dump, physical)
		if err != nil {
			return c.broken(p, err)
		}
		if len(have) < ix.Shards {
			return workflow.Enter(phaseCollect) // another coordinator collected, in a folder of its own
		}
	}
	keys, err := c.Store.Keys(ctx)
	if err != nil {
		return workflow.Verdict{}, err
	}
	webhooks, err := c.webhooks(ctx)
	if err != nil {
		return workflow.Verdict{}, err
	}
	content := dump.Content{Date: c.Now(), Keys: keysOf(keys), Webhooks: webhooks}
	content.DBVersion, content.Features = c.engine(ctx, v)
	p.Documents = 0
	p.Bytes, err = c.Folder.write(p.Dump, func(to io.Writer) error { return c.archive(ctx, p, v, content, to) },
		func() string { return c.Folder.Path(p.Dump) })
	if err != nil {
		return c.broken(p, err)
	}
	return workflow.Enter(phaseConclude)
}

// archive writes the dump.
func (c *Creator) archive(ctx context.Context, p *Progress, v *routing.View, content dump.Content, to io.Writer) error {
	w, err := dump.NewWriter(to, content)
	if err != nil {
		return err
	}
	for _, physical := range p.Indexes {
		ix := v.Physical[physical]
		if ix == nil {
			continue // deleted meanwhile
		}
		settings := c.settingsOf(ix)
		m := dump.IndexMetadata{UID: ix.UID, CreatedAt: ix.CreatedAt, UpdatedAt: ix.UpdatedAt}
		if ix.PrimaryKey != "" {
			m.PrimaryKey = &ix.PrimaryKey
		}
		have, err := c.Folder.shards(p.Dump, physical)
		if err != nil {
			return err
		}
		documents, err := merge(ctx, have)
		if err != nil {
			return err
		}
		err = w.Index(m, settings, documents, documents.size)
		p.Documents += documents.lines
		if err := errors.Join(err, documents.Close()); err != nil {
			return err
		}
	}
	return w.Close()
}

// keysOf turns keys into lines of a dump, the oldest first.
func keysOf(keys []key.Record) []dump.Key {
	slices.SortFunc(keys, func(a, b key.Record) int {
		if n := a.CreatedAt.Compare(b.CreatedAt); n != 0 {
			return n
		}
		return strings.Compare(a.UID, b.UID)
	})
	lines := make([]dump.Key, len(keys))
	for i, k := range keys {
		lines[i] = dump.Key{
			Description: k.Description, Name: k.Name, UID: k.UID, Actions: k.Actions, Indexes: k.Indexes, ExpiresAt: k.ExpiresAt,
			CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt,
		}
	}
	return lines
}

// webhooks are those of clients, in clear as in a dump of Meilisearch. One that can not be opened is left out.
func (c *Creator) webhooks(ctx context.Context) (map[string]meili.Webhook, error) {
	set, err := c.Store.Webhooks(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]meili.Webhook{}
	for _, r := range set.List {
		if r.UUID == meili.CommandWebhook {
			continue
		}
		w, err := r.Open(c.Seal)
		if err != nil {
			c.Log.Error().Err(err).Msg("dump lacks a webhook that can not be opened")
			continue
		}
		all[r.UUID] = w
	}
	return all, nil
}

// engine asks a node for its version and the experimental features, which are the same everywhere. A dump without them is
// one of an instance that has none on.
func (c *Creator) engine(ctx context.Context, v *routing.View) (version string, features json.RawMessage) {
	for _, id := range v.AllNodes() {
		n := v.Nodes[id]
		if !n.OK {
			continue
		}
		if version == "" {
			version = n.EngineVersion
		}
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		a, err := c.Nodes.Do(ctx, client.Request{Address: n.Address, Method: http.MethodGet, Path: "/experimental-features"})
		cancel()
		if err == nil && a.Status == http.StatusOK && rawjson.Valid(a.Body) {
			return version, a.Body
		}
	}
	return version, nil
}

// settingsOf is the settings of an index as a dump holds them: as in one of Meilisearch, secrets in clear. A secret that is
// only known masked is left out: whoever loads the dump would otherwise send the mask.
func (c *Creator) settingsOf(ix *routing.Index) json.RawMessage {
	if len(ix.Settings) == 0 {
		return json.RawMessage(`{}`)
	}
	opened, err := c.Seal.OpenSettings(seal.SettingsPlace(ix.Physical), ix.Settings)
	if err != nil {
		c.Log.Error().Err(err).Str("index", ix.UID).Msg("dump lacks secrets that can not be opened")
	}
	return meili.DropMasks(opened)
}
