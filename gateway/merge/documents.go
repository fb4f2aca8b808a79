package merge

import (
	"bytes"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// DocumentsRequest is what the merge must know of a client's listing of documents.
type DocumentsRequest struct {
	Offset int
	Limit  int
	// Passed is how many documents, of all legs together, lie before the pieces of their lists that the legs were asked for:
	// 0 where they were asked from the start.
	Passed int
	// Sorted: the client gave `sort`. The legs were asked by POST …/documents/fetch with `Meili-Proxy-Search: true`, so that
	// every document carries its sort values in `_federation`, and for everything up to the end of the window.
	Sorted bool
	Dst    []byte // the body is appended to it; nil: a new one
}

// Documents merges listings of documents: sorted ones by their sort values, all others by their stamps, which is the order
// in which they were written. Documents of one leg stay in that leg's order.
func Documents(req DocumentsRequest, legs [][]byte) (Result, error) {
	sc := borrow(len(legs))
	defer sc.release()
	res := Result{SemanticHits: -1, Used: make([]int, len(legs))}
	totals, err := sc.openLists(legs)
	if err != nil {
		return res, err
	}
	for _, n := range totals {
		res.Total += n
	}
	r := &sc.race
	if req.Sorted {
		r.look.cutFederation = true
		r.weigh = func(s *stream) error { return s.readWeighted() }
	} else {
		r.look.list = true
	}
	from := max(req.Offset-req.Passed, 0)
	to := addCap(from, max(req.Limit, 0))
	if from == to {
		to = 0
	}
	err = sc.walk(to, func(rank int, s *stream) bool {
		if rank >= from {
			sc.pick(s)
		}
		res.Used[s.leg]++
		return true
	})
	if err != nil {
		return res, err
	}
	res.Hits = len(sc.picks)
	dst := sc.appendList(req.Dst, `{"results":[`, legs)
	dst = appendNumber(dst, `,"offset":`, int64(req.Offset))
	dst = appendNumber(dst, `,"limit":`, int64(req.Limit))
	dst = appendNumber(dst, `,"total":`, res.Total)
	res.Body = append(dst, '}')
	return res, nil
}

// Passed says how far a walk over unsorted lists came.
type Passed struct {
	Used      []int // documents of every leg's answer that were passed
	Documents int   // their sum
	Total     int64 // documents of all lists
}

// PassDocuments walks over up to n documents of unsorted lists in their merged order, without a page. The legs' answers are
// pieces of their lists that begin at the given places. The walk ends where the next document is not in a piece.
func PassDocuments(at []int, n int, legs [][]byte) (Passed, error) {
	sc := borrow(len(legs))
	defer sc.release()
	p := Passed{Used: make([]int, len(legs))}
	totals, err := sc.openLists(legs)
	if err != nil {
		return p, err
	}
	open := 0 // pieces that are used up though their lists go on
	more := make([]int64, len(legs))
	for i, list := range totals {
		p.Total += list
		more[i] = list - int64(at[i])
		if sc.race.streams[i].list.ended() && more[i] > 0 {
			n = 0
		}
	}
	sc.race.look.list = true
	err = sc.walk(n, func(_ int, s *stream) bool {
		p.Used[s.leg]++
		p.Documents++
		if s.list.ended() && int64(p.Used[s.leg]) < more[s.leg] {
			open++
		}
		return open == 0
	})
	return p, err
}

// openLists opens the legs' lists of documents and reads how long they are.
func (sc *scratch) openLists(legs [][]byte) (totals []int64, err error) {
	totals = make([]int64, len(legs))
	for i, leg := range legs {
		if totals[i], err = DocumentTotal(leg); err != nil {
			return nil, err
		}
		if err := sc.race.streams[i].open(leg, "results", i); err != nil {
			return nil, err
		}
	}
	return totals, nil
}

// walk visits the documents of the ranks [0, to) in their merged order, until visit returns false.
func (sc *scratch) walk(to int, visit func(rank int, s *stream) bool) error {
	r := &sc.race
	if to == 0 {
		return nil
	}
	if err := r.start(); err != nil {
		return err
	}
	for rank := range to {
		s := r.best()
		if s == nil || !visit(rank, s) {
			return nil
		}
		if rank+1 < to {
			if err := r.pop(); err != nil {
				return err
			}
		}
	}
	return nil
}

// DocumentTotal reads the total of a listing, which stands behind its documents.
func DocumentTotal(leg []byte) (total int64, err error) {
	found := false
	ok := lastMembers(leg, func(int, []byte) bool { return false }, func(key, value []byte) bool {
		if string(key) == "total" {
			total, found = parseInt(value)
			return false
		}
		return string(key) != "results"
	})
	if !ok || !found || total < 0 {
		return 0, ErrAnswer
	}
	return total, nil
}

// document moves to the next document of a list; false at the end of the list and at what is no list.
func (s *stream) document() bool {
	start, ok := s.list.next()
	if !ok {
		return false
	}
	s.hit = hitView{}
	end := start + bytes.IndexByte(s.body[start:], nodeapi.MarkLine)
	if !s.marked || end <= start {
		end = skipValue(s.body, start)
	}
	s.list.skipTo(end)
	if end < 0 {
		return false
	}
	s.hit.whole = span{start, end}
	if s.marked {
		const key = len(stampKey) - 1 // without the comma, which an only member does not have
		value := end - 2 - stampBytes
		if from := value - key; from > start && string(s.body[from:value]) == stampKey[1:] && s.body[end-2] == '"' {
			s.hit.mark, s.hit.stamp = span{from, end - 1}, span{value - 1, end - 1}
		}
	}
	return true
}
