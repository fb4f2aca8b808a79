package nodeapi

import (
	"bytes"
	"net/http"
	"reflect"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestLegHeadersRoundTrip(t *testing.T) {
	for _, l := range []Leg{
		{},
		{Epoch: 9, Shards: []int{0, 1, 2, 7}, Count: 16, PrimaryKey: "a b.ç", Dispatch: "7", Raw: true},
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
		HeaderEpoch: "x", HeaderCount: "0", HeaderInternal: "yes", HeaderPrimaryKey: "%zz",
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
	line := AppendDocument(nil, 12, []byte("a-1"), []byte(`{"id":"a-1","t":"x\ty"}`))
	shard, id, doc, err := SplitDocument(bytes.TrimSuffix(line, []byte("\n")))
	if err != nil || shard != 12 || string(id) != "a-1" || string(doc) != `{"id":"a-1","t":"x\ty"}` {
		t.Fatalf("%d %s %s %v", shard, id, doc, err)
	}
	for _, bad := range []string{"", "1", "1\ta", "-1\ta\t{}", "x\ta\t{}", "1\t\t{}", "1\ta\t{"} {
		if _, _, _, err := SplitDocument([]byte(bad)); err == nil {
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
