package routing

import "testing"

// An index says when its placement was written, whatever else changed later.
func TestPlacedAt(t *testing.T) {
	b := NewBuilder()
	for _, r := range []struct {
		key, value string
		revision   int64
		want       int64
	}{
		{"placement/a--1", `{"v":1,"physical":"a--1","shards":1,"groups":{"0":[[]]}}`, 7, 0},
		{"indexes/a", `{"v":1,"uid":"a","physical":"a--1","shards":1}`, 7, 7},
		{"groups/0", `{"v":1,"id":0}`, 9, 7},
		{"placement/a--1", `{"v":1,"physical":"a--1","shards":1,"groups":{"0":[[]]}}`, 12, 12},
	} {
		if err := b.Put(r.key, []byte(r.value), r.revision); err != nil {
			t.Fatal(err)
		}
		got := int64(0)
		if ix := b.View().Physical["a--1"]; ix != nil {
			got = ix.PlacedAt
		}
		if got != r.want {
			t.Errorf("after %s at %d: %d, want %d", r.key, r.revision, got, r.want)
		}
	}
}
