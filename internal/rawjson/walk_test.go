package rawjson

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// FuzzWalk compares the walk over objects and arrays with encoding/json.
func FuzzWalk(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, ` { "a" : 1 , "b":[1,{"c":"]}"}], "a":"\"\\" } `, `[1, "x,y" ,{"z":[]}, null,-1.5e3 ]`, `{"\u0061":true}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) || !utf8.Valid(text) {
			return
		}
		var compact bytes.Buffer
		if json.Compact(&compact, text) != nil {
			return
		}
		switch compact.Bytes()[0] {
		case '{':
			checkObject(t, text)
		case '[':
			var want []json.RawMessage
			if json.Unmarshal(text, &want) != nil {
				return
			}
			i := 0
			EachElement(text, func(v []byte) bool {
				if i >= len(want) || !bytes.Equal(bytes.TrimSpace(want[i]), v) {
					t.Fatalf("element %d of %q is %q", i, text, v)
				}
				i++
				return true
			})
			if i != len(want) {
				t.Fatalf("%d elements of %q, want %d", i, text, len(want))
			}
		}
	})
}

func checkObject(t *testing.T, text []byte) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	_, _ = dec.Token()
	EachMember(text, func(key, value []byte) bool {
		tok, err := dec.Token()
		var want json.RawMessage
		if err != nil || dec.Decode(&want) != nil {
			t.Fatalf("more members than %q has", text)
		}
		name, _ := tok.(string)
		if got, ok := Unquote(key); !ok || got != name || !KeyIs(key, name) {
			t.Fatalf("key %q of %q, want %q", key, text, name)
		}
		if !bytes.Equal(want, value) {
			t.Fatalf("value %q of %q, want %q", value, text, want)
		}
		return true
	})
	if dec.More() {
		t.Fatalf("fewer members than %q has", text)
	}
}
