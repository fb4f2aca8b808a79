package merge

// HybridRequest is what the merge must know of a client's hybrid search beyond a plain one.
type HybridRequest struct {
	SearchRequest
	SemanticRatio float32
	PrimaryKey    string // identifies hits that both halves found; must be among the retrieved attributes
	Fusion        Fusion
	RRFConstant   int // k of reciprocal rank fusion; 0: 60
}

// Fusion says how HybridLegs weighs hits (vector_search.merge_strategy).
type Fusion uint8

// Strategies of fusion.
const (
	FusionConvex Fusion = iota // the engine's own: the side's weight times the score
	FusionRRF                  // reciprocal rank; not what one engine answers
)

// goodEnough is the weighted score from which on an engine does not look for vectors.
const goodEnough = 0.45

// KeywordGoodEnough says whether the keyword half alone is the answer, by the engine's own test on the merged hits: the
// page up to its end is full and every hit's score, weighed by the keyword share, reaches the mark. The legs were asked
// with semanticRatio 0 and showRankingScore.
func KeywordGoodEnough(req HybridRequest, keyword [][]byte) (bool, error) {
	sc := borrow(len(keyword))
	defer sc.release()
	sc.race.look = look{readScore: true}
	if err := sc.openAll(keyword); err != nil {
		return false, err
	}
	_, to := req.Page.window(req.MaxTotalHits)
	if to == 0 {
		return true, nil
	}
	if err := sc.race.start(); err != nil {
		return false, err
	}
	share := float64(1 - req.SemanticRatio)
	for range to {
		s := sc.race.best()
		if s == nil {
			return false, nil
		}
		global, ok := s.global()
		if !ok {
			return false, ErrAnswer
		}
		if global*share < goodEnough {
			return false, nil
		}
		if err := sc.race.pop(); err != nil {
			return false, err
		}
	}
	return true, nil
}

// global is the `_rankingScore` of the current hit.
func (s *stream) global() (float64, bool) {
	if s.hit.score.end == 0 {
		return 0, false
	}
	at := s.hit.score.start + len(scoreKey)
	if at > s.hit.score.end || string(s.body[s.hit.score.start:at]) != scoreKey {
		return 0, false
	}
	return parseFloat(s.body[at:s.hit.score.end])
}

// Hybrid merges the two halves of a hybrid search that were scattered one by one: keyword legs (semanticRatio 0) and
// vector legs (semanticRatio 1, the same vector for all), both with showRankingScore. Each half is merged by MG-1, the
// two lists as in one engine; a document that both found counts at its better place. With no vector legs (the keyword
// half was good enough, or the query could not be embedded) the keyword half is the answer.
func Hybrid(req HybridRequest, keyword, vector [][]byte) (Result, error) {
	words, meaning := borrow(len(keyword)), borrow(len(vector))
	defer words.release()
	defer meaning.release()
	h := halves{once: newUnique(req.PrimaryKey), dis: newDistinct(req.Distinct)}
	h.look(req)
	for _, half := range []struct {
		sc     *scratch
		legs   [][]byte
		weight float64
	}{{words, keyword, float64(1 - req.SemanticRatio)}, {meaning, vector, float64(req.SemanticRatio)}} {
		half.sc.race.look = h.wanted
		if err := half.sc.openAll(half.legs); err != nil {
			return Result{}, err
		}
		half.sc.race.weigh = func(s *stream) error {
			global, ok := s.global()
			s.fold(half.weight, global, ok)
			return nil
		}
	}
	for i := range meaning.race.streams {
		meaning.race.streams[i].leg += len(keyword)
	}
	from, to := req.Page.window(req.MaxTotalHits)
	h.counted = min(1, len(vector))
	semantic, err := h.merge(words, meaning, from, to)
	if err != nil {
		return Result{}, err
	}
	whole := words
	if len(vector) > 0 {
		// The vector half ranks everything that passes the filters, so its totals and facets are those of the union.
		meaning.picks, meaning.cuts, meaning.swaps, meaning.arena = append(meaning.picks, words.picks...), append(meaning.cuts, words.cuts...), append(meaning.swaps, words.swaps...), append(meaning.arena, words.arena...)
		whole = meaning
	}
	legs := append(append(make([][]byte, 0, len(keyword)+len(vector)), keyword...), vector...)
	return whole.finish(req.SearchRequest, legs, h.dis, int64(semantic))
}

// halves is the merge of two merged lists.
type halves struct {
	once   *unique
	dis    *distinct
	wanted look

	counted int // the half whose totals are the answer's: 0 words, 1 vectors
}

func (h *halves) look(req HybridRequest) {
	h.wanted = look{
		readScore: true, cutScore: req.CutRankingScore, cutDetails: !req.ShowRankingScoreDetails, primary: h.once.key,
		veil: newVeil(req.Veil, req.ShowRankingScoreDetails),
	}
}

// merge picks the ranks [from, to) into words and says how many of them the vector half brought. One engine merges two
// lists that are cut at the page's end; here they need no cut, since that many hits of one half always fill the page.
func (h *halves) merge(words, meaning *scratch, from, to int) (semantic int, err error) {
	if from >= to {
		return 0, nil
	}
	for _, sc := range []*scratch{words, meaning} {
		if err := sc.race.start(); err != nil {
			return 0, err
		}
	}
	for rank := 0; rank < to || h.dis != nil; {
		k, v := words.race.best(), meaning.race.best()
		s, sc, side := k, words, 0
		if k == nil || v != nil && compareHybrid(v.key.values, k.key.values) <= 0 {
			s, sc, side = v, meaning, 1
		}
		if s == nil {
			return semantic, nil
		}
		// A node that was asked for vectors and for words ranks what has no vector by its words. The keyword half has that hit.
		ranked := side == 0 || s.key.vector
		if ranked && h.once.admit(s) && h.distinct(s, side) {
			if rank >= from && rank < to {
				words.pick(s)
				semantic += side
			}
			rank++
		}
		if err := sc.race.pop(); err != nil {
			return 0, err
		}
	}
	return semantic, nil
}

// distinct says whether the distinct rule keeps a hit. Of those it drops only the ones of the half that counts are in its
// totals.
func (h *halves) distinct(s *stream, side int) bool {
	if h.dis == nil {
		return true
	}
	before := h.dis.dropped
	kept := h.dis.admit(s.body, s.hit.whole.start)
	if side != h.counted {
		h.dis.dropped = before
	}
	return kept
}

// HybridLegs merges the answers of legs that each ran the whole hybrid search, asked for more hits than the page needs.
// Every hit carries either its keyword score or its similarity; the side's weight times the score decides, with sort
// values in between, as in one engine (MG-10).
func HybridLegs(req HybridRequest, legs [][]byte) (Result, error) {
	sc := borrow(len(legs))
	defer sc.release()
	r := &sc.race
	r.look = look{
		readScore: true, cutScore: req.CutRankingScore, cutDetails: !req.ShowRankingScoreDetails,
		veil: newVeil(req.Veil, req.ShowRankingScoreDetails),
	}
	if err := sc.openAll(legs); err != nil {
		return Result{}, err
	}
	if req.RRFConstant <= 0 {
		req.RRFConstant = 60
	}
	r.before = func(x, y *stream) int { return compareHybrid(x.key.values, y.key.values) }
	r.weigh = func(s *stream) error {
		side, weight := 0, float64(1-req.SemanticRatio)
		if s.key.vector {
			side, weight = 1, float64(req.SemanticRatio)
		}
		if req.Fusion == FusionRRF {
			s.ranks[side]++
			s.key.values = append(s.key.values[:0], score{kind: ruleWeighted, a: 1 / float64(req.RRFConstant+s.ranks[side])})
			return nil
		}
		global, ok := s.global()
		s.fold(weight, global, ok)
		return nil
	}
	from, to := req.Page.window(req.MaxTotalHits)
	dis := newDistinct(req.Distinct)
	if err := sc.collect(from, to, dis, false); err != nil {
		return Result{}, err
	}
	return sc.finish(req.SearchRequest, legs, dis, -1)
}

// QueryVector is the vector that a node made of a query, as a JSON array, from the answer of a search with
// retrieveVectors.
func QueryVector(leg []byte) ([]byte, error) {
	m := objectAt(leg, 0)
	for m.next() {
		if string(m.key) == "queryVector" {
			if v := m.raw(); !m.bad && v[0] == '[' {
				return v, nil
			}
			break
		}
		m.raw()
	}
	return nil, ErrAnswer
}
