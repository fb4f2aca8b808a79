package leg

import (
	"slices"

	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// Lists of documents that are not sorted come in the order of writing, as on one engine. Merging that order costs every
// leg everything before the page, so it is kept for lists of bounded length; a longer list comes leg by leg, and each of
// its pages costs no more than itself. The length of a list does not depend on the page, so all pages agree.
const (
	// OrderedTotal is the longest list that comes in the order of writing.
	OrderedTotal = 10_000
	// ShallowWindow is the largest window that legs are asked for before the length of the list is known.
	ShallowWindow = 1_000
)

// Documents is a listing of documents: what its legs are asked, and how their answers are merged.
type Documents struct{ query *meili.DocumentsQuery }

// NewDocuments decides about a listing.
func NewDocuments(q *meili.DocumentsQuery) Documents { return Documents{q} }

// Sorted says whether the client gave an order, by which legs must be merged.
func (d Documents) Sorted() bool { return d.query.Sorted }

// Shallow says whether every leg can be asked for everything up to the end of the page at once.
func (d Documents) Shallow() bool { return d.query.Sorted || d.Window() <= ShallowWindow }

// Window is the number of documents up to the end of the page.
func (d Documents) Window() int {
	return min(d.query.Offset, maxWindow-d.query.Limit) + d.query.Limit
}

// Page is the client's own window.
func (d Documents) Page() (offset, limit int) { return d.query.Offset, d.query.Limit }

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

// Request is how answers are merged that reach from the first document to the end of the page.
func (d Documents) Request() merge.DocumentsRequest {
	return merge.DocumentsRequest{Offset: d.query.Offset, Limit: d.query.Limit, Sorted: d.query.Sorted, Ordered: OrderedTotal}
}
