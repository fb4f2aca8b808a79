package jsondiff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Absent stands for a member that is not there.
type Absent struct{}

// Decode keeps numbers as they are written. Nothing at all is null.
func Decode(raw []byte) (any, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return value, nil
}

// Comparison says how two values are compared.
type Comparison struct {
	// Volatile says of a member of the wanted object that only its kind is compared. nil: of none.
	Volatile func(key string, object map[string]any) bool
	// Report is called for every difference, with its path.
	Report func(path string, want, got any)
}

// Same says whether two values are equal.
func Same(want, got any) bool {
	same := true
	Comparison{Report: func(string, any, any) { same = false }}.Values("", want, got)
	return same
}

// Values compares two values; paths begin with base.
func (c Comparison) Values(base string, want, got any) {
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			c.objects(base, want, got)
			return
		}
	case []any:
		if got, ok := got.([]any); ok {
			c.arrays(base, want, got)
			return
		}
	case json.Number:
		if got, ok := got.(json.Number); ok && sameNumber(want, got) {
			return
		}
	default:
		if want == got {
			return
		}
	}
	c.Report(base, want, got)
}

func (c Comparison) objects(base string, want, got map[string]any) {
	keys := make([]string, 0, len(want)+len(got))
	for key := range want {
		keys = append(keys, key)
	}
	for key := range got {
		if _, both := want[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		path := base + "/" + escape(key)
		w, inWant := want[key]
		g, inGot := got[key]
		switch {
		case !inWant:
			c.Report(path, Absent{}, g)
		case !inGot:
			c.Report(path, w, Absent{})
		case c.Volatile != nil && c.Volatile(key, want):
			if kind(w) != kind(g) {
				c.Report(path, w, g)
			}
		default:
			c.Values(path, w, g)
		}
	}
}

func (c Comparison) arrays(base string, want, got []any) {
	for i := range max(len(want), len(got)) {
		path := base + "/" + strconv.Itoa(i)
		switch {
		case i >= len(want):
			c.Report(path, Absent{}, got[i])
		case i >= len(got):
			c.Report(path, want[i], Absent{})
		default:
			c.Values(path, want[i], got[i])
		}
	}
}

// sameNumber compares exactly: 1 and 1.0 are the same, 12345678901234567890 and its float are not.
func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	x, okX := new(big.Rat).SetString(a.String())
	y, okY := new(big.Rat).SetString(b.String())
	return okX && okY && x.Cmp(y) == 0
}

func kind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	default:
		return "object"
	}
}

// Show writes a value for people.
func Show(value any) string {
	if value == (Absent{}) {
		return "nothing"
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// escape makes a member name a part of a JSON pointer.
func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}
