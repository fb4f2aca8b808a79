package rawjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

var seeds = []string{
	``, ` `, `{}`, `[]`, `[ ]`, `{ }`, `null`, `true`, `false`, `nul`, `trux`, `0`, `-0`, `01`, `-`, `-x`, `1.`, `1.5`, `1.x`, `1e`,
	`1e5`, `1E+5`, `1e-`, `"`, `"a`, `"a"`, `"a\n"`, `"\u00e9"`, `"\u12"`, `"\ud800"`, `"\ud83d\ude00"`, `"é"`, "\"\xff\"", "\"a\nb\"",
	`[1,2]`, `[1,]`, `[1 2]`, `[1}`, `{"a":1}`, `{"a":1,}`, `{"a" 1}`, `{a:1}`, `{"a":1]`, `{"a":{"b":[1,{"c":null}]}}`, ` {"a" : [ ] , "a":{ } } `,
	`{"a":1}x`, `[[[[[[]]]]]]`, `{"a":"}]"}`, `{"\u0061":1}`, `.5`, `+1`, `]`, `}`, `,`, `:`, `{"a":}`, `{"a"}`, `{,}`, `[,]`,
}

func FuzzScan(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add([]byte(strings.Repeat("[", 200) + strings.Repeat("]", 200)))
	f.Add([]byte(strings.Repeat(`{"a":`, 130) + "1" + strings.Repeat("}", 130)))
	f.Fuzz(func(t *testing.T, text []byte) {
		want := json.Valid(text) && utf8.Valid(text)
		if got := Valid(text); got != want {
			t.Fatalf("verdict on %q is %v, want %v", text, got, want)
		}
		end, fault := Scan(text, 0)
		if end < 0 || end > len(text) || fault.At < 0 || fault.At > len(text) {
			t.Fatalf("scan of %q ends at %d, fault %+v", text, end, fault)
		}
		if i := Space(text, 0); i < len(text) && text[i] == '{' {
			checkScanObject(t, text, i, end, fault)
		}
	})
}

func checkScanObject(t *testing.T, text []byte, i, end int, fault Fault) {
	t.Helper()
	o := ScanObject(text, i, nil)
	members, e, f := o.Members, o.End, o.Fault
	if (f.Reason == OK) != (fault.Reason == OK) || f.Reason == OK && e != end {
		t.Fatalf("object %q: end %d fault %+v, but as a value end %d fault %+v", text, e, f, end, fault)
	}
	if f.Reason != OK {
		if f != fault {
			t.Fatalf("object %q: fault %+v, but as a value %+v", text, f, fault)
		}
		return
	}
	n := 0
	EachMember(text, func(k, v []byte) bool {
		if n >= len(members) || !bytes.Equal(members[n].Key, k) || !bytes.Equal(members[n].Value, v) {
			t.Fatalf("member %d of %q differs", n, text)
		}
		n++
		return true
	})
	if n != len(members) {
		t.Fatalf("%d members of %q, want %d", n, text, len(members))
	}
}

// A text that goes on is never judged before it was read: what is cut short has its fault at the end.
func FuzzCutShort(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		if !Valid(text) || n < 0 || n >= len(text) {
			return
		}
		if end, _ := Scan(text, 0); n >= end {
			return
		}
		if _, fault := Scan(text[:n], 0); fault.Reason != OK && fault.At < n {
			t.Fatalf("%q cut to %d bytes faults at %+v", text, n, fault)
		}
	})
}

func TestFaults(t *testing.T) {
	for text, want := range map[string]Fault{
		`{"id":1`:                       {EndInObject, 7},
		`[1,2`:                          {EndInList, 4},
		`[1,`:                           {EndInValue, 3},
		`{"id":tru}`:                    {NoIdent, 10},
		`{"id":1.}`:                     {BadNumber, 9},
		`{"id":-}`:                      {BadNumber, 8},
		`{"id":"a\x"}`:                  {BadEscape, 10},
		`{"a":"\u12"}`:                  {BadEscape, 12},
		`{"a":"`:                        {EndInString, 6},
		`{"a"`:                          {EndInObject, 4},
		`{"a":`:                         {EndInValue, 5},
		`{"a" 1}`:                       {NoColon, 6},
		`{a:1}`:                         {NoKey, 2},
		`{"a":1 "b":2}`:                 {NoObjectEnd, 8},
		`{"a":[1 2]}`:                   {NoListEnd, 9},
		`{"a":1,}`:                      {NoKey, 8},
		`{"a":[1,]}`:                    {NoValue, 9},
		`{"a":00}`:                      {BadNumber, 7},
		`{"a":1e}`:                      {BadNumber, 8},
		"{\"a\":\"\n\"":                 {ControlCharacter, 6},
		"[\"\xff\"]":                    {BadUTF8, 5},
		strings.Repeat("[", MaxDepth+1): {TooDeep, MaxDepth + 1},
	} {
		if _, got := Scan([]byte(text), 0); got != want {
			t.Errorf("%.40q: %v at %d, want %v at %d", text, got.Reason, got.At, want.Reason, want.At)
		}
	}
}

// What a reader of values may refuse is odd, and hardly anything else.
func TestOdd(t *testing.T) {
	for text, want := range map[string]bool{
		`{"a":"\u0041\n\"","b":[1,-2.5,{"c":null}],"n":123456789012345678901234567890}`: false,
		`{"a":"\ud83d\ude00"}`: true, `{"\uDC00":1}`: true, `{"a":[{"b":"\ud800"}]}`: true,
		`{"a":1e5}`: true, `{"a":1` + strings.Repeat("0", maxPlainNumber) + `}`: true, `{"a":1` + strings.Repeat("0", maxPlainNumber-1) + `}`: false,
		`{"a":` + strings.Repeat("[", oddDepth-2) + strings.Repeat("]", oddDepth-2) + `}`: false,
		`{"a":` + strings.Repeat("[", oddDepth-1) + strings.Repeat("]", oddDepth-1) + `}`: true,
	} {
		if o := ScanObject([]byte(text), 0, nil); o.Fault.Reason != OK || o.Odd != want {
			t.Errorf("%.60s: odd is %v, fault %v", text, o.Odd, o.Fault)
		}
	}
}

func TestPosition(t *testing.T) {
	text := []byte("[\n 1\n 2]")
	_, f := Scan(text, 0)
	if line, column := Position(text, f.At); f.Reason != NoListEnd || line != 3 || column != 2 {
		t.Error(f.Reason, line, column)
	}
}

func FuzzUnquote(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add([]byte(`"\ud83d\ude00 \ud83d\u0041 \ude00 \ud83d\ud83d\ude00"`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !Valid(raw) || raw[0] != '"' || raw[len(raw)-1] != '"' {
			return
		}
		var want string
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if got, ok := Unquote(raw); !ok || got != want {
			t.Fatalf("%q is %q, want %q", raw, got, want)
		}
		if !KeyIs(raw, want) || KeyIs(raw, want+"x") {
			t.Fatalf("KeyIs(%q)", raw)
		}
	})
}

func FuzzFind(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), "a")
	}
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		if !Valid(text) || !utf8.ValidString(name) {
			return
		}
		var want map[string]json.RawMessage
		if json.Unmarshal(text, &want) != nil || want == nil {
			return
		}
		value, ok := Find(text, name)
		if w, has := want[name]; has != ok || has && !bytes.Equal(w, value) {
			t.Fatalf("%q in %q is %q, want %q", name, text, value, w)
		}
	})
}

// Walks over texts that were never checked end, and stay inside.
func FuzzWalkGarbage(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, text []byte) {
		EachMember(text, func(_, _ []byte) bool { return true })
		EachElement(text, func([]byte) bool { return true })
		_, _ = Find(text, "a")
		_, _ = Unquote(text)
	})
}

func benchmarkText() []byte {
	doc := `{"id":123456,"title":"The quick brown fox jumps over the lazy dog","overview":"` + strings.Repeat("lorem ipsum dolor sit amet ", 12) +
		`","genres":["Drama","Comedy"],"year":1999,"rating":7.25,"_geo":{"lat":45.5,"lng":-73.6},"adult":false}`
	return []byte(doc)
}

func BenchmarkScan(b *testing.B) {
	text := benchmarkText()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, f := Scan(text, 0); f.Reason != OK {
			b.Fatal(f)
		}
	}
}

func BenchmarkScanObject(b *testing.B) {
	text := benchmarkText()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var members []Member
	for b.Loop() {
		o := ScanObject(text, 0, members[:0])
		if members = o.Members; o.Fault.Reason != OK {
			b.Fatal(o.Fault)
		}
	}
}

func BenchmarkEachMember(b *testing.B) {
	text := benchmarkText()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		EachMember(text, func(_, _ []byte) bool { n++; return true })
		if n != 8 {
			b.Fatal(n)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	text := benchmarkText()
	members := make([]Member, 0, 16)
	if n := testing.AllocsPerRun(100, func() {
		members = ScanObject(text, 0, members[:0]).Members
		_, _ = Scan(text, 0)
		_, _ = Find(text, "rating")
		EachMember(text, func(k, _ []byte) bool { return !KeyIs(k, "adult") })
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzAppendQuoted(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Add("<b>&\u2028\x00\x1f\x7f\xff")
	f.Fuzz(func(t *testing.T, s string) {
		raw := AppendQuoted(nil, s)
		var back string
		if err := json.Unmarshal(raw, &back); err != nil || !Valid(raw) {
			t.Fatalf("%q becomes %q: %v", s, raw, err)
		}
		if want := strings.ToValidUTF8(s, "\x00"); strings.ReplaceAll(back, "\uFFFD", "") != strings.ReplaceAll(strings.ReplaceAll(want, "\x00", ""), "\uFFFD", "") &&
			!strings.Contains(s, "\x00") {
			t.Fatalf("%q becomes %q", s, back)
		}
		if got, ok := Unquote(raw); !ok || got != back {
			t.Fatalf("%q reads back as %q", raw, got)
		}
	})
}
