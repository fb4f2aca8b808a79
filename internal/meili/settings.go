package meili

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/rawjson"
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
	name := SettingName(subroute)
	if v, ok := all[name]; ok {
		return v, true
	}
	hidden := hiddenDefault(name)
	return json.RawMessage(hidden), hidden != ""
}

// PatchOf makes a patch of a request on a settings route: body is nil for a reset. subroute is empty for all settings.
// on are the experimental features that are on, or were when settings behind them were set.
func PatchOf(subroute string, body []byte, on map[string]bool) SettingsPatch {
	if subroute != "" {
		if body == nil {
			body = []byte("null")
		}
		members := append([]byte{'{'}, strconv.Quote(SettingName(subroute))...)
		return SettingsPatch{Members: append(append(append(members, ':'), bytes.TrimSpace(body)...), '}')}
	}
	if body == nil {
		return SettingsPatch{Members: ResetSettings().Body(on)}
	}
	return SettingsPatch{Members: appendSerde(nil, trimmed(body))}
}

// NodeBody is the PATCH of all settings that nodes get: the client's change with the overlay kept in place. Values that
// are wrong stay as they are, for the nodes to refuse them in their own words.
func (p SettingsPatch) NodeBody() []byte {
	v := node(p.Members)
	if len(v) == 0 || v[0] != '{' {
		return p.Members
	}
	list := v.members()
	for i, m := range list {
		switch m.name {
		case "displayedAttributes":
			list[i].value = displayedForNodes(m.value)
		case "filterableAttributes":
			list[i].value = filterableForNodes(m.value)
		case "faceting":
			list[i].value = facetingForNodes(m.value)
		}
	}
	return appendObject(nil, list)
}

func displayedForNodes(value []byte) []byte {
	var list []string
	if json.Unmarshal(value, &list) != nil {
		return value
	}
	return []byte(`["*"]`)
}

// filterableForNodes adds the shard, as a rule of its own before rules with patterns, which could forbid it.
func filterableForNodes(value []byte) []byte {
	if string(value) == "null" {
		return []byte(`["` + nodeapi.FieldShard + `"]`)
	}
	if len(value) == 0 || value[0] != '[' {
		return value
	}
	rules, empty := false, true
	rawjson.EachElement(value, func(v []byte) bool {
		rules, empty = v[0] == '{', false
		return !rules
	})
	value = bytes.TrimSpace(value)
	switch {
	case empty:
		return []byte(`["` + nodeapi.FieldShard + `"]`)
	case rules:
		return slices.Concat([]byte(`[`+shardRule+`,`), value[1:])
	}
	return slices.Concat(value[:len(value)-1], []byte(`,"`+nodeapi.FieldShard+`"]`))
}

// ruleAt finds the place of a rule in what nodes say about filterable attributes.
var ruleAt = regexp.MustCompile("`(\\.filterableAttributes)?\\[(\\d+)\\]")

// FromNodes puts the words of a node about a wrong change into those that the client's change deserves: rules stand one place
// later in what nodes get.
func (p SettingsPatch) FromNodes(e *apierr.Error) *apierr.Error {
	if e.Code != apierr.InvalidSettingsFilterableAttributes || !bytes.Contains(p.NodeBody(), []byte(shardRule)) {
		return e
	}
	moved := *e
	moved.Message = ruleAt.ReplaceAllStringFunc(e.Message, func(found string) string {
		parts := ruleAt.FindStringSubmatch(found)
		n, err := strconv.Atoi(parts[2])
		if err != nil || n == 0 {
			return found
		}
		return fmt.Sprintf("`%s[%d]", parts[1], n-1)
	})
	return &moved
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
	if !given || string(v) != "null" && (err != nil || n < 0) {
		return value
	}
	m["maxValuesPerFacet"] = json.RawMessage(strconv.Itoa(max(n, minFacetValues)))
	b, err := json.Marshal(m)
	if err != nil {
		return value
	}
	return b
}

// ClientView turns the settings that a node shows, reserved fields already stripped, into what clients see: previous is the committed
// client view (nil for none) and patch the change on its way (zero for none), which say what nodes do not.
func ClientView(shown, previous []byte, patch SettingsPatch) (json.RawMessage, error) {
	if !rawjson.Valid(shown) || trimmed(shown)[0] != '{' {
		return nil, errors.New("settings of a node are no JSON object")
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
	list := patch.carryHidden(trimmed(shown).members(), previous)
	for i, m := range list {
		switch m.name {
		case "displayedAttributes":
			list[i].value = node(displayed)
		case "faceting":
			faceting := m.value.members()
			set(faceting, "maxValuesPerFacet", node(most))
			list[i].value = appendObject(nil, faceting)
		}
	}
	return appendObject(nil, list), nil
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
	if len(v) == 0 || v[0] != '[' {
		return json.RawMessage(`["*"]`)
	}
	return json.RawMessage(attributeList(node(v)))
}

// Details is how a task shows the change. A wrong change shows as it is, because nodes refuse it and no task remains.
func (p SettingsPatch) Details() json.RawMessage {
	checked, e := readSettings(p.Members)
	if e != nil {
		return p.Members
	}
	if checked.resetsAll() {
		checked = ResetSettings() // of everything, settings behind experimental features included
	}
	return checked.Details()
}
