package meili

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// CanonicalSettings are an index's settings by member, each as canonical JSON: keys sorted, sets sorted and without
// repetitions. Engines that have the same settings show the same ones in this form.
type CanonicalSettings map[string]string

// settingSets are the members whose order means nothing. Filterable attributes are one only while they hold no rules, for
// the first rule that matches wins.
var settingSets = map[string]bool{
	"sortableAttributes": true, "stopWords": true, "separatorTokens": true, "nonSeparatorTokens": true, "dictionary": true,
	"filterableAttributes": true,
}

// CanonSettings reads settings as a node shows them, or as they are committed.
func CanonSettings(raw []byte) (CanonicalSettings, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	d := make(CanonicalSettings, len(members))
	for name, value := range members {
		c, err := CanonSetting(name, value)
		if err != nil {
			return nil, fmt.Errorf("settings: %s: %w", name, err)
		}
		d[name] = c
	}
	return d, nil
}

// CanonSetting is one member of the settings in canonical form.
func CanonSetting(name string, value json.RawMessage) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return "", err
	}
	if list, ok := v.([]any); ok && settingSets[name] {
		if sorted := sortedStrings(list); sorted != nil {
			v = sorted
		}
	}
	b, err := json.Marshal(v) // keys of objects come sorted
	return string(b), err
}

// sortedStrings sorts a list that holds strings only, and drops repetitions; nil for any other list.
func sortedStrings(list []any) []string {
	out := make([]string, 0, len(list))
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Hash is the SHA-256 of the settings in lower-case hexadecimal. Settings that engines hide while a feature is off are not in it, so
// that it does not depend on features: no search does what they say.
func (d CanonicalSettings) Hash() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(d)) {
		if HiddenSetting(name) {
			continue
		}
		_, _ = fmt.Fprintf(h, "%q:%s\n", name, d[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}
