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

// shows says whether the settings are such that the first of the changes, as nodes get it, may have been carried out. Where
// later changes name the same member, their values will do as well: nodes may have them already. A no is certain only where
// engines show values as they were sent; whoever acts on it sends the changes again and looks whether that makes a
// difference.
func (d document) shows(changes []change) bool {
	var own map[string]json.RawMessage
	if json.Unmarshal(changes[0].patch.NodeBody(), &own) != nil {
		return true
	}
	sent := make([]map[string]json.RawMessage, len(changes))
	for i, c := range changes {
		if json.Unmarshal(c.patch.NodeBody(), &sent[i]) != nil {
			sent[i] = nil
		}
	}
	for name := range own {
		got, shown := d[name]
		if !shown {
			continue // this engine shows no such setting
		}
		if !slices.ContainsFunc(sent, func(members map[string]json.RawMessage) bool {
			want, names := members[name]
			return names && carriedOut(name, want, got)
		}) {
			return false
		}
	}
	return true
}

// carriedOut compares one member as it was sent with what an engine shows, in canonical form.
func carriedOut(name string, want json.RawMessage, got string) bool {
	if string(bytes.TrimSpace(want)) == "null" {
		return isDefault(name, got)
	}
	c, err := meili.CanonSetting(name, want)
	return err == nil && (c == got || within(decoded(c), decoded(got)))
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

// within says whether got has all that want says: objects may show more members, lists of texts another order, texts
// another case, a null asks for a default that is not known here, and a masked text may hide any other.
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
		return ok && (strings.EqualFold(g, w) || strings.Contains(g, maskedSecret))
	default:
		return want == got
	}
}

func withinList(want, got []any) bool {
	if slices.Contains(want, any("*")) {
		return true // stands for everything, whatever is listed beside it
	}
	w, g := folded(want), folded(got)
	if w != nil && g != nil {
		return slices.Equal(w, g)
	}
	return slices.EqualFunc(want, got, within)
}

// folded is a list of texts without regard to case, order and repetition; nil for any other list.
func folded(list []any) []string {
	out := make([]string, len(list))
	for i, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil
		}
		out[i] = strings.ToLower(s)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
