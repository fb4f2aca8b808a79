package serve

import (
	"encoding/json"
	"slices"

	"github.com/miroir-search/miroir/internal/rawjson"
)

const jsonType = "application/json"

// mustJSON encodes a value of this package's own types, which always encode.
func mustJSON(v any) json.RawMessage {
	b, err := rawjson.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

// unique orders a list of names and drops those that repeat.
func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

func sortedInts(list []int) []int {
	slices.Sort(list)
	return list
}
