package journal

import (
	"encoding/binary"

	"github.com/miroir-search/miroir/internal/hlc"
)

// Families of keys. Names of indexes and ids of documents never contain a zero byte.
const (
	tagMeta    = 'm' // name → what holds for the whole store
	tagIndex   = 'i' // index → its marks
	tagLeg     = 'l' // place → header of a leg whose bodies are kept
	tagBody    = 'b' // place, number → a piece of its bodies
	tagChange  = 'c' // index, place, shard → the leg's entries of that shard
	tagOp      = 'o' // index, shard, id, place, ordinal → one operation whose body is kept
	tagNewest  = 'n' // index, shard, id → newest versions, written and deleted
	tagAwait   = 'w' // place → header of a leg whose bodies are gone, and of whose task nobody knows the end
	tagNote    = 'r' // place → an entry of the log of repairs
	tagDropped = 'd' // index → up to which legs may have been here and are forgotten
	tagBarred  = 'x' // dispatch id → when it was barred
	tagTask    = 't' // index → newest task of the engine, with its leg's dispatch id
)

const wideShard = 0xFFFF // stands for all shards in the keys of operations that name no document

func metaKey(name string) []byte { return append([]byte{tagMeta}, name...) }

func indexKey(index string) []byte { return append([]byte{tagIndex}, index...) }

func legKey(place hlc.Stamp) []byte {
	return binary.BigEndian.AppendUint64([]byte{tagLeg}, uint64(place))
}

func awaitedKey(place hlc.Stamp) []byte {
	return binary.BigEndian.AppendUint64([]byte{tagAwait}, uint64(place))
}

func droppedKey(index string) []byte { return append([]byte{tagDropped}, index...) }

func barredKey(write string) []byte { return append([]byte{tagBarred}, write...) }

func bodyKey(place hlc.Stamp, n uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64([]byte{tagBody}, uint64(place)), n)
}

func prefixOf(tag byte, index string) []byte {
	b := make([]byte, 0, len(index)+48)
	b = append(b, tag)
	b = append(b, index...)
	return append(b, 0)
}

func changeKey(index string, place hlc.Stamp, shard uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(prefixOf(tagChange, index), uint64(place)), shard)
}

// placeOf reads the place and the shard off the end of a change key.
func placeOf(key []byte) (place hlc.Stamp, shard uint16, ok bool) {
	if len(key) < 10 {
		return 0, 0, false
	}
	tail := key[len(key)-10:]
	return hlc.Stamp(binary.BigEndian.Uint64(tail)), binary.BigEndian.Uint16(tail[8:]), true
}

func appendDocument(b []byte, shard uint16, id []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, shard), id...)
}

func newestKey(index string, shard uint16, id []byte) []byte {
	return appendDocument(prefixOf(tagNewest, index), shard, id)
}

// opPrefix begins the keys of all operations on one document.
func opPrefix(index string, shard uint16, id []byte) []byte {
	return append(appendDocument(prefixOf(tagOp, index), shard, id), 0)
}

func appendPlace(b []byte, place hlc.Stamp, ordinal uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, uint64(place)), ordinal)
}

// after is the smallest key above all that begin with the prefix. Prefixes begin with a tag and so never consist of 0xFF.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return end
}
