package leg

import (
	"slices"

	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// Documents is a listing of documents: what its legs are asked, and how their answers are merged. A sorted one asks every
// leg for everything up to the end of the page; one that is not sorted comes in the order of writing, and asks each leg
// for a piece of its own list.
type Documents struct{ query *meili.DocumentsQuery }

// NewDocuments decides about a listing.
func NewDocuments(q *meili.DocumentsQuery) Documents { return Documents{q} }

// Sorted says whether the client gave an order, by which legs must be merged.
func (d Documents) Sorted() bool { return d.query.Sorted }

// Window is the number of documents up to the end of the page.
func (d Documents) Window() int {
	return min(d.query.Offset, maxWindow-d.query.Limit) + d.query.Limit
}

// Page is the client's own window.
func (d Documents) Page() (offset, limit int) { return d.query.Offset, d.query.Limit }

// Each visits what a listing chooses its documents by.
func (d Documents) Each(visit func(name string, value []byte)) {
	d.query.Each(func(name string, value []byte) {
		if name == "filter" || name == "ids" {
			visit(name, value)
		}
	})
}

// Body asks a leg for a window of its documents. A leg that is merged with others by order keeps the stamps.
func (d Documents) Body(offset, limit int, merged bool) []byte {
	b := newBody()
	b.number("offset", offset)
	b.number("limit", limit)
	d.query.Each(func(name string, value []byte) {
		if name == "fields" && merged {
			if list := meili.Strings(value); !slices.Contains(list, "*") {
				b.strings(name, append(list, nodeapi.FieldUpdatedAt))
				return
			}
		}
		b.put(name, value)
	})
	return b.end()
}

// Stamps asks a leg for the stamps of a window of its documents alone, to find the place at which a page begins.
func (d Documents) Stamps(offset, limit int) []byte {
	b := newBody()
	b.number("offset", offset)
	b.number("limit", limit)
	d.Each(b.put)
	b.strings("fields", []string{nodeapi.FieldUpdatedAt})
	return b.end()
}

// Request is how answers are merged that reach from the first document, or in a list that is not sorted from the one
// behind passed others, to the end of the page.
func (d Documents) Request(passed int) merge.DocumentsRequest {
	return merge.DocumentsRequest{Offset: d.query.Offset, Limit: d.query.Limit, Sorted: d.query.Sorted, Passed: passed}
}
