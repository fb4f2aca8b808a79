package meili

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// minFacetValues is the least maxValuesPerFacet that nodes run with, so that facets ordered by count can be merged
// exactly and cut afterwards (spec §3.2).
const minFacetValues = 1000

// Defaults of the settings that nodes do not have as clients see them.
const defaultMaxFacetValues = 100

// SettingsPatch is a change of settings, kept in a task's record until it is committed. Body is the members of a PATCH
// of all settings; a reset is a null.
type SettingsPatch struct {
	Members json.RawMessage `json:"members"`
}

// allSettings are the members of a settings object in Meilisearch's order.
var allSettings = []string{
	"displayedAttributes", "searchableAttributes", "filterableAttributes", "sortableAttributes", "rankingRules", "stopWords",
	"nonSeparatorTokens", "separatorTokens", "dictionary", "synonyms", "distinctAttribute", "proximityPrecision", "typoTolerance",
	"faceting", "pagination", "embedders", "searchCutoffMs", "localizedAttributes", "facetSearch", "prefixSearch",
}

// SettingName is the member of the settings object that a sub-route names: "stop-words" is "stopWords".
func SettingName(subroute string) string {
	parts := strings.Split(subroute, "-")
	for i := 1; i < len(parts); i++ {
		parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
	}
	return strings.Join(parts, "")
}

// SettingValue is one member of a settings object as a sub-route answers it.
func SettingValue(settings []byte, subroute string) (json.RawMessage, bool) {
	var all map[string]json.RawMessage
	if json.Unmarshal(settings, &all) != nil {
		return nil, false
	}
	v, ok := all[SettingName(subroute)]
	return v, ok
}

// PatchOf makes a patch of a request on a settings route: body is nil for a reset. subroute is empty for all settings.
func PatchOf(subroute string, body []byte) SettingsPatch {
	if subroute != "" {
		if body == nil {
			body = []byte("null")
		}
		members := append([]byte{'{'}, strconv.Quote(SettingName(subroute))...)
		return SettingsPatch{Members: append(append(append(members, ':'), bytes.TrimSpace(body)...), '}')}
	}
	if body == nil {
		var b bytes.Buffer
		for i, name := range allSettings {
			b.WriteString([]string{"{", ","}[min(i, 1)])
			fmt.Fprintf(&b, "%q:null", name)
		}
		b.WriteByte('}')
		return SettingsPatch{Members: b.Bytes()}
	}
	return SettingsPatch{Members: json.RawMessage(compact(body))}
}

// NodeBody is the PATCH of all settings that nodes get: the client's change with the overlay kept in place. Values that
// are wrong stay as they are, for the nodes to refuse them in their own words.
func (p SettingsPatch) NodeBody() []byte {
	list, e := decodeObject(p.Members, "")
	if e != nil {
		return p.Members
	}
	var b bytes.Buffer
	for _, m := range list {
		value := []byte(m.value)
		switch m.name {
		case "displayedAttributes":
			value = displayedForNodes(value)
		case "filterableAttributes":
			value = filterableForNodes(value)
		case "faceting":
			value = facetingForNodes(value)
		}
		b.WriteString([]string{"{", ","}[min(b.Len(), 1)])
		fmt.Fprintf(&b, "%s:%s", text(m.name), value)
	}
	if b.Len() == 0 {
		return []byte("{}")
	}
	b.WriteByte('}')
	return b.Bytes()
}

func displayedForNodes(value []byte) []byte {
	var list []string
	if json.Unmarshal(value, &list) != nil {
		return value
	}
	return []byte(`["*"]`)
}

func filterableForNodes(value []byte) []byte {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return value
	}
	own := json.RawMessage(strconv.Quote(nodeapi.FieldShard))
	rules := false
	for _, x := range list {
		rules = rules || len(x) > 0 && x[0] == '{'
	}
	if rules {
		own = json.RawMessage(`{"attributePatterns":["` + nodeapi.FieldShard +
			`"],"features":{"facetSearch":false,"filter":{"equality":true,"comparison":true}}}`)
		list = append([]json.RawMessage{own}, list...)
	} else {
		list = append(list, own)
	}
	b, err := json.Marshal(list)
	if err != nil {
		return value
	}
	return b
}

func facetingForNodes(value []byte) []byte {
	if string(value) == "null" {
		return fmt.Appendf(nil, `{"maxValuesPerFacet":%d,"sortFacetValuesBy":null}`, minFacetValues)
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(value, &m) != nil {
		return value
	}
	v, given := m["maxValuesPerFacet"]
	n, err := strconv.Atoi(string(v))
	if !given || err != nil && string(v) != "null" {
		return value
	}
	m["maxValuesPerFacet"] = json.RawMessage(strconv.Itoa(max(n, minFacetValues)))
	b, err := json.Marshal(m)
	if err != nil {
		return value
	}
	return b
}

// ClientView turns a node's settings, reserved fields already stripped, into what clients see: previous is the committed
// client view (nil for none) and patch the change on its way (zero for none), which say what nodes do not.
func ClientView(node, previous []byte, patch SettingsPatch) (json.RawMessage, error) {
	list, e := decodeObject(node, "")
	if e != nil {
		return nil, fmt.Errorf("settings of a node: %w", e)
	}
	displayed, most := json.RawMessage(`["*"]`), json.RawMessage(strconv.Itoa(defaultMaxFacetValues))
	var old struct {
		Displayed json.RawMessage `json:"displayedAttributes"`
		Faceting  struct {
			Max json.RawMessage `json:"maxValuesPerFacet"`
		} `json:"faceting"`
	}
	if len(previous) > 0 && json.Unmarshal(previous, &old) == nil && len(old.Displayed) > 0 {
		displayed, most = old.Displayed, old.Faceting.Max
	}
	displayed, most = patch.override(displayed, most)
	var b bytes.Buffer
	for _, m := range list {
		value := m.value
		switch m.name {
		case "displayedAttributes":
			value = displayed
		case "faceting":
			value = bytes.Replace(value, []byte(`"maxValuesPerFacet":`+nodeMax(value)), append([]byte(`"maxValuesPerFacet":`), most...), 1)
		}
		b.WriteString([]string{"{", ","}[min(b.Len(), 1)])
		fmt.Fprintf(&b, "%s:%s", text(m.name), value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// override applies the members of a patch that nodes do not get as clients sent them.
func (p SettingsPatch) override(displayed, most json.RawMessage) (d, m json.RawMessage) {
	var in map[string]json.RawMessage
	if json.Unmarshal(p.Members, &in) != nil {
		return displayed, most
	}
	if v, ok := in["displayedAttributes"]; ok {
		displayed = canonicalDisplayed(v)
	}
	v, ok := in["faceting"]
	if !ok {
		return displayed, most
	}
	var faceting map[string]json.RawMessage
	if json.Unmarshal(v, &faceting) != nil {
		return displayed, most
	}
	given, ok := faceting["maxValuesPerFacet"]
	switch {
	case faceting == nil, ok && string(given) == "null":
		most = json.RawMessage(strconv.Itoa(defaultMaxFacetValues))
	case ok:
		most = given
	}
	return displayed, most
}

// canonicalDisplayed is the list as Meilisearch shows it: without repetitions, and all when it holds a star.
func canonicalDisplayed(v json.RawMessage) json.RawMessage {
	var list []string
	if json.Unmarshal(v, &list) != nil || list == nil {
		return json.RawMessage(`["*"]`)
	}
	out := []string{}
	seen := map[string]bool{}
	for _, a := range list {
		if a == "*" {
			return json.RawMessage(`["*"]`)
		}
		if !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return v
	}
	return b
}

func nodeMax(faceting []byte) string {
	var f struct {
		Max json.RawMessage `json:"maxValuesPerFacet"`
	}
	if json.Unmarshal(faceting, &f) != nil {
		return ""
	}
	return string(f.Max)
}
