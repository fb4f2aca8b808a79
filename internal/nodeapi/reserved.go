package nodeapi

import "strings"

// Names of the fields that Miroir keeps in stored documents and clients neither send nor see (spec §3.1).
const (
	FieldShard     = "_miroir_shard"
	FieldUpdatedAt = "_miroir_updated_at"
)

// FieldExpiresAt is where clients write when a document of an index with a time to live expires, in Unix milliseconds. To
// other indexes it is a field like any other.
const FieldExpiresAt = "_miroir_expires_at"

// NoDistinct names a field that can be filtered by and that no document has: a search that is told to tell hits apart by
// it tells none apart, whatever the index's own distinct attribute is. Only legs may name it.
const NoDistinct = FieldShard + ".none"

// ReservedPrefix starts every reserved name; a key without it needs no closer look.
const ReservedPrefix = "_miroir_"

// IsReserved says whether a top-level key of a client document is a reserved name or a dotted path below one.
func IsReserved(key string) bool {
	if !strings.HasPrefix(key, ReservedPrefix) {
		return false
	}
	name, _, _ := strings.Cut(key, ".")
	return name == FieldShard || name == FieldUpdatedAt
}

// Symbols are the sixteen separator characters U+2295 … U+22A4 that stand for the hexadecimal digits 0 … f in stored
// reserved values. Meilisearch finds no word in them, so a search never matches a reserved value, while equality, IN
// and ranges in filters work on the string (RS-4).
var symbols = [16]string{"⊕", "⊖", "⊗", "⊘", "⊙", "⊚", "⊛", "⊜", "⊝", "⊞", "⊟", "⊠", "⊡", "⊢", "⊣", "⊤"}

// ShardDigits is the number of symbols of a stored shard, enough for shardmap.MaxShards.
const ShardDigits = 3

// SymbolBytes is the length of one symbol in UTF-8.
const SymbolBytes = 3

// AppendSymbols appends the low digits hexadecimal digits of v as symbols, most significant first.
func AppendSymbols(dst []byte, v uint64, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		dst = append(dst, symbols[v>>(4*i)&0xF]...)
	}
	return dst
}

// ParseSymbols reads what AppendSymbols wrote; ok is false for anything else.
func ParseSymbols(s string) (v uint64, ok bool) {
	if len(s)%SymbolBytes != 0 || len(s) == 0 || len(s) > 16*SymbolBytes {
		return 0, false
	}
	for ; s != ""; s = s[SymbolBytes:] {
		digit := -1
		for d, sym := range symbols {
			if s[:SymbolBytes] == sym {
				digit = d
				break
			}
		}
		if digit < 0 {
			return 0, false
		}
		v = v<<4 | uint64(digit) //nolint:gosec // 0 to 15
	}
	return v, true
}

// ShardFilter is the filter clause `_miroir_shard IN ["…", …]` for ascending shards, in Meilisearch's filter language.
func ShardFilter(shards []int) string {
	b := make([]byte, 0, 24+len(shards)*(ShardDigits*SymbolBytes+4))
	b = append(b, FieldShard...)
	b = append(b, " IN ["...)
	for i, s := range shards {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, '"')
		b = AppendSymbols(b, uint64(s), ShardDigits) //nolint:gosec // shards are not negative
		b = append(b, '"')
	}
	return string(append(b, ']'))
}
