package serve

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
)

// settingsView is what the gateway itself needs of an index's settings.
type settingsView struct {
	Displayed    []string // nil: all
	MaxTotalHits int
	Facets       merge.FacetSettings
}

// settingsCache keeps the parsed settings of every physical index, one version each.
type settingsCache struct {
	mu    sync.RWMutex
	known map[string]cachedSettings
}

type cachedSettings struct {
	version uint64
	view    settingsView
}

// maxCachedSettings bounds the cache; beyond it the cache starts over.
const maxCachedSettings = 4096

func (k *settingsCache) of(ix *routing.Index) settingsView {
	k.mu.RLock()
	c, ok := k.known[ix.Physical]
	k.mu.RUnlock()
	if ok && c.version == ix.SettingsVersion {
		return c.view
	}
	v := parseSettings(ix.Settings)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= maxCachedSettings {
		k.known = map[string]cachedSettings{}
	}
	k.known[ix.Physical] = cachedSettings{ix.SettingsVersion, v}
	return v
}

// defaultMaxTotalHits and defaultMaxValues are Meilisearch's defaults of an index without own settings.
const (
	defaultMaxTotalHits = 1000
	defaultMaxValues    = 100
)

func parseSettings(clientView []byte) settingsView {
	var raw struct {
		DisplayedAttributes []string `json:"displayedAttributes"`
		Faceting            struct {
			MaxValuesPerFacet int               `json:"maxValuesPerFacet"`
			SortFacetValuesBy map[string]string `json:"sortFacetValuesBy"`
		} `json:"faceting"`
		Pagination struct {
			MaxTotalHits int `json:"maxTotalHits"`
		} `json:"pagination"`
	}
	v := settingsView{MaxTotalHits: defaultMaxTotalHits, Facets: merge.FacetSettings{MaxValues: defaultMaxValues}}
	if len(clientView) == 0 || json.Unmarshal(clientView, &raw) != nil {
		return v
	}
	if len(raw.DisplayedAttributes) != 1 || raw.DisplayedAttributes[0] != "*" {
		v.Displayed = raw.DisplayedAttributes
	}
	if raw.Pagination.MaxTotalHits > 0 {
		v.MaxTotalHits = raw.Pagination.MaxTotalHits
	}
	if raw.Faceting.MaxValuesPerFacet > 0 {
		v.Facets.MaxValues = raw.Faceting.MaxValuesPerFacet
	}
	v.Facets.SortBy = map[string]merge.FacetOrder{}
	for name, order := range raw.Faceting.SortFacetValuesBy {
		if order == "count" {
			v.Facets.SortBy[name] = merge.FacetCount
		} else {
			v.Facets.SortBy[name] = merge.FacetAlpha
		}
	}
	return v
}

// getSettings lets a node answer; its sidecar shows the client's view.
func (s *Service) getSettings(_ context.Context, c *call) *reply.Reply {
	ix, e := c.index()
	if e != nil {
		return reply.Error(e)
	}
	legs := groupLegs(c.view, ix)
	if len(legs) == 0 {
		return uncovered(every(ix.Shards))
	}
	path := "/indexes/" + ix.Physical + "/settings"
	if c.op.Setting != "" {
		path += "/" + c.op.Setting
	}
	return s.routeTo(c, ix, legs[0], path)
}

// updateSettings serves PATCH, PUT and DELETE of settings and their sub-routes.
func (s *Service) updateSettings(_ context.Context, c *call) *reply.Reply {
	return reply.Error(apierr.New(apierr.MiroirNotImplemented, "Changing settings is not implemented yet."))
}
