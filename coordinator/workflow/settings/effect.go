package settings

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/meili"
)

// defaults are what engines show after a reset. A member that is missing here shows null, or something empty.
var defaults = map[string]string{
	"displayedAttributes": `["*"]`, "searchableAttributes": `["*"]`, "proximityPrecision": `"byWord"`, "facetSearch": `true`,
	"prefixSearch":  `"indexingTime"`,
	"rankingRules":  `["words","typo","proximity","attributeRank","sort","wordPosition","exactness"]`,
	"pagination":    `{"maxTotalHits":1000}`,
	"typoTolerance": `{"disableOnAttributes":[],"disableOnNumbers":false,"disableOnWords":[],"enabled":true,"minWordSizeForTypos":{"oneTypo":5,"twoTypos":9}}`,
}

// shows says whether the settings are such that the change, as nodes get it, may have been carried out. A no is certain
// only where engines show values as they were sent; whoever acts on it sends the change again and looks whether that
// makes a difference.
func (d document) shows(p meili.SettingsPatch) bool {
	var sent map[string]json.RawMessage
	if json.Unmarshal(p.NodeBody(), &sent) != nil {
		return true
	}
	for name, want := range sent {
		got, shown := d[name]
		if !shown {
			continue // this engine shows no such setting
		}
		if string(bytes.TrimSpace(want)) == "null" {
			if !isDefault(name, got) {
				return false
			}
			continue
		}
		c, err := canonical(name, want)
		if err != nil || c != got && !within(decoded(c), decoded(got)) {
			return false
		}
	}
	return true
}

func isDefault(name, got string) bool {
	if d, ok := defaults[name]; ok {
		return got == d
	}
	return got == "null" || got == "[]" || got == "{}" || got == "false"
}

func decoded(canonical string) any {
	dec := json.NewDecoder(strings.NewReader(canonical))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

// within says whether got has all that want says: objects may show more members, lists of texts another order, a null
// asks for a default that is not known here, and a masked text may hide any other.
func within(want, got any) bool {
	switch w := want.(type) {
	case nil:
		return true
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return false
		}
		for _, k := range slices.Sorted(maps.Keys(w)) {
			if w[k] != nil && !within(w[k], g[k]) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		return ok && withinList(w, g)
	case string:
		g, ok := got.(string)
		return ok && (g == w || strings.Contains(g, maskedSecret))
	default:
		return want == got
	}
}

func withinList(want, got []any) bool {
	if slices.Contains(want, any("*")) {
		return true // stands for everything, whatever is listed beside it
	}
	w, errW := sortedStrings(want)
	g, errG := sortedStrings(got)
	if errW == nil && errG == nil && w != nil && g != nil {
		return slices.Equal(w, g)
	}
	return slices.EqualFunc(want, got, within)
}
