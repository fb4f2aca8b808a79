package shardmap

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// terminator ends every hashed byte string, so that the hash of an identifier never equals the hash of a longer
// byte string that merely starts alike in a chained hash.
const terminator = 0xFF

// HashID is XXH64 with seed 0 over the canonical document id followed by 0xFF (SH-2).
func HashID(id []byte) uint64 {
	var buf [64]byte
	if len(id) < len(buf) {
		n := copy(buf[:], id)
		buf[n] = terminator
		return xxhash.Sum64(buf[:n+1])
	}
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(id)
	_, _ = d.Write([]byte{terminator})
	return d.Sum64()
}

// ShardOf is the shard in [0, shards) that owns the document with the canonical id (SH-2). shards must be positive.
func ShardOf(id []byte, shards int) int {
	return int(HashID(id) % uint64(shards))
}

// Score is the rendezvous weight of a node for a shard: XXH64 with seed 0 over the shard as a little-endian uint32,
// the node id and 0xFF (SH-3).
func Score(shard int, node string) uint64 {
	var buf [4 + 64]byte
	binary.LittleEndian.PutUint32(buf[:4], uint32(shard)) //nolint:gosec // shards are bounded by MaxShards
	if len(node) < len(buf)-4 {
		n := 4 + copy(buf[4:], node)
		buf[n] = terminator
		return xxhash.Sum64(buf[:n+1])
	}
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(buf[:4])
	_, _ = d.WriteString(node)
	_, _ = d.Write([]byte{terminator})
	return d.Sum64()
}
