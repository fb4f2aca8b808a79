package serve

import (
	"context"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/shardmap"
)

const (
	// nearby is how far before a page its documents are asked for too: up to there a walk over stamps would cost more.
	nearby = 500
	// maxPiece bounds the stamps that a leg is asked for at once.
	maxPiece = 50_000
	// maxStarts bounds how often a listing starts anew because other nodes stood in for one that failed.
	maxStarts = 3
)

// chronicle lists documents in the order of writing. From the last known place before the page a walk over the legs'
// stamps leads to the page, then the legs are asked for its documents.
func (f *fetching) chronicle(ctx context.Context) found {
	for range maxStarts {
		w := walk{fetching: f, version: f.s.Tasks.Version(f.ix.Physical), list: f.list()}
		w.offset, w.limit = f.leg.Page()
		if r, done := w.page(ctx); done {
			return r
		}
	}
	return found{failed: uncoveredError(every(f.ix.Shards))}
}

// list names the list that the plan's legs have together.
func (f *fetching) list() string {
	var b strings.Builder
	b.WriteString(f.ix.Physical)
	for _, l := range f.plan.Legs {
		b.WriteString("\x00" + l.Node + " " + shardmap.FormatRanges(l.Shards))
	}
	f.leg.Each(func(name string, value []byte) {
		b.WriteString("\x00" + name)
		b.Write(value)
	})
	return b.String()
}

// walk is one try to get to a page and to read it.
type walk struct {
	*fetching
	offset, limit int
	list          string
	version       uint64 // of the index's documents
	from          place
}

// page reads the page. done is false when other legs than the plan's answered: their lists are others, so the walk starts
// anew.
func (w *walk) page(ctx context.Context) (r found, done bool) {
	w.from = place{at: make([]int, len(w.plan.Legs))}
	if w.limit > 0 {
		w.from = w.s.places.before(w.list, w.version, w.offset, len(w.plan.Legs))
	}
	for w.limit > 0 && w.offset-w.from.rank > nearby {
		out, r := w.round(ctx, w.piece(), w.leg.Stamps)
		if r.ended() {
			return r, true
		}
		if w.moved(out) {
			return r, false
		}
		p, err := merge.PassDocuments(w.from.at, w.offset-w.from.rank, bodies(out.Results))
		switch {
		case err == nil && p.Total <= int64(w.offset):
			w.limit = 0 // there is no such page; the total is all that is left to say
		case err == nil && p.Documents > 0:
			w.from = w.from.behind(p.Documents, p.Used)
		case err == nil:
			err = merge.ErrAnswer
		}
		if err != nil {
			return w.s.unmerged(ctx, err), true
		}
	}
	return w.documents(ctx)
}

// piece is how many stamps to ask each leg for: its share of the way, and some more, for shares differ.
func (w *walk) piece() int {
	way := w.offset - w.from.rank
	return min(way, maxPiece, way/len(w.plan.Legs)*5/4+nearby)
}

// documents asks for the documents from the place to the end of the page.
func (w *walk) documents(ctx context.Context) (r found, done bool) {
	n := 0
	if w.limit > 0 {
		n = w.offset - w.from.rank + w.limit
	}
	out, r := w.round(ctx, n, func(at, n int) []byte { return w.leg.Body(at, n, true) })
	if r.ended() {
		return r, true
	}
	if w.moved(out) {
		return r, false
	}
	res, r := w.merged(ctx, r, w.leg.Request(w.from.rank), bodies(out.Results))
	if !r.ended() && res.Hits == w.limit && res.Hits > 0 {
		end := w.from.behind(0, res.Used)
		end.rank = w.offset + res.Hits
		w.s.places.remember(w.list, w.version, end)
	}
	return r, true
}

// round asks every leg for n documents from its place on.
func (w *walk) round(ctx context.Context, n int, body func(at, n int) []byte) (scatter.Outcome, found) {
	return w.ask(ctx, func(l plan.Leg) []byte {
		for i := range w.plan.Legs {
			if w.plan.Legs[i].Node == l.Node {
				return body(w.from.at[i], n)
			}
		}
		return body(0, 0) // it stands in for another: the walk starts anew whatever it answers
	})
}

// moved says whether other legs than the plan's answered, and takes them over.
func (w *walk) moved(out scatter.Outcome) bool {
	same := slices.EqualFunc(out.Results, w.plan.Legs, func(r scatter.Result, l plan.Leg) bool {
		return r.Leg.Node == l.Node && slices.Equal(r.Leg.Shards, l.Shards)
	})
	if !same {
		w.plan.Legs, w.plan.Missing = legsOf(out.Results), out.Missing
	}
	return !same
}
