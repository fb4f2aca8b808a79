package meili

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
)

// SettingsPreview is what a change would make of an index's settings.
type SettingsPreview struct {
	Changes []SettingChange // in Meilisearch's order; secrets masked
	Hash    string          // of what nodes would show, see CanonicalSettings
}

// SettingChange is one setting that a change would give another value.
type SettingChange struct {
	Setting string          `json:"setting"`
	From    json.RawMessage `json:"from"`
	To      json.RawMessage `json:"to"`
	Reindex bool            `json:"reindex"` // engines go through all documents for it
}

// PreviewSettings says what a change would make of the committed settings of an index, secrets in clear; nil for one that
// nothing was committed for. The error is the one that the change would be refused or its task would fail with. What an engine
// finds out by itself, such as the dimensions of a model, and what it makes of the documents, is not known here.
// on are the experimental features that are on.
func PreviewSettings(committed, body []byte, on map[string]bool) (SettingsPreview, *apierr.Error) {
	p, e := ParseSettings(body, on)
	if e != nil {
		return SettingsPreview{}, e
	}
	before := settingsOf(committed, on)
	after, e := before.Apply(p)
	if e != nil {
		return SettingsPreview{}, e
	}
	out := SettingsPreview{Changes: []SettingChange{}}
	for i, now := range after.values {
		was, name := before.values[i], settingNames[i]
		if now == nil || was == nil || canonical(name, was) == canonical(name, now) {
			continue
		}
		out.Changes = append(out.Changes, SettingChange{name, masked(name, was), masked(name, now), reindexes(name, was, now)})
	}
	shown, err := CanonSettings(MaskSettings(SettingsPatch{Members: appendObject(nil, after.members())}.NodeBody()))
	if err != nil {
		return out, apierr.New(apierr.MiroirInternal, "The settings can not be compared.")
	}
	out.Hash = shown.Hash()
	return out, nil
}

// settingsOf reads committed settings; those behind features are there while these are on.
func settingsOf(committed []byte, on map[string]bool) Settings {
	s := DefaultSettings(Split)
	members := trimmed(ShowSettings(committed, on)).members()
	if len(committed) == 0 {
		for i, name := range settingNames {
			if v := get(members, name); v != nil {
				s.values[i] = v
			}
		}
		return s
	}
	if rules := get(members, "rankingRules"); rules != nil {
		if list, e := rules.strings(place{}); e == nil && slices.Contains(list, "attribute") {
			s = DefaultSettings(Unified)
		}
	}
	for i, name := range settingNames {
		if v := get(members, name); v != nil {
			s.values[i] = v
		} else {
			s.values[i] = nil // engines that do not show a setting do not have it
		}
	}
	return s
}

func canonical(name string, v node) string {
	c, err := CanonSetting(name, json.RawMessage(v))
	if err != nil {
		return string(v)
	}
	return c
}

func masked(name string, v node) json.RawMessage {
	if name == "embedders" {
		return json.RawMessage(MaskEmbedders(v))
	}
	return json.RawMessage(v)
}

// reindexes says whether an engine goes through all documents when a setting changes from one value to another. For attributes
// that no document has it may not have to.
func reindexes(name string, was, now node) bool {
	switch name {
	case "displayedAttributes", "synonyms", "searchCutoffMs", "pagination", "faceting", "chat", "foreignKeys":
		return false
	case "searchableAttributes":
		return !slices.Equal(sortedList(was, anything), sortedList(now, anything)) // their order is for ranking only
	case "rankingRules":
		return !slices.Equal(sortedList(was, sortsByField), sortedList(now, sortsByField))
	case "typoTolerance":
		for _, part := range []string{"disableOnAttributes", "disableOnNumbers"} {
			if canonical("stopWords", get(was.members(), part)) != canonical("stopWords", get(now.members(), part)) {
				return true
			}
		}
		return false
	case "embedders":
		return canonical(name, indexingPart(was)) != canonical(name, indexingPart(now))
	}
	return true
}

func anything(string) bool { return true }

// sortsByField says whether a ranking rule needs the values of a field in order.
func sortsByField(rule string) bool {
	return strings.HasSuffix(rule, ":asc") || strings.HasSuffix(rule, ":desc")
}

// sortedList are the texts of a list that count, without their direction, ascending.
func sortedList(v node, counts func(string) bool) []string {
	list, _ := v.strings(place{})
	list = slices.DeleteFunc(list, func(s string) bool { return !counts(s) })
	slices.Sort(list)
	return slices.Compact(list)
}

// indexingPart are embedders without what only searches, or only requests to others, depend on.
func indexingPart(embedders node) node {
	list := embedders.members()
	for i, m := range list {
		list[i].value = appendObject(nil, slices.DeleteFunc(m.value.members(), func(m member) bool {
			return slices.Contains([]string{"apiKey", "headers", "distribution", "searchEmbedder", "searchFragments"}, m.name)
		}))
	}
	return appendObject(nil, list)
}
