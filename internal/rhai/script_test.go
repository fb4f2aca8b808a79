package rhai

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "",
		"doc.x = 1":                              "",
		"return":                                 "leaves",
		"if doc.a { return 7 }":                  "leaves",
		"for x in doc.l { if x { return; } }":    "leaves",
		"doc.returned = `return ${1}` // return": "",
		"doc.x = \"\\\"return\" /* return /* */ return */": "",
		"doc.x = #\"return\"# + ##\"a\"# return\"##":       "",
		"doc.x = `a ${ if y { return } } b`":               "leaves",
		"doc.x = `a ${ \"}\" + #{a: 1}.len() } b`; return": "leaves",
		"doc.c = 'r'; doc.d = '\\'';return":                "leaves",
		"fn f(x) { return x } doc.x = f(1)":                "fn",
		"private fn f(x) { return x } doc.x = f(1)":        "fn",
		"fn f(x) { if x { return |y| x + y } 2 } return":   "leaves fn",
		"doc.l.map(|x| { return x; })":                     "closures",
		"doc.l.map(|x| return x)":                          "leaves closures",
		"let f = || { return 1 }; return":                  "leaves closures",
		"if a || b { return }":                             "leaves",
		"if f(a) | g[1] == 1 | 2 || \"x\" == y { return }": "leaves",
		"doc.x = doc.a|1; return":                          "leaves",
		"exit()":                                           "exits",
		"if a { exit ( 7 ) }":                              "exits",
		"exit!()":                                          "exits",
		"7.exit()":                                         "exits",
		"fn f() { exit() }":                                "exits fn",
		"Fn(\"exit\").call()":                              "exits",
		"eval(\"exit\" + \"()\")":                          "exits",
		"eval(\"1; exit(2)\")":                             "exits",
		"doc.exit = #{exit: 1}; let exit = doc.exit":       "",
		"doc.x = \"exit()\"":                               "",
	} {
		s, ok := Read(text)
		var got []string
		for _, f := range []struct {
			is   bool
			name string
		}{{s.Leaves, "leaves"}, {s.Exits, "exits"}, {s.Closures, "closures"}, {len(s.functions) > 0, "fn"}} {
			if f.is {
				got = append(got, f.name)
			}
		}
		if !ok || strings.Join(got, " ") != want {
			t.Errorf("%s: %v %v, want %q", text, got, ok, want)
		}
	}
	for _, text := range []string{"\"", "`a", "`${", "`${ 1", "{", "}", "/*", "#\"a", "fn f()", "if a { fn f() {} }", "fn f(fn g(){}", "|x", "'"} {
		if s, ok := Read(text); ok {
			t.Errorf("%s was understood: %+v", text, s)
		}
	}
}

func TestPieces(t *testing.T) {
	const text = "let ü = 1;\n  private  fn f(ü) {\n return ü; }  return;\nfn g() {}"
	s, ok := Read(text)
	if !ok {
		t.Fatal("not understood")
	}
	rest := "let ü = 1;\n" + strings.Repeat(" ", len("  private  fn f(.) {")) + "\n" + strings.Repeat(" ", len(" return .; }")) + "  return;\n         "
	functions := strings.Repeat(" ", len("let . = 1;")) + "\n  private  fn f(ü) {\n return ü; }" + strings.Repeat(" ", len("  return;")) + "\nfn g() {}"
	if s.Rest() != rest || s.Functions() != functions {
		t.Errorf("%q\n%q", s.Rest(), s.Functions())
	}
}

// Whatever a client sends, the two halves together are the script.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"fn f() { return } doc.x = `${ |x| 1 }`; return", "#\"a\"#/* */'x' || exit()", "private fn a(){}private fn b(){}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "?")
		s, ok := Read(text)
		if !ok {
			return
		}
		whole, functions, rest := []rune(text), []rune(s.Functions()), []rune(s.Rest())
		if len(functions) != len(whole) || len(rest) != len(whole) {
			t.Fatalf("%q: %q and %q", text, string(functions), string(rest))
		}
		for i, c := range whole {
			if functions[i] != c && rest[i] != c || functions[i] != c && functions[i] != ' ' || rest[i] != c && rest[i] != ' ' {
				t.Fatalf("%q: %q and %q", text, string(functions), string(rest))
			}
		}
	})
}
