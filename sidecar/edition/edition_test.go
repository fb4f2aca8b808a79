package edition

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

type body struct {
	Filter   any
	Context  any
	Function string
}

// RS-3: the function stands between the pieces as it is, whatever it holds, and the rest of the body stays.
func TestRS3Wrap(t *testing.T) {
	const stamp = hlc.Stamp(1 << 40)
	for _, function := range []string{"", "doc.x = 1", "doc.x = \"ü\\n\" // c", "let a = `\n`;\n\tdoc.a = a", "</>&"} {
		raw, _ := json.Marshal(map[string]any{"filter": "a = 1", "function": function, "context": map[string]any{"function": "no"}})
		var got body
		if err := json.Unmarshal(Wrap(raw, stamp), &got); err != nil {
			t.Fatal(err)
		}
		rest, first := strings.CutPrefix(got.Function, before)
		tail, own := strings.CutPrefix(rest, function)
		if !first || !own || tail != after(stamp) || !strings.Contains(tail, string(nodeapi.AppendStamp(nil, stamp, 0))) {
			t.Errorf("%q became %q", function, got.Function)
		}
		if c, ok := got.Context.(map[string]any); !ok || c["function"] != "no" || got.Filter != "a = 1" {
			t.Errorf("%+v", got)
		}
	}
	for _, odd := range []string{"", "[", "7", `{"function":7}`, `{"function":"a"`} {
		if got := Wrap([]byte(odd), stamp); string(got) != odd {
			t.Errorf("%q became %q", odd, got)
		}
	}
}

// A function that leaves by `return` is a text between the pieces, but for the functions that it defines; it stays at its lines
// and columns.
func TestRS3WrapOfAReturn(t *testing.T) {
	const stamp = hlc.Stamp(1 << 40)
	for function, want := range map[string]string{
		"return":                          "      \n" + before + `eval("return");` + after(stamp),
		"\treturn":                        "       \n" + before + `eval(";return");` + after(stamp),
		"fn f() { return 1 }; return":     "fn f() { return 1 }        \n" + before + `eval(";                  ; return");` + after(stamp),
		"fn f() { return 1 } doc.x = f()": before + "fn f() { return 1 } doc.x = f()" + after(stamp),
	} {
		if got := between(function, stamp); got != want {
			t.Errorf("%q became\n%s\nwant\n%s", function, got, want)
		}
	}
	if got, want := between("\n\"ü\\\"\";return", stamp), "\n            \n"+before+`eval(";\x0a\"ü\\\"\";return");`+after(stamp); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// RS-3: what would leave before the fields are back is not served, and nothing else is refused.
func TestRS3Unserved(t *testing.T) {
	for function, want := range map[string]string{
		"if doc.a == 1 { exit() }": "`exit`", "doc.l = doc.l.map(|x| x + 1); return": "closures", "return }": "made out", "exit()\n}": "made out",
		"}": "", "return": "", "fn f() { return |x| x }": "", "doc.exit = \"return\"": "", "": "",
	} {
		body, _ := json.Marshal(map[string]any{"filter": "exit()", "function": function})
		e := Unserved(body)
		if want == "" && e != nil || want != "" && (e == nil || e.Code != apierr.MiroirNotImplemented || !strings.Contains(e.Message, want)) {
			t.Errorf("%q: %v", function, e)
		}
	}
	if e := Unserved([]byte(`{"function":7}`)); e != nil {
		t.Error(e)
	}
}

// A probe is refused for its context, once the engine has nothing to say about the rest.
func TestProbe(t *testing.T) {
	for _, in := range []string{`{"function":"a","filter":"b"}`, `{"function":"a","context":{"x":{}},"filter":"b"} `, `{"context":null,"function":"a","filter":"b"}`} {
		var got body
		if err := json.Unmarshal(Probe([]byte(in)), &got); err != nil || got.Context != 0.0 || got.Function != "a" || got.Filter != "b" {
			t.Errorf("%s became %s: %v", in, Probe([]byte(in)), err)
		}
	}
}

// Positions on the first line are as in the client's function; all else stays.
func TestUnshift(t *testing.T) {
	shifted := func(n int) string {
		return strings.Replace(`(line 1, position N)`, "N", string(json.RawMessage(itoa(n))), 1)
	}
	task := func(text string) string {
		return `{"error":{"message":"x ` + text + `","code":"edit_documents_by_function_error"}}`
	}
	evaluated := func(text string) string {
		function, _ := json.Marshal(between("return", 1))
		return `{"details":{"function":` + string(function) + `},"error":{"message":"x ` + text + `","code":"edit_documents_by_function_error"}}`
	}
	const own = `\nin call to function 'eval' (line 1, position 7)`
	for in, want := range map[string]string{
		evaluated(`(line 1, position 400)` + own + `\nin call to function 'eval' (line 2, position 99)`): evaluated(`(line 1, position 400)` + own),
		evaluated(`none`):              evaluated(`none`),
		task(shifted(len(before) + 1)): task(`(line 1, position 1)`),
		task(shifted(len(before)+12) + " twice " + shifted(len(before)+3)): task(`(line 1, position 12) twice (line 1, position 3)`),
		task(`(line 2, position 300)`):                                     task(`(line 2, position 300)`),
		`{"error":{"message":"` + shifted(400) + `","code":"other"}}`:      `{"error":{"message":"` + shifted(400) + `","code":"other"}}`,
	} {
		if got := string(Unshift([]byte(in))); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}
