package imports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/miroir-search/miroir/internal/dump"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// Existing is an index of the cluster that an index of the dump would be imported into.
type Existing struct {
	PrimaryKey string
	Documents  int64
}

// Catalog is what the cluster has.
type Catalog struct {
	Indexes map[string]Existing
	Keys    []key.Record
}

// Plan is what an import would do.
type Plan struct {
	Indexes   []PlannedIndex `json:"indexes"`
	Keys      PlannedKeys    `json:"keys"`
	Conflicts []Conflict     `json:"conflicts"`
	Skipped   []string       `json:"skipped"` // parts of the dump that stay behind, in words
}

// PlannedIndex is one index to import.
type PlannedIndex struct {
	UID        string  `json:"uid"` // in the dump
	Target     string  `json:"target"`
	PrimaryKey *string `json:"primary_key"`
	Documents  int64   `json:"documents"`
	Bytes      int64   `json:"bytes"`
	Exists     bool    `json:"exists"`
	Staging    string  `json:"staging,omitempty"` // the index that is imported into, to take the target's place
}

// place is the index that is imported into.
func (ix PlannedIndex) place() string {
	if ix.Staging != "" {
		return ix.Staging
	}
	return ix.Target
}

// PlannedKeys says what becomes of the API keys.
type PlannedKeys struct {
	New      int      `json:"new"`
	Existing int      `json:"existing"`           // of the same uid: they stay as they are
	Replaced []string `json:"replaced,omitempty"` // uids of the cluster's own first keys, which make room
}

// Conflict is something that is in the way of an import.
type Conflict struct {
	Index  string `json:"index"`
	Reason string `json:"reason"`
}

// Propose works out what an import of a dump would do to a cluster.
func Propose(s *dump.Summary, o Options, c Catalog) Plan {
	p := Plan{Indexes: []PlannedIndex{}, Conflicts: []Conflict{}, Skipped: skipped(s)}
	taken := map[string]bool{}
	conflict := func(index, format string, args ...any) {
		p.Conflicts = append(p.Conflicts, Conflict{index, fmt.Sprintf(format, args...)})
	}
	for _, ix := range s.Indexes {
		to, wanted := o.target(ix.UID)
		if !wanted {
			p.Skipped = append(p.Skipped, "index `"+ix.UID+"`")
			continue
		}
		there, exists := c.Indexes[to]
		p.Indexes = append(p.Indexes, PlannedIndex{
			UID: ix.UID, Target: to, PrimaryKey: ix.PrimaryKey, Documents: ix.Documents, Bytes: ix.Bytes, Exists: exists,
		})
		switch {
		case taken[to]:
			conflict(to, "two indexes of the dump would have this name")
		case ix.PrimaryKey == nil && ix.Documents > 0:
			conflict(to, "the dump has documents of it and no primary key")
		case exists && there.Documents > 0 && o.Existing == ExistingFail:
			conflict(to, "it exists and has %d documents", there.Documents)
		case o.Existing != ExistingReplace && exists && ix.PrimaryKey != nil && there.PrimaryKey != "" && there.PrimaryKey != *ix.PrimaryKey:
			conflict(to, "it exists with the primary key `%s`, and the dump has `%s`", there.PrimaryKey, *ix.PrimaryKey)
		}
		taken[to] = true
		if o.Settings {
			p.Skipped = append(p.Skipped, experimental(ix)...)
		}
	}
	for _, r := range o.Indexes {
		if !slices.ContainsFunc(s.Indexes, func(ix dump.Index) bool { return ix.UID == r.From }) {
			conflict(r.From, "the dump has no such index")
		}
	}
	if o.Keys {
		p.Keys = planKeys(s.Keys, c)
	} else if len(s.Keys) > 0 {
		p.Skipped = append(p.Skipped, fmt.Sprintf("%d API keys", len(s.Keys)))
	}
	return p
}

// planKeys compares keys by uid. A cluster that has nothing but the keys it made for itself at its first start takes those of
// the dump instead of them, as one Meilisearch does that begins with a dump.
func planKeys(dumped []dump.Key, c Catalog) PlannedKeys {
	var p PlannedKeys
	has := map[string]bool{}
	fresh := len(c.Indexes) == 0
	for _, k := range c.Keys {
		has[k.UID] = true
		fresh = fresh && key.IsDefault(&k)
	}
	brought := map[string]bool{}
	for _, k := range dumped {
		if brought[k.UID] = true; has[k.UID] {
			p.Existing++
		} else {
			p.New++
		}
	}
	if !fresh || p.New == 0 {
		return p
	}
	for _, k := range c.Keys {
		if !brought[k.UID] {
			p.Replaced = append(p.Replaced, k.UID)
		}
	}
	return p
}

// skipped lists what no API takes, or what belongs to the one instance that was dumped.
func skipped(s *dump.Summary) []string {
	list := []string{}
	add := func(n int64, what string) {
		if n > 0 {
			list = append(list, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(s.Aside.Enqueued, "additions of documents that were still enqueued")
	add(s.Aside.Tasks, "tasks of its history")
	add(int64(s.Aside.Webhooks), "webhooks")
	add(int64(s.Aside.Remotes), "remotes of its network")
	add(int64(s.Aside.Chats), "chat workspaces")
	if on := bytes.Count(s.Features, []byte("true")); on > 0 {
		add(int64(on), "experimental features that were on")
	}
	for _, uid := range s.Aside.Internal {
		list = append(list, "internal index `"+uid+"`")
	}
	for _, path := range s.Aside.Unknown {
		list = append(list, "unknown file `"+path+"`")
	}
	return list
}

// Settings that exist behind experimental features only. Dumps have them always, with their defaults in most cases.
const (
	settingChat        = "chat"
	settingForeignKeys = "foreignKeys"
)

// experimental lists settings of an index that are not imported, where they are more than defaults.
func experimental(ix dump.Index) []string {
	var s struct {
		Chat struct {
			Description      string          `json:"description"`
			SearchParameters json.RawMessage `json:"searchParameters"`
		} `json:"chat"`
		ForeignKeys []json.RawMessage `json:"foreignKeys"`
	}
	if json.Unmarshal(ix.Settings, &s) != nil {
		return nil
	}
	var list []string
	if p := string(s.Chat.SearchParameters); s.Chat.Description != "" || p != "" && p != "{}" && p != "null" {
		list = append(list, "chat settings of index `"+ix.UID+"`")
	}
	if len(s.ForeignKeys) > 0 {
		list = append(list, "foreign keys of index `"+ix.UID+"`")
	}
	return list
}

// settingsBody is the change that gives an index the settings of the dump.
func settingsBody(settings json.RawMessage) []byte {
	return rawjson.AppendWithout(nil, settings, func(k, _ []byte) bool {
		return rawjson.KeyIs(k, settingChat) || rawjson.KeyIs(k, settingForeignKeys)
	})
}
