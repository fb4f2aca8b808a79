package meili

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// sortedSettings are the settings that Meilisearch keeps as sorted sets.
var sortedSettings = []string{"sortableAttributes", "stopWords", "nonSeparatorTokens", "separatorTokens", "dictionary"}

// Details is how a task shows the change: sets sorted, and a reset of the attribute lists as the star that it means. A
// reset of everything names the settings behind experimental features too.
func (p SettingsPatch) Details() json.RawMessage {
	list, e := decodeObject(p.Members, "")
	if e != nil {
		return p.Members
	}
	if len(list) == len(allSettings) {
		list = append(list, member{"foreignKeys", json.RawMessage("null")}, member{"chat", json.RawMessage("null")})
	}
	var b bytes.Buffer
	for _, m := range list {
		value := m.value
		switch {
		case string(value) == "null" && (m.name == "displayedAttributes" || m.name == "searchableAttributes"):
			value = json.RawMessage(`["*"]`)
		case slices.Contains(sortedSettings, m.name):
			value = sortedSet(value)
		}
		b.WriteString([]string{"{", ","}[min(b.Len(), 1)])
		fmt.Fprintf(&b, "%s:%s", text(m.name), value)
	}
	if b.Len() == 0 {
		return json.RawMessage("{}")
	}
	b.WriteByte('}')
	return b.Bytes()
}

func sortedSet(value json.RawMessage) json.RawMessage {
	var list []string
	if json.Unmarshal(value, &list) != nil || list == nil {
		return value
	}
	slices.Sort(list)
	out, err := json.Marshal(slices.Compact(list))
	if err != nil {
		return value
	}
	return out
}
