package shardmap

import (
	"testing"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"
)

// SH-2: the hash of an id is that of the reference implementation over the id and its terminator, at every length.
func TestSH2HashIsXXH64AtEveryLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SliceOfN(rapid.Byte(), 511, 511).Draw(t, "id")
		for n := range 80 {
			if got, want := HashID(id[:n]), xxhash.Sum64(append(id[:n:n], terminator)); got != want {
				t.Fatalf("%d bytes: %x, want %x", n, got, want)
			}
		}
		if HashID(id) != xxhash.Sum64(append(id[:len(id):len(id)], terminator)) {
			t.Fatal("the longest id has another hash")
		}
	})
}
