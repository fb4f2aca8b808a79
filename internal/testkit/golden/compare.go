package golden

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

// Difference is one place where an answer is not as recorded. Path is a JSON pointer below /status, /body or /task.
type Difference struct {
	File string `json:"file"`
	N    int    `json:"n"`
	Path string `json:"path"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

func (d Difference) String() string {
	return fmt.Sprintf("%s %d %s: want %s, got %s", d.File, d.N, d.Path, short(d.Want), short(d.Got))
}

func short(value string) string {
	const most = 300
	if len(value) > most {
		return value[:most] + "…"
	}
	return value
}

// absent stands for a member that is not there.
type absent struct{}

// decode keeps numbers as they are written.
func decode(raw []byte) (any, error) {
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

// compare collects the differences between two values, each with its path below base.
func compare(base string, want, got any, report func(path, want, got string)) {
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			compareObjects(base, want, got, report)
			return
		}
	case []any:
		if got, ok := got.([]any); ok {
			compareArrays(base, want, got, report)
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
	report(base, show(want), show(got))
}

func compareObjects(base string, want, got map[string]any, report func(path, want, got string)) {
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
			report(path, show(absent{}), show(g))
		case !inGot:
			report(path, show(w), show(absent{}))
		case volatile(key, want):
			if kind(w) != kind(g) {
				report(path, show(w), show(g))
			}
		default:
			compare(path, w, g, report)
		}
	}
}

func compareArrays(base string, want, got []any, report func(path, want, got string)) {
	for i := range max(len(want), len(got)) {
		path := base + "/" + strconv.Itoa(i)
		switch {
		case i >= len(want):
			report(path, show(absent{}), show(got[i]))
		case i >= len(got):
			report(path, show(want[i]), show(absent{}))
		default:
			compare(path, want[i], got[i], report)
		}
	}
}

// sameNumber compares exactly: 1 and 1.0 are the same, 12345678901234567890 and its float are not.
func sameNumber(a, b json.Number) bool {
	x, okX := new(big.Rat).SetString(a.String())
	y, okY := new(big.Rat).SetString(b.String())
	return a == b || (okX && okY && x.Cmp(y) == 0)
}

// alwaysVolatile are members that say when, where or how long, never what.
var alwaysVolatile = map[string]bool{
	"enqueuedAt": true, "startedAt": true, "finishedAt": true, "createdAt": true, "updatedAt": true, "lastUpdate": true,
	"duration": true, "processingTimeMs": true, "requestUid": true,
	"rawDocumentDbSize": true, "avgDocumentSize": true, "databaseSize": true, "usedDatabaseSize": true,
	"progressTrace": true, "writeChannelCongestion": true, "internalDatabaseSizes": true,
}

// volatile says whether a member of this object is compared by kind only.
func volatile(key string, object map[string]any) bool {
	if alwaysVolatile[key] {
		return true
	}
	// Keys made at the first start have random uids, from which their values are derived.
	return (key == "uid" || key == "key") && defaultKey(object)
}

func defaultKey(object map[string]any) bool {
	name, _ := object["name"].(string)
	_, actions := object["actions"]
	return actions && strings.HasPrefix(name, "Default ")
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

func show(value any) string {
	if value == (absent{}) {
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
