package merge

import "github.com/miroir-search/miroir/internal/rawjson"

// SimilarRequest is what the merge must know of a client's search for similar documents.
type SimilarRequest struct {
	ID                      string // as the client gave it
	Offset, Limit           int
	ShowRankingScoreDetails bool
	MaxTotalHits            int
	Threshold               *float64 // the list ends before the first hit that is less similar; nil: no threshold
	ProcessingTimeMs        int64
	Dst                     []byte
	Indexes                 []SimilarIndex // whose documents are in the answers, at least one
	Legs                    []SimilarLeg   // of every answer; nil: each is a leg's only one, and of the first index
	Namesakes               int64          // documents with the id that the answers count though they are in no list: of other indexes
}

// SimilarIndex is one of the indexes that answers are from.
type SimilarIndex struct {
	// PrimaryKey is the field that identifies hits. It is needed when a leg was asked more than once because the document
	// has several vectors: then the best hit of every document counts, and what has the document's id is left out.
	PrimaryKey string
	Veil       Veil
}

// SimilarLeg says where an answer came from. Where a leg has several answers, its documents count once.
type SimilarLeg struct {
	Index int // position in the request's
	Shard int // any of the leg's
}

// likeness is one merge of similar documents on its way.
type likeness struct {
	sc    *scratch
	req   *SimilarRequest
	once  []*unique // by index; nil: hits are not told apart
	veils []*veil
}

// Similar merges the answers of the owner's similar search and the other legs' vector searches.
func Similar(req SimilarRequest, legs [][]byte) (Result, error) {
	sc := borrow(len(legs))
	defer sc.release()
	sc.race.look = look{cutDetails: !req.ShowRankingScoreDetails}
	if err := sc.openAll(legs); err != nil {
		return Result{}, err
	}
	l := likeness{sc: sc, req: &req}
	for _, ix := range req.Indexes {
		var once *unique
		if ix.PrimaryKey != "" {
			once = newUnique(ix.PrimaryKey)
			once.seen[req.ID] = struct{}{}
		}
		l.once, l.veils = append(l.once, once), append(l.veils, newVeil(ix.Veil, req.ShowRankingScoreDetails))
	}
	if len(req.Indexes) > 1 {
		sc.race.before = l.before
	}
	from, to := Page{Offset: req.Offset, Limit: req.Limit}.window(req.MaxTotalHits)
	above, ended, err := l.collect(from, to)
	if err != nil {
		return Result{}, err
	}
	res := Result{Hits: len(sc.picks), Total: max(0, l.total()-req.Namesakes), SemanticHits: -1}
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

// index is the position of the index that a leg's answer is from.
func (l *likeness) index(leg int) int {
	if leg >= len(l.req.Legs) {
		return 0
	}
	return l.req.Legs[leg].Index
}

// before orders hits of several indexes: equally similar ones by the order of their indexes.
func (l *likeness) before(x, y *stream) int {
	if c := compareScores(x.key.scores, y.key.scores); c != 0 {
		return c
	}
	return l.index(x.leg) - l.index(y.leg)
}

// total adds up the totals, the largest of every leg.
func (l *likeness) total() int64 {
	if len(l.req.Legs) != len(l.sc.tails) {
		return l.sc.total()
	}
	best := map[SimilarLeg]int64{}
	for i, leg := range l.req.Legs {
		best[leg] = max(best[leg], l.sc.tails[i].total)
	}
	sum := int64(0)
	for _, n := range best {
		sum += n
	}
	return sum
}

// collect is the scratch's collect for hits ranked by their similarity. A hit without a vector is similar to nothing. ended
// says that a hit below the threshold was met, above how many stand before it.
func (l *likeness) collect(from, to int) (above int, ended bool, err error) {
	r := &l.sc.race
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
		index := l.index(s.leg)
		similarity, ranked := s.similarity()
		switch {
		case !ranked || l.once[index] != nil && !l.once[index].admitHit(s.hit.whole.of(s.body)):
		case l.req.Threshold != nil && similarity < *l.req.Threshold:
			return rank, true, nil
		default:
			if rank >= from {
				r.look.veil = l.veils[index]
				l.sc.pick(s)
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
