package shardmap

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// terminator ends every hashed byte string, so that the hash of an identifier never equals the hash of a longer
// byte string that merely starts alike in a chained hash.
const terminator = 0xFF

// HashID is XXH64 with seed 0 over the canonical document id followed by 0xFF (SH-2).
func HashID(id []byte) uint64 {
	if len(id) < stripe {
		return finish(prime5+uint64(len(id))+1, id)
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

// stripe is the length from which XXH64 takes its input in stripes. Document ids are hardly ever that long, and what
// remains of the algorithm below it is short enough to stand here without a copy of the id and its terminator.
const stripe = 31

// Constants of XXH64 (the specification of xxHash, doc/xxhash_spec.md, section XXH64).
const (
	prime1 = 0x9E3779B185EBCA87
	prime2 = 0xC2B2AE3D27D4EB4F
	prime3 = 0x165667B19E3779F9
	prime4 = 0x85EBCA77C2B2AE63
	prime5 = 0x27D4EB2F165667C5
)

// finish takes in the bytes of p followed by the terminator, fewer than 32 together, and mixes the result.
func finish(h uint64, p []byte) uint64 {
	for len(p) >= 8 {
		h = take8(h, binary.LittleEndian.Uint64(p))
		p = p[8:]
	}
	if len(p) == 7 {
		last := uint64(binary.LittleEndian.Uint32(p[3:]))<<24 | uint64(p[2])<<16 | uint64(p[1])<<8 | uint64(p[0])
		return avalanche(take8(h, last|terminator<<56))
	}
	if len(p) >= 4 {
		h = take4(h, binary.LittleEndian.Uint32(p))
		p = p[4:]
	} else if len(p) == 3 {
		return avalanche(take4(h, uint32(p[0])|uint32(p[1])<<8|uint32(p[2])<<16|terminator<<24))
	}
	for _, b := range p {
		h = take1(h, b)
	}
	return avalanche(take1(h, terminator))
}

func take8(h, lane uint64) uint64 {
	h ^= bits.RotateLeft64(lane*prime2, 31) * prime1
	return bits.RotateLeft64(h, 27)*prime1 + prime4
}

func take4(h uint64, lane uint32) uint64 {
	h ^= uint64(lane) * prime1
	return bits.RotateLeft64(h, 23)*prime2 + prime3
}

func take1(h uint64, b byte) uint64 {
	h ^= uint64(b) * prime5
	return bits.RotateLeft64(h, 11) * prime1
}

func avalanche(h uint64) uint64 {
	h = (h ^ h>>33) * prime2
	h = (h ^ h>>29) * prime3
	return h ^ h>>32
}
