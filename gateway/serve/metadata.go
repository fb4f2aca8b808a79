package serve

import (
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/routing"
)

// headerMetadata asks for `metadata` in the answer of a search.
const headerMetadata = "Meili-Include-Metadata"

// wantsMetadata says whether the client asked for metadata.
func (c *call) wantsMetadata() bool {
	v := c.Header.Get(headerMetadata)
	return v == "true" || v == "1"
}

// metadata is what the answer says about a query, nil if the client did not ask.
func (c *call) metadata(ix *routing.Index, q *meili.SearchQuery) []byte {
	if !c.wantsMetadata() {
		return nil
	}
	b := []byte{'{'}
	if q.Has("q") {
		b = append(rawjson.AppendQuoted(append(b, `"query":`...), q.Query), ',')
	}
	b = append(append(b, `"queryUid":"`...), newRequestUID()...)
	b = rawjson.AppendQuoted(append(b, `","indexUid":`...), ix.Name)
	if ix.PrimaryKey != "" {
		b = rawjson.AppendQuoted(append(b, `,"primaryKey":`...), ix.PrimaryKey)
	}
	return append(b, '}')
}
