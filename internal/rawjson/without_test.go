package rawjson

import "testing"

func TestAppendWithout(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:                                `{}`,
		` { "a" : 1 } `:                     `{"a":1}`,
		`{"x":{}}`:                          `{}`,
		`{"x":1,"a":[1, 2],"x":2}`:          `{"a":[1, 2]}`,
		`{"a":1,"x":1,"b":{"x":3}}`:         `{"a":1,"b":{"x":3}}`,
		`{"\u0078":1,"n":9007199254740993}`: `{"n":9007199254740993}`,
	} {
		got := string(AppendWithout([]byte("> "), []byte(in), func(key, _ []byte) bool { return KeyIs(key, "x") }))
		if got != "> "+want {
			t.Errorf("%s: %s", in, got)
		}
	}
}
