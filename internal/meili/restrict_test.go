package meili

import (
	"encoding/json"
	"testing"
)

// AU-14: a client's filter and a token's are conjoined the way Meilisearch does, with the client's first.
func TestAU14Fuse(t *testing.T) {
	for _, c := range []struct{ own, other, want string }{
		{``, ``, ``},
		{``, `"b"`, `"b"`},
		{`null`, `"b"`, `"b"`},
		{`"a"`, ``, `"a"`},
		{`"a OR x"`, `"b"`, `["a OR x","b"]`},
		{`["a",["x","y"]]`, `"b"`, `["a",["x","y"],"b"]`},
		{`"a"`, `["b",["c"]]`, `["a","b",["c"]]`},
		{`[ ]`, `"b"`, `["b"]`},
		{`[]`, `[]`, `[]`},
		{`[ "a" ]`, `[]`, `["a"]`},
	} {
		got := Fuse(json.RawMessage(c.own), json.RawMessage(c.other))
		if string(got) != c.want {
			t.Errorf("%s and %s: %s, want %s", c.own, c.other, got, c.want)
		}
	}
}

// AU-14: no body keeps a token's filter away from the nodes, whatever it repeats.
func TestAU14Restricted(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                                   `{"filter":"t"}`,
		` {"q":"x"} `:                          `{"q":"x","filter":"t"}`,
		`{"filter":"a","q":1}`:                 `{"q":1,"filter":["a","t"]}`,
		`{"filter":"a","filter":["b"]}`:        `{"filter":["b","t"]}`,
		`{"filter":"a","filt\u0065r":null}`:    `{"filter":"t"}`,
		`[1]`:                                  `[1]`,
		`{"facetName":"g","x":{"filter":"n"}}`: `{"facetName":"g","x":{"filter":"n"},"filter":"t"}`,
	} {
		if got := Restricted([]byte(body), json.RawMessage(`"t"`)); string(got) != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
		if got := Restricted([]byte(body), nil); string(got) != body {
			t.Errorf("%s: %s without a filter", body, got)
		}
		q, e := ParseSearchBody([]byte(body))
		if e != nil {
			continue
		}
		q.Restrict(json.RawMessage(`"t"`))
		var leg struct{ Filter json.RawMessage }
		q.Each(func(name string, value []byte) {
			if name == "filter" {
				leg.Filter = value
			}
		})
		var full struct{ Filter json.RawMessage }
		_ = json.Unmarshal([]byte(want), &full)
		if string(leg.Filter) != string(full.Filter) || string(q.Filter) != string(full.Filter) {
			t.Errorf("%s: legs get %s, want %s", body, leg.Filter, full.Filter)
		}
	}
}
