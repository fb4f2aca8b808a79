package corpus

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Codes are documents whose ids are easily taken for one another: by case, by leading zeros, as numbers in other forms. A
// mixed corpus has ids with upper-case letters too.
func Codes(uid string, mixed bool, seed uint64) (*Corpus, error) {
	c := &Corpus{
		UID: uid, PrimaryKey: "code", Share: 8, Keyed: true,
		Settings: json.RawMessage(`{
			"searchableAttributes": ["name"],
			"filterableAttributes": ["code", "kind", "level", "_geo"],
			"sortableAttributes": ["name", "kind", "level"]
		}`),
		Searchable: []string{"name"},
		Texts:      []string{"kind"},
		Numbers:    []string{"level"},
		Sortable:   []string{"name", "kind", "level"},
		Displayed:  []string{"code", "name", "kind", "level"},
	}
	ids := []string{"0", "00", "-0", "1", "01", "001", "1e0", "10", "1e1", "010", "100", "1e2", "1000", "1e3", "nan", "inf", "-1", "-01",
		"9007199254740991", "9007199254740992", "9007199254740993", "18446744073709551615", "and", "in", "to", "not", "a-b", "a_b"}
	random := rand.New(rand.NewPCG(seed, 2))
	for i := range 150 {
		ids = append(ids, fmt.Sprintf("%s%d", []string{"a", "ab", "x-", "e", "0x"}[i%5], random.IntN(60)))
	}
	if mixed {
		for _, id := range ids[:len(ids):len(ids)] {
			ids = append(ids, strings.ToUpper(id), strings.ToUpper(id[:1])+id[1:])
		}
	}
	names := []string{"bolt", "nut", "gear", "gears", "spring", "screw", "washer", "valve"}
	seen := map[string]bool{}
	for i, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		var key any = id
		if number := json.Number(id); i%3 != 0 && canonical(id) {
			key = number
		}
		raw, err := json.Marshal(map[string]any{
			"code": key, "name": names[random.IntN(len(names))] + " " + names[random.IntN(len(names))],
			"kind": []string{"red", "green", "blue", "grey"}[random.IntN(4)], "level": random.IntN(12),
		})
		if err == nil {
			err = c.add(raw)
		}
		if err != nil {
			return nil, fmt.Errorf("codes: %w", err)
		}
	}
	return c, nil
}

// canonical says whether an id is an integer as JSON writes it.
func canonical(id string) bool {
	digits := strings.TrimPrefix(id, "-")
	return strings.Trim(digits, "0123456789") == "" && (digits == "0" && id == "0" || digits[0] != '0')
}
