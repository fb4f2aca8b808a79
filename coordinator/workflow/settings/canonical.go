package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/internal/meili"
)

// document is an index's settings by member, each in canonical form.
type document map[string]string

// parse reads settings as a node shows them, or as they are committed.
func parse(raw []byte) (document, error) {
	d, err := meili.CanonSettings(raw)
	return document(d), err
}

// hash is the SHA-256 of the canonical settings, in hexadecimal.
func (d document) hash() string { return meili.CanonicalSettings(d).Hash() }

// whole is what tells settings apart that a change may have made: the hash, and what is not in it.
func (d document) whole() string { return d.hash() + d["chat"] + d["foreignKeys"] }

// keeps says whether all members that the patch does not name are as they were committed. A member that only one of
// the two knows is no difference: engines of another version show other members.
func (d document) keeps(committed document, named map[string]json.RawMessage) bool {
	for name, value := range committed {
		if _, changed := named[name]; changed {
			continue
		}
		if mine, shown := d[name]; shown && mine != value {
			return false
		}
	}
	return true
}

// difference is the PATCH that makes an engine which shows d show want, empty when there is nothing to send. known are
// settings in clear that have the secrets: one that they do not have is left out, for its mask would take its place.
func (d document) difference(want document, known []byte) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(want)) {
		value := want[name]
		if d[name] == value {
			continue
		}
		if name == "embedders" {
			value = meili.ReplaceEmbedders(d[name], value)
		}
		b.WriteByte(sep(b.Len()))
		_, _ = fmt.Fprintf(&b, "%q:%s", name, value)
	}
	if b.Len() == 0 {
		return nil
	}
	b.WriteByte('}')
	return meili.DropMasks(meili.RevealSettings(b.Bytes(), known))
}

// maskedSecret is part of every secret that an engine shows.
const maskedSecret = "XXX"

func sep(written int) byte {
	if written == 0 {
		return '{'
	}
	return ','
}

// namedIn lists the members of a patch.
func namedIn(p meili.SettingsPatch) map[string]json.RawMessage {
	var named map[string]json.RawMessage
	if json.Unmarshal(p.Members, &named) != nil {
		return nil
	}
	return named
}

// Reversal is the change that makes nodes show what is committed, whatever a failed change left on them. committed has its
// secrets in clear; it is nil for an index whose settings were never changed.
func Reversal(failed meili.SettingsPatch, committed []byte) (meili.SettingsPatch, error) {
	all := namedIn(meili.SettingsPatch{Members: committed})
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return meili.HiddenSetting(name) }) // engines may refuse these
	maps.Copy(all, namedIn(failed))
	members, err := json.Marshal(all)
	if err != nil {
		return meili.SettingsPatch{}, fmt.Errorf("settings to take back: %w", err)
	}
	return restoring(meili.SettingsPatch{Members: members}, committed)
}

// restoring is the change that takes a patch back: every member that it names, as committed. committed is nil for an
// index whose settings were never changed.
func restoring(p meili.SettingsPatch, committed []byte) (meili.SettingsPatch, error) {
	var old map[string]json.RawMessage
	if len(committed) > 0 {
		if err := json.Unmarshal(committed, &old); err != nil {
			return meili.SettingsPatch{}, fmt.Errorf("committed settings: %w", err)
		}
	}
	back := map[string]json.RawMessage{}
	for name, value := range namedIn(p) {
		was, known := old[name]
		switch {
		case !known:
			back[name] = json.RawMessage("null")
		case name == "embedders":
			back[name] = restoredEmbedders(value, was)
		case name == "chat":
			back[name] = meili.RestoredChat(was)
		default:
			back[name] = was
		}
	}
	b, err := json.Marshal(back)
	return meili.SettingsPatch{Members: b}, err
}

// restoredEmbedders takes embedders back one by one, for engines merge them by name: new ones are removed, and secrets
// that are known only masked are left as they are.
func restoredEmbedders(patch, committed json.RawMessage) json.RawMessage {
	var changed, old map[string]map[string]json.RawMessage
	if json.Unmarshal(committed, &old) != nil {
		return json.RawMessage("null")
	}
	if json.Unmarshal(patch, &changed) == nil {
		for name := range changed {
			if _, known := old[name]; !known {
				old[name] = nil
			}
		}
	}
	for name, embedder := range old {
		_, had := embedder["apiKey"]
		_, given := changed[name]["apiKey"]
		switch {
		case embedder == nil:
		case meili.IsMasked(embedder["apiKey"]):
			delete(embedder, "apiKey")
		case !had && given && meili.TakesKey(embedder["source"]):
			embedder["apiKey"] = json.RawMessage("null")
		}
	}
	b, err := json.Marshal(old)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}
