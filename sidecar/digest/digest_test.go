package digest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

func content(t *testing.T, document string) Hash {
	t.Helper()
	h, err := Content([]byte(document))
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return h
}

// A8.1, Digest 1: what two engines may show differently for the same document makes no difference, and everything else does.
func TestContent(t *testing.T) {
	same := []string{
		`{"id":1,"a":{"x":1,"y":[2.5,{"p":1,"q":null}]},"_miroir_shard":"⊕⊕⊕","_miroir_updated_at":"⊕"}`,
		`{"a":{"x":1,"y":[2.5,{"p":1,"q":null}]},"id":1}`,
		`{"a": { "y": [25e-1, {"q": null, "p": 1.0}], "x": 1 }, "id": 1}`,
		`{"a":{"x":1,"y":[2.5,{"p":1,"q":null}]},"id":1,"_vectors":{}}`,
		`{"a":{"x":1,"y":[2.5,{"p":1,"q":null}]},"id":1,"_vectors":{"e":{"embeddings":[[1.0]],"regenerate":true}}}`,
		`{"\u0061":{"x":1,"\u0079":[2.5,{"p":1,"q":null}]},"id":1}`,
		`{"id":7,"a":{"x":0,"x":1,"y":[2.5,{"p":1,"q":null}]},"id":1}`,
	}
	for _, d := range same[1:] {
		if content(t, d) != content(t, same[0]) {
			t.Errorf("%s differs", d)
		}
	}
	seen := map[Hash]string{content(t, same[0]): same[0]}
	for _, d := range []string{
		`{"id":1}`, `{"id":1,"a":{"x":1,"y":[{"p":1,"q":null},2.5]}}`, `{"id":1,"a":null}`, `{"id":"1","a":{"x":1,"y":[2.5,{"p":1,"q":null}]}}`,
		`{"id":1,"a":{"x":1,"y":[2.5,{"p":1,"q":null}]},"b":1}`, `{"id":1,"a":{"x":1,"y":[2.5,{"p":1}]},"q":null}`,
		`{"id":1,"a":{"x":1,"y":[2.5,{"p":1,"q":"null"}]}}`, `{"id":1,"a":{"x":1,"y":[2.5],"p":1,"q":null}}`,
		`{"id":1,"a":9007199254740993}`, `{"id":1,"a":9007199254740992}`, `{"id":1,"a":1e400}`, `{"id":1,"a":-0.5}`, `{"id":1,"a":[[]]}`, `{"id":1,"a":[]}`,
		`{"id":1,"a":{}}`, `{"id":1,"a":[[],[]]}`, `{"id":1,"a":"b","c":"d"}`, `{"id":1,"a":"b\u0000c","d":""}`,
		`{"id":1,"a":{"x":1,"y":[2.5,{"p":1,"q":null}]},"_miroir_expires_at":1}`,
		`{"id":1,"a":{"x":1,"y":[2.5,{"p":1,"q":null}]},"_vectors":{"e":{"embeddings":[[1.0]],"regenerate":false}}}`,
		`{"id":1,"a":{"x":1,"y":[2.5,{"p":1,"q":null}]},"_vectors":{"f":{"embeddings":[[1.0]],"regenerate":false}}}`,
		`{"id":1,"a":{"x":1,"y":[2.5,{"p":1,"q":null}]},"_vectors":{"e":[1.0]}}`, `{}`,
	} {
		h := content(t, d)
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s are alike", d, other)
		}
		seen[h] = d
	}
	for _, bad := range []string{`[1]`, `{"a":}`, `{"a":[1,]}`, `{"a":{"b"}}`, ``} {
		if _, err := Content([]byte(bad)); err == nil {
			t.Errorf("%q is a document", bad)
		}
	}
	deep := `{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`
	if content(t, deep) == content(t, strings.Replace(deep, "[]", "[1]", 1)) {
		t.Error("what is nested deeply is not looked at")
	}
}

// Numbers have one writing whatever their form, and different ones never share it.
func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1", "1.0": "1", "1e0": "1", "10e-1": "1", "-0": "0", "-0.0": "0", "0.5": "0.5", "5e-1": "0.5", "18446744073709551615": "18446744073709551615",
		"1.5e300": "1.5e+300", "1e400": "1e400", "true": "true", "9007199254740992.0": "9.007199254740992e+15",
	} {
		if got := string(shortest(nil, []byte(in))); got != want {
			t.Errorf("%s is written %s, not %s", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float64Range(-1<<53+1, 1<<53-1).Draw(t, "f") // the longer ones may be integers, which have a writing of their own
		for _, form := range []byte("efg") {
			if a, b := shortest(nil, strconv.AppendFloat(nil, f, form, -1, 64)), shortest(nil, strconv.AppendFloat(nil, f, 'e', 17, 64)); string(a) != string(b) {
				t.Fatalf("%v is %s and %s", f, a, b)
			}
		}
	})
}

// The hash of a document is that of the same document written by another encoder, with members in any order.
func TestContentOfAnyWriting(t *testing.T) {
	value := rapid.Deferred(func() *rapid.Generator[any] { return anyValue(3) })
	rapid.Check(t, func(t *rapid.T) {
		doc := map[string]any{"id": 1, "v": value.Draw(t, "v"), "w": value.Draw(t, "w")}
		compact, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		var spaced bytes.Buffer
		if err := json.Indent(&spaced, compact, " ", "\t"); err != nil {
			t.Fatal(err)
		}
		a, errA := Content(compact)
		b, errB := Content(spaced.Bytes())
		if errA != nil || errB != nil || a != b {
			t.Fatalf("%s: %v %v", compact, errA, errB)
		}
		doc["w"] = []any{doc["w"]}
		if other, _ := json.Marshal(doc); content2(t, other) == a {
			t.Fatalf("%s and %s are alike", compact, other)
		}
	})
}

func content2(t *rapid.T, d []byte) Hash {
	h, err := Content(d)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// anyValue draws JSON values.
func anyValue(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(), rapid.Float64Range(-1e9, 1e9).AsAny(), rapid.Int().AsAny())
	if depth == 0 {
		return leaf
	}
	below := anyValue(depth - 1)
	return rapid.OneOf(leaf, rapid.SliceOfN(below, 0, 3).AsAny(), rapid.MapOfN(rapid.String(), below, 0, 3).AsAny())
}

// What a digest costs for each document of about 1 KB, without the engine that shows it.
func BenchmarkContent(b *testing.B) {
	doc := []byte(`{"id":"city-12345","name":"` + strings.Repeat("word ", 150) + `","tags":["a","b","c"],"geo":{"lat":48.85,"lng":2.35},"population":2102650,"_miroir_shard":"⊕⊕⊖"}`)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Content(doc); err != nil {
			b.Fatal(err)
		}
	}
}

// Digest 2: the order of documents makes no difference, what was added can be taken out, and any change shows.
func TestDigestIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9_-]{1,12}`), 1, 40, rapid.ID).Draw(t, "ids")
		leaf := func(id string, version int) Hash {
			return Deep([]byte(id), nodeapi.Place{uint64(version), 0}, Hash{Lo: uint64(len(id))})
		}
		var a, b Digest
		for _, id := range ids {
			a.Add([]byte(id), leaf(id, 1))
		}
		for _, id := range rapid.Permutation(ids).Draw(t, "order") {
			b.Add([]byte(id), leaf(id, 1))
		}
		if a != b || a.Root() != b.Root() || a.Count() != uint64(len(ids)) {
			t.Fatal("the order makes a difference")
		}
		one := rapid.SampledFrom(ids).Draw(t, "changed")
		b.Remove([]byte(one), leaf(one, 1))
		b.Add([]byte(one), leaf(one, 2))
		if a.Root() == b.Root() || a.Sums[BucketOf([]byte(one))] == b.Sums[BucketOf([]byte(one))] {
			t.Fatal("a change does not show")
		}
		b.Remove([]byte(one), leaf(one, 2))
		b.Add([]byte(one), leaf(one, 1))
		if a != b {
			t.Fatal("taking back does not")
		}
		if d := a.Shard(); d.Root != Format(a.Root()) || d.Count != a.Count() || len(d.Buckets) != Buckets || len(d.Counts) != Buckets {
			t.Fatalf("%+v", d)
		}
	})
	h := Deep([]byte("a"), nodeapi.Place{}, Hash{})
	if h == Light([]byte("a"), nodeapi.Place{}) {
		t.Error("a light leaf is a deep one")
	}
	if got, ok := Parse(Format(h)); !ok || got != h {
		t.Errorf("%v came back as %v", h, got)
	}
	if _, ok := Parse("12"); ok {
		t.Error("a short hash is read")
	}
}

func FuzzContent(f *testing.F) {
	f.Add([]byte(`{"id":1,"_vectors":{"e":{"embeddings":[[1.0]],"regenerate":true}}}`))
	f.Add([]byte(`{"a":[1,{"b":"\u00e9"}],"_vectors":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Content(b)
		if again, e := Content(b); again != h || (e == nil) != (err == nil) {
			t.Fatal("two hashes of one document")
		}
	})
}
