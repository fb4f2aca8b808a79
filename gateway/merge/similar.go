package merge

import (
	"strings"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// SimilarRequest is what the merge must know of a client's search for similar documents.
type SimilarRequest struct {
	ID                      string // as the client gave it
	Offset, Limit           int
	CutRankingScore         bool // the legs were asked for `_rankingScore`, the client did not ask
	ShowRankingScoreDetails bool
	MaxTotalHits            int
	Threshold               *float64 // the list ends before the first hit that is less similar; nil: no threshold
	Veil                    Veil
	ProcessingTimeMs        int64
	Dst                     []byte
	// PrimaryKey is the field that identifies hits. It is needed when a leg was asked more than once because the document
	// has several vectors: then the best hit of every document counts, and the document itself is left out.
	PrimaryKey string
	// Group names for every answer the leg it came from, where a leg has several answers: its documents count once.
	Group []int
}

// Similar merges the answers of the owner's similar search and the other legs' vector searches.
func Similar(req SimilarRequest, legs [][]byte) (Result, error) {
	sc := borrow(len(legs))
	defer sc.release()
	r := &sc.race
	r.look = look{
		cutScore: req.CutRankingScore, cutDetails: !req.ShowRankingScoreDetails, veil: newVeil(req.Veil, req.ShowRankingScoreDetails),
	}
	if err := sc.openAll(legs); err != nil {
		return Result{}, err
	}
	var once *unique
	if req.PrimaryKey != "" {
		once = newUnique(req.PrimaryKey)
		once.seen[req.ID] = struct{}{}
		r.look.primary = once.key
	}
	from, to := Page{Offset: req.Offset, Limit: req.Limit}.window(req.MaxTotalHits)
	above, ended, err := sc.collectSimilar(from, to, once, req.Threshold)
	if err != nil {
		return Result{}, err
	}
	res := Result{Hits: len(sc.picks), Total: sc.groupedTotal(req.Group), SemanticHits: -1}
	if ended {
		res.Total = int64(above)
	}
	if req.MaxTotalHits > 0 {
		// Unlike a search, a similar search caps its total on every version.
		res.Total = min(res.Total, int64(req.MaxTotalHits))
	}
	dst := sc.appendHits(req.Dst, legs)
	dst = rawjson.AppendQuoted(append(dst, `,"id":`...), req.ID)
	dst = appendNumber(dst, `,"processingTimeMs":`, sc.millis(req.ProcessingTimeMs))
	dst = Page{Offset: req.Offset, Limit: req.Limit}.append(dst, res.Total)
	dst = appendRaw(dst, `,"performanceDetails":`, sc.performance())
	res.Body = append(dst, '}')
	return res, nil
}

// groupedTotal adds up the totals, the largest of every group.
func (sc *scratch) groupedTotal(group []int) int64 {
	if len(group) != len(sc.tails) {
		return sc.total()
	}
	best := map[int]int64{}
	for i, g := range group {
		best[g] = max(best[g], sc.tails[i].total)
	}
	sum := int64(0)
	for _, n := range best {
		sum += n
	}
	return sum
}

// unique lets every document pass once.
type unique struct {
	key  []byte   // raw key of the primary key's top-level field
	path [][]byte // raw keys below it
	seen map[string]struct{}
}

func newUnique(primaryKey string) *unique {
	parts := strings.Split(primaryKey, ".")
	u := &unique{key: rawKey(parts[0]), seen: map[string]struct{}{}}
	for _, p := range parts[1:] {
		u.path = append(u.path, rawKey(p))
	}
	return u
}

// admit says whether the current hit's document is seen for the first time. A hit without the key cannot be told apart
// and passes.
func (u *unique) admit(s *stream) bool { return u.admitValue(s.hit.primary.of(s.body)) }

// admitHit is admit for a hit of which nothing was read.
func (u *unique) admitHit(hit []byte) bool { return u.admitValue(memberOf(hit, u.key)) }

func (u *unique) admitValue(raw []byte) bool {
	for _, name := range u.path {
		raw = memberOf(raw, name)
	}
	if len(raw) == 0 {
		return true
	}
	id, text := rawjson.Unquote(raw)
	if !text {
		id = string(raw) // 1 and "1" are one document
	}
	if _, ok := u.seen[id]; ok {
		return false
	}
	u.seen[id] = struct{}{}
	return true
}

// memberOf is the raw value of a member of a raw object, nil if there is none.
func memberOf(raw, name []byte) []byte {
	m := objectAt(raw, 0)
	for m.next() {
		if string(m.key) == string(name) {
			return m.raw()
		}
	}
	return nil
}

// collectSimilar is collect for hits ranked by their similarity. A hit without a vector is similar to nothing. ended says
// that a hit below the threshold was met, above how many stand before it.
func (sc *scratch) collectSimilar(from, to int, once *unique, threshold *float64) (above int, ended bool, err error) {
	r := &sc.race
	if from >= to {
		return 0, false, nil
	}
	if err := r.start(); err != nil {
		return 0, false, err
	}
	for rank := 0; rank < to; {
		s := r.best()
		if s == nil {
			return rank, false, nil
		}
		similarity, ranked := s.similarity()
		switch {
		case !ranked || once != nil && !once.admit(s):
		case threshold != nil && similarity < *threshold:
			return rank, true, nil
		default:
			if rank >= from {
				sc.pick(s)
			}
			rank++
		}
		if rank == to {
			break
		}
		if err := r.pop(); err != nil {
			return 0, false, err
		}
	}
	return to, false, nil
}

// similarity is that of the current hit; ok is false for a hit that has no vector.
func (s *stream) similarity() (v float64, ok bool) {
	for i := range s.key.scores {
		if r := &s.key.scores[i]; r.kind == ruleVector {
			return r.a, r.class != classNull
		}
	}
	return 0, false
}

// DocumentVectors are the vectors of the only document of a listing for an embedder, each as a JSON array. found is false
// where there is no document.
func DocumentVectors(listing []byte, embedder string) (vectors [][]byte, found bool, err error) {
	results := memberOf(listing, []byte("results"))
	if len(results) == 0 || results[0] != '[' {
		return nil, false, ErrAnswer
	}
	rawjson.EachElement(results, func(document []byte) bool {
		found = true
		own := memberOf(memberOf(document, []byte("_vectors")), rawKey(embedder))
		if len(own) > 0 && own[0] == '{' {
			own = memberOf(own, []byte("embeddings"))
		}
		if len(own) == 0 || own[0] != '[' {
			return false
		}
		rawjson.EachElement(own, func(element []byte) bool {
			if element[0] != '[' { // one vector, written flat
				vectors = [][]byte{own}
				return false
			}
			vectors = append(vectors, element)
			return true
		})
		return false
	})
	return vectors, found, nil
}
