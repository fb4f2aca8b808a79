package digest

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func content(t *testing.T, document string) Hash {
	t.Helper()
	h, err := Content([]byte(document))
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return h
}

// Digest 1: what two engines may show differently for the same document makes no difference, and everything else does.
func TestContent(t *testing.T) {
	same := []string{
		`{"id":1,"a":{"x":1,"y":2},"_miroir_shard":"⊕⊕⊕","_miroir_updated_at":"⊕"}`,
		`{"a":{"x":1,"y":2},"id":1}`,
		`{"a":{"x":1,"y":2},"id":1,"_vectors":{}}`,
		`{"a":{"x":1,"y":2},"id":1,"_vectors":{"e":{"embeddings":[[1.0]],"regenerate":true}}}`,
		`{"\u0061":{"x":1,"y":2},"id":1}`,
	}
	for _, d := range same[1:] {
		if content(t, d) != content(t, same[0]) {
			t.Errorf("%s differs", d)
		}
	}
	seen := map[Hash]string{content(t, same[0]): same[0]}
	for _, d := range []string{
		`{"id":1}`, `{"id":1,"a":{"y":2,"x":1}}`, `{"id":1,"a":null}`, `{"id":"1","a":{"x":1,"y":2}}`, `{"id":1,"a":{"x":1,"y":2},"b":1}`,
		`{"id":1,"a":{"x":1,"y":2},"_miroir_expires_at":1}`, `{"id":1,"a":{"x":1,"y":2},"_vectors":{"e":{"embeddings":[[1.0]],"regenerate":false}}}`,
		`{"id":1,"a":{"x":1,"y":2},"_vectors":{"e":[1.0]}}`, `{}`,
	} {
		h := content(t, d)
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s are alike", d, other)
		}
		seen[h] = d
	}
	if _, err := Content([]byte(`[1]`)); err == nil {
		t.Error("a list is a document")
	}
}

// Digest 2: the order of documents makes no difference, what was added can be taken out, and any change shows.
func TestDigestIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9_-]{1,12}`), 1, 40, rapid.ID).Draw(t, "ids")
		leaf := func(id string, version int) Hash {
			return Leaf([]byte(id), fmt.Append(nil, version), Hash{Lo: uint64(len(id))})
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
	})
	h := Leaf([]byte("a"), nil, Hash{})
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
