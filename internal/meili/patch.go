package meili

import (
	"bytes"
	"slices"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// Patch is a checked change of settings: for every setting nothing, a reset, or a new value.
type Patch struct {
	values []node // in the order of settingList; nil for nothing, null for a reset
}

// ParseSettings reads the body of PATCH of all settings and answers what a node would answer to it at once. on are the experimental
// features that are on.
func ParseSettings(body []byte, on map[string]bool) (Patch, *apierr.Error) {
	p, e := readSettings(body)
	if e == nil {
		e = p.check(on)
	}
	return p, e
}

// readSettings is ParseSettings without what depends on more than one value, or on features.
func readSettings(body []byte) (Patch, *apierr.Error) {
	p := Patch{make([]node, len(settingList))}
	at := root(apierr.BadRequest)
	e := readObject(body, at, settingNames, func(name string, v node) (e *apierr.Error) {
		i := slices.Index(settingNames, name)
		p.values[i], e = canonNullable(settingList[i].read)(v, at.key(name, settingList[i].code))
		return e
	})
	return p, e
}

// ParseSetting reads the body of PUT or PATCH of the setting that a sub-route names.
func ParseSetting(subroute string, body []byte, on map[string]bool) (Patch, *apierr.Error) {
	p := Patch{make([]node, len(settingList))}
	i := slices.Index(settingNames, SettingName(subroute))
	if i < 0 {
		return p, apierr.New(apierr.MiroirRouteUnsupported, "The setting `%s` is not known.", subroute)
	}
	if e := CheckBody(body); e != nil {
		return p, e
	}
	var e *apierr.Error
	if p.values[i], e = canonNullable(settingList[i].read)(trimmed(body), root(settingList[i].code)); e == nil {
		e = p.check(on)
	}
	return p, e
}

// ResetSettings resets everything.
func ResetSettings() Patch {
	p := Patch{make([]node, len(settingList))}
	for i := range p.values {
		p.values[i] = node("null")
	}
	return p
}

// ResetSetting resets the setting that a sub-route names.
func ResetSetting(subroute string) Patch {
	p := Patch{make([]node, len(settingList))}
	if i := slices.Index(settingNames, SettingName(subroute)); i >= 0 {
		p.values[i] = node("null")
	}
	return p
}

// resetsAll says whether a patch resets everything, settings that not all engines know apart.
func (p Patch) resetsAll() bool {
	for i, known := range settingList {
		if v := p.values[i]; v == nil && known.experimental == nil || v != nil && !v.isNull() {
			return false
		}
	}
	return true
}

// value is what the patch says about a setting.
func (p Patch) value(name string) node { return p.values[slices.Index(settingNames, name)] }

// check refuses what is wrong whatever the index has. on are the experimental features that are on.
func (p Patch) check(on map[string]bool) *apierr.Error {
	embedders := p.value("embedders")
	if embedders != nil && !embedders.isNull() {
		for _, m := range embedders.members() {
			if m.value.isNull() {
				continue
			}
			if e := experimentalEmbedder(m.value.members(), on); e != nil {
				return e
			}
		}
	}
	for _, name := range []string{"chat", "foreignKeys"} {
		if v, known := p.value(name), settingList[slices.Index(settingNames, name)]; v != nil && !v.isNull() && !on[known.feature] {
			return known.experimental
		}
	}
	if v := p.value("foreignKeys"); v != nil && !v.isNull() && string(v) != "[]" {
		return apierr.New(apierr.MiroirNotImplemented,
			"Foreign keys are not served: the documents of another index that an engine would join may lie on other nodes.")
	}
	if rules := p.value("rankingRules"); rules != nil && !rules.isNull() {
		list, _ := rules.strings(place{})
		if e := mixedRules(list); e != nil {
			return e
		}
	}
	if embedders == nil || embedders.isNull() {
		return nil
	}
	return checkEmbedders(embedders)
}

// Details is how a task of the patch shows it: settings in their order, secrets masked.
func (p Patch) Details() []byte {
	list := p.members()
	for i, m := range list {
		switch {
		case m.name == "embedders":
			list[i].value = maskEmbedders(m.value)
		case m.value.isNull():
			if shown := settingList[slices.Index(settingNames, m.name)].reset; shown != "" {
				list[i].value = node(shown)
			}
		}
	}
	return appendObject(nil, list)
}

// Body is the patch as a PATCH of all settings. Experimental settings, which not all engines know, are left out but where their
// feature is on.
func (p Patch) Body(on map[string]bool) []byte {
	return appendObject(nil, slices.DeleteFunc(p.members(), func(m member) bool {
		known := settingList[slices.Index(settingNames, m.name)]
		return known.experimental != nil && !on[known.feature]
	}))
}

func (p Patch) members() []member {
	var list []member
	for i, v := range p.values {
		if v != nil {
			list = append(list, member{settingNames[i], v})
		}
	}
	return list
}

// mergeObject sets the given members of an object, in the order of fields; a null takes a member away, and what is not
// given stays.
func mergeObject(old, change node, fields []string) node {
	was, now := old.members(), change.members()
	var list []member
	for _, name := range fields {
		v := get(now, name)
		if v == nil {
			v = get(was, name)
		}
		if v != nil && !v.isNull() {
			list = append(list, member{name, v})
		}
	}
	return appendObject(nil, list)
}

// hasStar says whether a list of strings holds a star.
func hasStar(list node) bool {
	found := false
	rawjson.EachElement(list, func(v []byte) bool {
		found = bytes.Equal(v, []byte(`"*"`))
		return !found
	})
	return found
}
