package replica

import (
	"encoding/json"
	"maps"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// object is a document, nil when there is none.
type object map[string]any

// apply is what an engine does.
func apply(d object, kind guard.Kind, body object) object {
	switch {
	case kind == guard.Delete, d == nil && (kind == guard.ReplaceExisting || kind == guard.UpdateExisting):
		return nil
	case d == nil || kind == guard.Replace || kind == guard.Copy || kind == guard.ReplaceExisting:
		return body
	}
	out := maps.Clone(d)
	maps.Copy(out, body)
	before, _ := d[vectors].(map[string]any)
	after, set := body[vectors].(map[string]any)
	if before != nil && set {
		both := maps.Clone(before)
		maps.Copy(both, after)
		out[vectors] = both
	}
	return out
}

func drawObject(t *rapid.T) (body []byte, o object) {
	o = object{"id": "x"}
	for _, name := range []string{"a", "b\u00e9", "c\"d"} {
		if rapid.Bool().Draw(t, "has "+name) {
			o[name] = rapid.SampledFrom([]any{1.5, nil, "text", []any{"x"}, map[string]any{"k": "v"}}).Draw(t, name)
		}
	}
	switch rapid.IntRange(0, 3).Draw(t, "vectors") {
	case 0:
		own := map[string]any{}
		for _, e := range []string{"one", "two"} {
			if rapid.Bool().Draw(t, e) {
				own[e] = []any{rapid.Float64Range(0, 1).Draw(t, "at")}
			}
		}
		o[vectors] = own
	case 1:
		o[vectors] = nil
	}
	body, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return append(body, '\n'), o
}

// §6 "Order": what several operations come to, sent as one, leaves what they leave one after the other. It is a line of its own.
func TestComposeIsWhatOperationsComeTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.SampledFrom([]guard.Kind{
			guard.Replace, guard.Update, guard.Update, guard.ReplaceExisting, guard.UpdateExisting, guard.Delete, guard.Copy,
		}), 1, 6).Draw(t, "kinds")
		absolute := kinds[0] == guard.Replace || kinds[0] == guard.Delete || kinds[0] == guard.Copy
		var base object
		if rapid.Bool().Draw(t, "exists") {
			base = object{"id": "x", "a": "old", "z": "old"}
		}
		var ops []journal.Known
		var bodies [][]byte
		want := base
		for _, kind := range kinds {
			if !absolute {
				kind = guard.Update
			}
			body, o := drawObject(t)
			if kind == guard.Delete {
				body = nil
			}
			ops, bodies = append(ops, journal.Known{Op: guard.Op{Kind: kind}}), append(bodies, body)
			want = apply(want, kind, o)
		}
		kind, body := compose(ops, bodies)
		var o object
		if body != nil {
			if body[len(body)-1] != '\n' {
				t.Fatalf("%q is no line", body)
			}
			if err := json.Unmarshal(body, &o); err != nil {
				t.Fatalf("%q: %v", body, err)
			}
		}
		if got := apply(base, kind, o); !reflect.DeepEqual(got, want) {
			t.Fatalf("%v over %v by %d %s, want %v", got, base, kind, body, want)
		}
	})
}

// The last member of a name counts, however it is written, and nothing else of a document changes.
func TestOverlay(t *testing.T) {
	for name, c := range map[string]struct{ under, over, want string }{
		"fields":       {`{"a":1,"b":[1, 2]}`, ` {"b":{},"c":1e3}`, `{"a":1,"b":{},"c":1e3}`},
		"nothing":      {`{"a":1}`, `{}`, `{"a":1}`},
		"twice":        {`{"a":1,"a":2}`, `{"b":1,"b":2}`, `{"a":2,"b":2}`},
		"escaped name": {`{"\u0061":1}`, `{"a":2}`, `{"a":2}`},
		"vectors":      {`{"_vectors":{"e":[1],"f":[2]}}`, `{"_vectors":{"f":null,"g":{"_vectors":1}}}`, `{"_vectors":{"e":[1],"f":null,"g":{"_vectors":1}}}`},
		"no vectors":   {`{"_vectors":{"e":[1]}}`, `{"_vectors":null}`, `{"_vectors":null}`},
	} {
		if got := string(overlay([]byte(c.under), []byte(c.over), true)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
