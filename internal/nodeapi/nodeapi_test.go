package nodeapi

import (
	"bytes"
	"cmp"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/hlc"
)

func TestLegHeadersRoundTrip(t *testing.T) {
	for _, l := range []Leg{
		{},
		{Epoch: 9, Shards: []int{0, 1, 2, 7}, Count: 16, PrimaryKey: "a b.ç", Dispatch: "7", Raw: true},
		{Epoch: 2, Stamp: hlc.Max}, {Stamps: true}, {SortValues: true}, {Routed: true},
		{Epoch: 1, Shards: []int{3}, Count: 4096},
	} {
		h := http.Header{}
		l.Set(h)
		got, err := ReadLeg(h)
		if err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("%+v came back as %+v, %v", l, got, err)
		}
	}
}

func TestLegHeadersMalformed(t *testing.T) {
	for name, value := range map[string]string{
		HeaderEpoch: "x", HeaderCount: "0", HeaderInternal: "yes", HeaderPrimaryKey: "%zz", HeaderStamp: "9007199254740992", HeaderKeep: "all", HeaderSortValues: "1", HeaderRouted: "1",
		HeaderDispatch: string(bytes.Repeat([]byte("d"), MaxDispatch+1)),
	} {
		if _, err := ReadLeg(http.Header{http.CanonicalHeaderKey(name): {value}}); err == nil {
			t.Errorf("%s: %q accepted", name, value)
		}
	}
	h := http.Header{}
	h.Set(HeaderCount, "4")
	h.Set(HeaderShards, "4")
	if _, err := ReadLeg(h); err == nil {
		t.Error("a shard beyond the count is accepted")
	}
}

func TestDocumentLines(t *testing.T) {
	in := Line{Shard: 12, Position: 345, ID: []byte("a-1"), Document: []byte(`{"id":"a-1","t":"x\ty"}`)}
	line := AppendDocument(nil, in)
	got, err := SplitDocument(bytes.TrimSuffix(line, []byte("\n")))
	if err != nil || !reflect.DeepEqual(got, in) {
		t.Fatalf("%+v %v", got, err)
	}
	for _, bad := range []string{
		"", "1", "1\ta", "-1\ta\t{}", "x\ta\t{}", "1\t\t{}", "1\ta\t{", "1.\ta\t{}", ".1\ta\t{}", "1.x\ta\t{}", "1.-1\ta\t{}",
		"1.2.3\ta\t{}", "1.9999999999999999\ta\t{}",
	} {
		if _, err := SplitDocument([]byte(bad)); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

// HE-13: lines of senders that knew no positions are read.
func TestDocumentLinesWithoutPosition(t *testing.T) {
	l, err := SplitDocument([]byte("12\ta-1\t{}"))
	if err != nil || l.Shard != 12 || l.Position != 0 || string(l.ID) != "a-1" || string(l.Document) != "{}" {
		t.Fatalf("%+v %v", l, err)
	}
}

// RS-4, §0.5: stored stamps sort by stamp, then by position, also where the positions of one write go on under the next
// stamp.
func TestStoredStampsSortAsWritesCame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (hlc.Stamp, uint64) {
			near := rapid.Uint64Range(0, 3).Draw(t, name)
			return hlc.Stamp(rapid.Uint64Range(0, 1<<53-64).Draw(t, name)), near + rapid.SampledFrom([]uint64{0, 1<<24 - 2, 5 << 24}).Draw(t, name)
		}
		s1, p1 := draw("a")
		s2, p2 := draw("b")
		if rapid.Bool().Draw(t, "same write") {
			s2 = s1
		}
		a, b := string(AppendStamp(nil, s1, p1)), string(AppendStamp(nil, s2, p2))
		if len(a) != StampBytes || utf8.RuneCountInString(a) != 20 {
			t.Fatalf("%q", a)
		}
		if s1 == s2 && cmp.Compare(p1, p2) != cmp.Compare(a, b) {
			t.Fatalf("%d/%d is %s, %d/%d is %s", s1, p1, a, s2, p2, b)
		}
		if last := s1 + hlc.Stamp(StampsFor(int(p1)+1)) - 1; last < s2 && a >= b {
			t.Fatalf("a later write sorts before: %s, %s", a, b)
		}
		if s, p, ok := ParseStamp(a); !ok || uint64(s)<<24+p != uint64(s1)<<24+p1 {
			t.Fatalf("%s came back as %d/%d", a, s, p)
		}
	})
	for n, want := range map[int]int{0: 1, 1: 1, 1 << 24: 1, 1<<24 + 1: 2, 3 << 24: 3} {
		if got := StampsFor(n); got != want {
			t.Errorf("%d documents take %d stamps, want %d", n, got, want)
		}
	}
	for _, bad := range []string{"", "x", strings.Repeat("x", StampBytes), strings.Repeat("⊤", 20)} {
		if _, _, ok := ParseStamp(bad); ok {
			t.Errorf("%q accepted", bad)
		}
	}
}

// RS-4: fixed width, order kept, one symbol a digit.
func TestRS4SymbolsKeepOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Uint64Range(0, 1<<53-1).Draw(t, "a"), rapid.Uint64Range(0, 1<<53-1).Draw(t, "b")
		sa, sb := string(AppendSymbols(nil, a, 14)), string(AppendSymbols(nil, b, 14))
		if utf8.RuneCountInString(sa) != 14 || (a < b) != (sa < sb) {
			t.Fatalf("%d %s, %d %s", a, sa, b, sb)
		}
		if back, ok := ParseSymbols(sa); !ok || back != a {
			t.Fatalf("%s came back as %d", sa, back)
		}
	})
	if got := string(AppendSymbols(nil, 0x0F0, 3)); got != "⊕⊤⊕" {
		t.Fatalf("0x0F0 is %s", got)
	}
	for _, bad := range []string{"", "x", "abc", "⊕⊕x"} {
		if _, ok := ParseSymbols(bad); ok {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestReservedNames(t *testing.T) {
	for name, want := range map[string]bool{
		"_miroir_shard": true, "_miroir_shard.x": true, "_miroir_updated_at": true, "_miroir_shards": false,
		"_miroir_other": false, "miroir_shard": false, "_miroir_shard_": false, "": false,
	} {
		if IsReserved(name) != want {
			t.Errorf("IsReserved(%q) is not %v", name, want)
		}
	}
	if got := ShardFilter([]int{0, 255}); got != `_miroir_shard IN ["⊕⊕⊕", "⊕⊤⊤"]` {
		t.Error(got)
	}
}

func TestTransferLines(t *testing.T) {
	c := Copy{
		Document: Document{Shard: 3, ID: "a-1"}, Version: Place{1 << 52, 7}, Floor: Place{1, 0}, Includes: []Place{{2, 0}},
		Body: []byte(`{"id":"a-1","t":"\t"}`),
	}
	gone := Copy{Document: Document{ID: "b"}, Deleted: true, Unsettled: true}
	list, err := AppendCopy(nil, c)
	if err == nil {
		list, err = AppendCopy(list, gone)
	}
	if err != nil {
		t.Fatal(err)
	}
	var got []Copy
	read := func(line []byte) error {
		one, err := ParseCopy(line)
		got = append(got, one)
		return err
	}
	if err := EachLine(list, true, read); err != nil || !reflect.DeepEqual(got, []Copy{c, gone}) {
		t.Fatalf("%+v %v", got, err)
	}
	if err := EachLine(list, false, read); err == nil {
		t.Error("a list that was cut off is whole")
	}
	if err := EachLine(append(list, ".\nx\n"...), false, read); err == nil {
		t.Error("something follows the end of a list")
	}
	for _, l := range []Leaf{
		{Kind: LeafStored, ID: []byte("a-1"), Version: Place{5, 6}, Sum: "00112233445566778899aabbccddeeff", Expires: 7},
		{Kind: LeafDeleted, ID: []byte("a"), Version: Place{5, 0}}, {Kind: LeafAbsent, ID: []byte("a")},
	} {
		back, err := ParseLeaf(bytes.TrimSuffix(AppendLeaf(nil, l), []byte{'\n'}))
		if err != nil || !reflect.DeepEqual(back, l) {
			t.Errorf("%+v %v", back, err)
		}
	}
	for _, bad := range []string{
		"", "s", "s\ta\t1.2\tx\t0", "s\t\t1.2\t00112233445566778899aabbccddeeff\t0", "s\ta\t12\t00112233445566778899aabbccddeeff\t0",
		"d\ta\t1.2\t00112233445566778899aabbccddeeff\t0", "x\ta\t1.2\t\t0", "d\ta\t1.2\t\t", "d\ta\t1.2\t\t-1", "d\ta\t1.2\t",
	} {
		if _, err := ParseLeaf([]byte(bad)); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}
