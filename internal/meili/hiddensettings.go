package meili

import (
	"encoding/json"
	"slices"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// Engines show some settings among the others only while an experimental feature is on, and have them all the same.

// defaultChat is the chat of an index that nobody set any for.
const defaultChat = `{"description":"","documentTemplate":` + defaultTemplate + `,"documentTemplateMaxBytes":400,"searchParameters":{}}`

// hiddenDefault is what a setting that nobody set shows at its sub-route, though not among the others; empty for any other setting.
func hiddenDefault(name string) string {
	switch name {
	case "foreignKeys":
		return `[]`
	case "chat":
		return defaultChat
	}
	return ""
}

// HiddenSetting says whether engines hide a setting while its feature is off.
func HiddenSetting(name string) bool { return hiddenDefault(name) != "" }

// SettableNow says whether engines take a setting. on are the experimental features that are on.
func SettableNow(name string, on map[string]bool) bool {
	i := slices.Index(settingNames, name)
	return i < 0 || settingList[i].feature == "" || on[settingList[i].feature]
}

// ShowSettings is how GET of all settings shows committed ones: settings behind features that are off are not among them, and those
// behind features that were off at the commit are.
func ShowSettings(committed json.RawMessage, on map[string]bool) json.RawMessage {
	var have, list []member
	if v := trimmed(committed); len(v) > 0 {
		have = v.members()
	}
	for _, known := range settingList {
		v := get(have, known.name)
		if known.feature != "" {
			switch {
			case !on[known.feature]:
				v = nil
			case v == nil:
				v = node(hiddenDefault(known.name))
			}
		}
		if v != nil {
			list = append(list, member{known.name, v})
		}
	}
	for _, m := range have { // of engines newer than this list
		if !slices.Contains(settingNames, m.name) {
			list = append(list, m)
		}
	}
	return appendObject(nil, list)
}

// carryHidden adds to the settings that a node shows those that it hides: they are as they were committed, unless the change resets
// them, which is all that it can do to them.
func (p SettingsPatch) carryHidden(shown []member, previous []byte) []member {
	if len(previous) == 0 {
		return shown
	}
	before, change := trimmed(previous).members(), trimmed(p.Members)
	for _, known := range settingList {
		if known.feature == "" || get(shown, known.name) != nil {
			continue
		}
		v := get(before, known.name)
		reset := len(change) > 0 && change[0] == '{' && get(change.members(), known.name) != nil
		if v != nil && !reset {
			shown = append(shown, member{known.name, v})
		}
	}
	return shown
}

// HiddenFeatures are the features that an index has settings behind, beside those that are on.
func HiddenFeatures(committed []byte, on map[string]bool) map[string]bool {
	all := map[string]bool{}
	for _, known := range settingList {
		if known.feature == "" {
			continue
		}
		all[known.feature] = on[known.feature] || len(trimmed(committed)) > 0 && get(trimmed(committed).members(), known.name) != nil
	}
	return all
}

// RestoredChat is the change that gives an index the chat settings that it had, for engines merge them member by member.
func RestoredChat(was []byte) []byte {
	list := trimmed(was).members()
	for i, m := range list {
		if m.name != "searchParameters" {
			continue
		}
		had := m.value.members()
		var all []member
		for _, f := range chatSearch {
			v := get(had, f.name)
			if v == nil {
				v = node("null")
			}
			all = append(all, member{f.name, v})
		}
		list[i].value = appendObject(nil, all)
	}
	return appendObject(nil, list)
}

// NamesForeignKeys says whether a change gives an index foreign keys.
func NamesForeignKeys(p SettingsPatch) bool {
	if !rawjson.Valid(p.Members) || trimmed(p.Members)[0] != '{' {
		return false
	}
	return get(trimmed(p.Members).members(), "foreignKeys") != nil
}
