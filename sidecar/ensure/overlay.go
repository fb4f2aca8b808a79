package ensure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// minFacetValues is the least maxValuesPerFacet of an engine (spec §3.2).
const minFacetValues = 1000

// Ranking rules of an index whose rules nobody set: those of current engines, and those that older ones know.
var (
	currentRules = json.RawMessage(`["words","typo","proximity","attributeRank","sort","wordPosition","exactness"]`)
	olderRules   = json.RawMessage(`["words","typo","proximity","attribute","sort","exactness"]`)
)

// engineView is what the engine should have: the settings that clients see, secrets in clear, with the overlay. client may be nil.
func engineView(client []byte) (map[string]json.RawMessage, error) {
	view := map[string]json.RawMessage{}
	if !isNull(client) {
		if err := json.Unmarshal(client, &view); err != nil {
			return nil, fmt.Errorf("settings of the view: %w", err)
		}
	}
	view["displayedAttributes"] = json.RawMessage(`["*"]`)
	if isNull(view["rankingRules"]) {
		view["rankingRules"] = currentRules
	}
	var err error
	if view["filterableAttributes"], err = filterable(view["filterableAttributes"]); err != nil {
		return nil, err
	}
	if view["faceting"], err = faceting(view["faceting"]); err != nil {
		return nil, err
	}
	return view, nil
}

// visible are the settings without those behind features that are off: engines refuse them.
func visible(want map[string]json.RawMessage, on map[string]bool) map[string]json.RawMessage {
	maps.DeleteFunc(want, func(name string, _ json.RawMessage) bool { return !meili.SettableNow(name, on) })
	return want
}

// filterable adds the shard field. Where rules with patterns come first, one of them could match it and forbid
// filtering, so the field gets a rule of its own before them.
func filterable(client json.RawMessage) (json.RawMessage, error) {
	var list []json.RawMessage
	if !isNull(client) {
		if err := json.Unmarshal(client, &list); err != nil {
			return nil, fmt.Errorf("filterable attributes of the view: %w", err)
		}
	}
	ruled := slices.ContainsFunc(list, func(e json.RawMessage) bool { return len(e) > 0 && e[0] == '{' })
	if ruled {
		own := `{"attributePatterns":["` + nodeapi.FieldShard + `"],"features":{"facetSearch":false,"filter":{"equality":true,"comparison":true}}}`
		list = append([]json.RawMessage{json.RawMessage(own)}, list...)
	} else {
		list = append(list, json.RawMessage(`"`+nodeapi.FieldShard+`"`))
	}
	return json.Marshal(list)
}

func faceting(client json.RawMessage) (json.RawMessage, error) {
	f := map[string]json.RawMessage{}
	if !isNull(client) {
		if err := json.Unmarshal(client, &f); err != nil {
			return nil, fmt.Errorf("faceting of the view: %w", err)
		}
	}
	most := 0
	if v := f["maxValuesPerFacet"]; !isNull(v) {
		if err := json.Unmarshal(v, &most); err != nil {
			return nil, fmt.Errorf("faceting of the view: %w", err)
		}
	}
	f["maxValuesPerFacet"] = json.RawMessage(fmt.Sprint(max(most, minFacetValues)))
	return json.Marshal(f)
}

// difference lists the settings of want that have is not equal to. Settings that the engine does not show, because it
// does not know them, are left out when want has nothing but a default for them; those that it hides can not be set.
func difference(want, have map[string]json.RawMessage) map[string]json.RawMessage {
	patch := map[string]json.RawMessage{}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		got, shown := have[key]
		if (!shown && (isDefault(want[key]) || meili.HiddenSetting(key))) || (shown && same(key, want[key], got)) {
			continue
		}
		patch[key] = want[key]
		if key == "embedders" {
			patch[key] = meili.SendableEmbedders(got, want[key])
		}
	}
	return patch
}

// same compares one setting. Engines show keys of embedders masked, and what they have beside the embedders and synonyms of
// the view is too much.
func same(key string, want, got json.RawMessage) bool {
	if key == "embedders" {
		want = meili.MaskEmbedders(want)
	}
	return equal(key, want, got) && (key != "embedders" && key != "synonyms" || equal(key, names(got), names(want)))
}

// names lists the members of an object, ascending.
func names(object json.RawMessage) json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(object, &m) != nil {
		return nil
	}
	b, err := json.Marshal(slices.Sorted(maps.Keys(m)))
	if err != nil {
		return nil
	}
	return b
}

// equal compares one setting. An object of the view may have fewer members than the engine shows.
func equal(key string, want, got json.RawMessage) bool {
	w, errWant := meili.CanonSetting(key, want)
	g, errGot := meili.CanonSetting(key, got)
	if errWant != nil || errGot != nil {
		return false
	}
	return w == g || covers(want, got)
}

// covers says whether got is an object that has all that the object want says.
func covers(want, got json.RawMessage) bool {
	var w, g map[string]json.RawMessage
	if json.Unmarshal(want, &w) != nil || json.Unmarshal(got, &g) != nil || w == nil || g == nil {
		return false
	}
	for k, v := range w {
		if !equal("", v, orNull(g[k])) {
			return false
		}
	}
	return true
}

func orNull(v json.RawMessage) json.RawMessage {
	if v == nil {
		return json.RawMessage("null")
	}
	return v
}

func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}

func isDefault(raw json.RawMessage) bool {
	switch string(bytes.TrimSpace(raw)) {
	case "", "null", "[]", "{}", "false":
		return true
	}
	return false
}
