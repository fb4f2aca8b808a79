package span

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"
)

func TestMembers(t *testing.T) {
	var got []string
	err := Members([]byte(` { "a" : 1 , "b\"" : {"x":["}",2]} ,"c":"\\" , "d":[] } `), func(k, v []byte) error {
		got = append(got, string(k)+"="+string(v))
		return nil
	})
	want := []string{`"a"=1`, `"b\""={"x":["}",2]}`, `"c"="\\"`, `"d"=[]`}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%q %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s, want %s", got[i], want[i])
		}
	}
	stop := errors.New("stop")
	if err := Members([]byte(`{"a":1,"b":2}`), func(_, _ []byte) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestMalformed(t *testing.T) {
	for _, in := range []string{``, `[]`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1}x`, `{"a":"x}`, `{"a":[}`, `{a:1}`, `{"a" 1}`, `{"a":1 2}`} {
		if Members([]byte(in), func(_, _ []byte) error { return nil }) == nil {
			t.Errorf("%s accepted", in)
		}
	}
	for _, in := range []string{``, `{}`, `[`, `[1,]`, `[,]`, `[1 2]`, `[1]]`} {
		if Elements([]byte(in), func([]byte) error { return nil }) == nil {
			t.Errorf("%s accepted", in)
		}
	}
}

// FuzzMembers compares with encoding/json on what that accepts; anything else must only not panic.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{"a":1,"a":[{"b":"]"}]}`, `{}`, `{"\u0061":"\\\""}`, ` {"a" : -1.5e3 } `, `{"a":"\\"}`, `[1,"a",{}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		type member struct{ key, value string }
		var got []member
		err := Members(in, func(k, v []byte) error {
			name, err := Text(k)
			got = append(got, member{string(name), string(v)})
			return err
		})
		var list []string
		listErr := Elements(in, func(v []byte) error { list = append(list, string(v)); return nil })
		if !json.Valid(in) || !utf8.Valid(in) {
			return // encoding/json repairs broken UTF-8, the engine refuses it
		}
		d := json.NewDecoder(bytes.NewReader(in))
		tok, _ := d.Token()
		switch tok {
		case json.Delim('{'):
			if err != nil {
				t.Fatalf("%s: %v", in, err)
			}
			for _, m := range got {
				k, _ := d.Token()
				var v json.RawMessage
				if err := d.Decode(&v); err != nil || k != m.key || string(v) != m.value {
					t.Fatalf("%s: got %q, want %v %s (%v)", in, m, k, v, err)
				}
			}
		case json.Delim('['):
			if listErr != nil {
				t.Fatalf("%s: %v", in, listErr)
			}
			for _, got := range list {
				var v json.RawMessage
				if err := d.Decode(&v); err != nil || string(v) != got {
					t.Fatalf("%s: got %s, want %s", in, got, v)
				}
			}
		default:
			if err == nil || listErr == nil {
				t.Fatalf("%s taken for a container", in)
			}
			return
		}
		if d.More() {
			t.Fatalf("%s: members left over", in)
		}
	})
}
