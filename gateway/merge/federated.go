package merge

import (
	"slices"
	"strconv"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// FederatedRequest is what the merge must know of a client's federated multi-search.
type FederatedRequest struct {
	Page             Page // of the federation object
	Queries          []FederatedQuery
	Distinct         string
	Semantic         bool                     // some query looks for vectors, even if none were needed
	DistinctCounted  bool                     // the legs counted the distinct field's values for every index
	MaxTotalHits     map[string]int           // pagination.maxTotalHits by the client's index name; none: no bound
	Apart            map[string]string        // primary keys of indexes whose queries were asked for one by one
	MergeFacets      *MergeFacets             // nil: facets stay by index
	Facets           map[string]FacetSettings // by the client's index name, for the indexes of facetsByIndex
	Unused           []UnusedFacets           // indexes of facetsByIndex that no query is about, ascending
	Names            map[string]string        // what answers call an index, where that is not its name here: several may go by one
	Stands           []int                    // the client's query that each query stands for; nil: each for itself
	Plain            *Plain                   // the answer is that of one search; nil: of a federation
	RequestUID       string
	ProcessingTimeMs int64
	Metadata         []byte // raw value of `metadata`; nil: absent
	Dst              []byte
}

// Plain is a search whose index stands for several.
type Plain struct {
	Query        string
	MaxTotalHits int // no rank beyond is served; 0: no bound
}

// FederatedQuery is one of the client's queries, for one of the indexes that it is about.
type FederatedQuery struct {
	Index                   string  // the index's name here
	Weight                  float64 // federationOptions.weight, 1 if not given
	Distinct                string  // distinct field of the query alone; "" for none, and where the federation has one
	Hybrid                  bool    // hits found by words and by vectors are in its lists
	SemanticRatio           float32 // by which it weighs the two
	ShowRankingScoreDetails bool
	Veil                    Veil
}

// MergeFacets is the federation's mergeFacets object.
type MergeFacets struct{ MaxValues int } // negative: no bound of its own

// FederatedLeg is the answer of one node to its part of the federated request. The part has the same weights, the window
// from 0 to the end of the page, facetsByIndex but never mergeFacets, and score details for every query. Where the
// federation has a distinct field a part is about one index only.
type FederatedLeg struct {
	Body []byte
	// Queries gives the client's position of every query of the part, in the part's order.
	Queries []int
	// Indexes gives the client's name of every physical index of the part.
	Indexes map[string]string
}

// Federated merges the answers to one federated multi-search: all legs of all queries in one list, by weighted scores.
func Federated(req FederatedRequest, legs []FederatedLeg) (Result, error) {
	sc := borrow(len(legs))
	defer sc.release()
	bodies := make([][]byte, len(legs))
	for i := range legs {
		bodies[i] = legs[i].Body
	}
	f := federation{
		req: &req, legs: legs, sc: sc, once: map[string]*unique{},
		veils: make([]*veil, len(req.Queries)), alone: make([]*distinct, len(req.Queries)),
	}
	for index, key := range req.Apart {
		f.once[index] = newUnique(key)
	}
	for i := range req.Queries {
		f.alone[i] = newDistinct(req.Queries[i].Distinct)
		f.veils[i] = newVeil(req.Queries[i].Veil, req.Queries[i].ShowRankingScoreDetails)
	}
	r := &sc.race
	r.look = look{readScore: true}
	if err := sc.openAll(bodies); err != nil {
		return Result{}, err
	}
	r.weigh, r.before = f.weigh, f.before
	most := 0
	if req.Plain != nil {
		most = req.Plain.MaxTotalHits
	}
	from, to := req.Page.window(most)
	dis := newClaims(req.Distinct)
	if err := f.collect(from, to, dis); err != nil {
		return Result{}, err
	}
	res := Result{Total: f.total(dis), Hits: len(sc.picks)}
	facets, byIndex, approximate, err := f.facets()
	if err != nil {
		return Result{}, err
	}
	res.ApproximateFacets = approximate
	sc.semantic(&res)
	if req.Semantic {
		res.SemanticHits = max(0, res.SemanticHits)
	}
	res.Body = f.write(bodies, &res, facets, byIndex)
	return res, nil
}

// write is the answer around the picked hits.
func (f *federation) write(bodies [][]byte, res *Result, facets facetAnswer, byIndex []byte) []byte {
	req, sc := f.req, f.sc
	dst := sc.appendHits(req.Dst, bodies)
	if req.Plain != nil {
		dst = rawjson.AppendQuoted(append(dst, `,"query":`...), req.Plain.Query)
	}
	dst = f.appendVectors(dst)
	dst = appendNumber(dst, `,"processingTimeMs":`, sc.millis(req.ProcessingTimeMs))
	dst = req.Page.append(dst, res.Total)
	dst = facets.append(dst)
	dst = appendRaw(dst, `,"facetsByIndex":`, byIndex)
	if req.RequestUID != "" {
		dst = rawjson.AppendQuoted(append(dst, `,"requestUid":`...), req.RequestUID)
	}
	dst = appendRaw(dst, `,"metadata":`, req.Metadata)
	if req.Plain != nil { // other places than in a federation
		dst = appendRaw(dst, `,"performanceDetails":`, sc.performance())
	}
	if res.SemanticHits >= 0 {
		dst = appendNumber(dst, `,"semanticHitCount":`, int64(res.SemanticHits))
	}
	if req.Plain == nil {
		dst = appendRaw(dst, `,"performanceDetails":`, sc.performance())
	}
	if sc.degraded() {
		dst = append(dst, `,"degraded":true`...)
	}
	return append(dst, '}')
}

// federation is one federated merge on its way.
type federation struct {
	req   *FederatedRequest
	legs  []FederatedLeg
	sc    *scratch
	veils []*veil     // by query
	alone []*distinct // by query, nil where it has no distinct field of its own
	once  map[string]*unique
	again int64 // hits dropped because another query has the document
}

// fedHit is what `_federation` says of the current hit of a stream.
type fedHit struct {
	query    int // the client's position
	index    string
	weighted float64
	raw      span // spelling of weightedRankingScore
}

// weigh reads `_federation` and makes the list of values the current hit is compared by.
func (f *federation) weigh(s *stream) error {
	s.fed = fedHit{query: -1}
	listed := false
	if s.hit.federation.end == 0 {
		return ErrAnswer
	}
	m := objectAt(s.body, s.hit.federation.start)
	for m.next() {
		switch string(m.key) {
		case "indexUid":
			if name, ok := rawjson.Unquote(m.raw()); ok {
				s.fed.index = f.clientName(s.leg, name)
			}
		case "queriesPosition":
			at, ok := parseInt(m.raw())
			if !ok || at < 0 || at >= int64(len(f.legs[s.leg].Queries)) {
				return ErrAnswer
			}
			s.fed.query = f.legs[s.leg].Queries[at]
		case "weightedRankingScore":
			raw := m.raw()
			s.fed.raw = span{m.i - len(raw), m.i}
			s.fed.weighted, _ = parseFloat(raw)
		case "weightedScoreValues":
			listed = true
		}
	}
	if m.bad || s.fed.query < 0 || s.fed.query >= len(f.req.Queries) || s.fed.raw.end == 0 {
		return ErrAnswer
	}
	if listed {
		// The engine's own list, where the legs were asked for it.
		details := s.key.vector
		if err := s.readWeighted(); err != nil {
			return err
		}
		s.key.values = append(s.key.values[:0], s.key.scores...)
		s.key.vector = s.key.vector || details
		return nil
	}
	s.foldWeighted(s.fed.weighted, f.req.Queries[s.fed.query].Weight)
	return nil
}

// before orders hits of all queries: those of one query as the query's own search would (MG-1), others by weighted scores
// and then by the position of the query.
func (f *federation) before(x, y *stream) int {
	if x.fed.query == y.fed.query {
		if q := &f.req.Queries[x.fed.query]; q.Hybrid && x.key.vector != y.key.vector {
			return f.sides(q, x, y)
		}
		return compareScores(x.key.scores, y.key.scores)
	}
	if c := compareWeighted(x.key.values, y.key.values, x.fed.weighted, y.fed.weighted); c != 0 {
		return c
	}
	return x.fed.query - y.fed.query
}

// sides orders a hit found by words and one found by vectors as their query's own search would. Of equal ones that of the
// vectors comes first.
func (f *federation) sides(q *FederatedQuery, x, y *stream) int {
	share := func(s *stream) float64 {
		if s.key.vector {
			return float64(q.SemanticRatio)
		}
		return float64(1 - q.SemanticRatio)
	}
	if c := compareSides(x.key.values, y.key.values, share(x), share(y)); c != 0 {
		return c
	}
	if x.key.vector {
		return -1
	}
	return 1
}

// collect picks the ranks [from, to) and puts the client's names into `_federation`. Of every index no more hits take part
// than one engine would have listed. With a distinct field the lists are read to their ends, because the hits that fall
// out count against the total.
func (f *federation) collect(from, to int, dis *claims) error {
	sc := f.sc
	if from >= to {
		return nil
	}
	if err := sc.race.start(); err != nil {
		return err
	}
	listed := map[string]int{}
	whole := dis != nil || slices.ContainsFunc(f.alone, func(d *distinct) bool { return d != nil })
	for rank := 0; rank < to || whole; {
		s := sc.race.best()
		if s == nil {
			return nil
		}
		if index := s.fed.index; listed[index] < f.room(index, to) && f.lists(s) {
			fresh, again := true, false
			if dis != nil {
				fresh, again = dis.admit(s)
			}
			if !again {
				listed[index]++
			}
			if fresh {
				if rank >= from && rank < to {
					f.pick(s)
				}
				rank++
			}
		}
		if rank == to && !whole {
			return nil
		}
		if err := sc.race.pop(); err != nil {
			return err
		}
	}
	return nil
}

// lists says whether the index of the current hit lists it: not where the query's own distinct rule drops it, and not a
// second time for another query.
func (f *federation) lists(s *stream) bool {
	if own := f.alone[s.fed.query]; own != nil && !own.admit(s.body, s.hit.whole.start) {
		return false
	}
	once := f.once[s.fed.index]
	if once == nil || once.admitHit(s.hit.whole.of(s.body)) {
		return true
	}
	f.again++
	return false
}

// room is the number of hits that an engine lists of an index.
func (f *federation) room(index string, to int) int {
	if most := f.req.MaxTotalHits[index]; most > 0 {
		return min(to, most)
	}
	return to
}

func (f *federation) pick(s *stream) {
	sc := f.sc
	q := &f.req.Queries[s.fed.query]
	// Every query has its own wish; the looks of the race are those of the current pick.
	sc.race.look.cutDetails, sc.race.look.veil = !q.ShowRankingScoreDetails, f.veils[s.fed.query]
	sc.race.look.cutFederation = f.req.Plain != nil
	sc.pick(s)
	if f.req.Plain != nil {
		return
	}
	p := &sc.picks[len(sc.picks)-1]
	from := len(sc.arena)
	sc.arena = rawjson.AppendQuoted(append(sc.arena, `{"indexUid":`...), f.shown(s.fed.index))
	sc.arena = strconv.AppendInt(append(sc.arena, `,"queriesPosition":`...), int64(f.stands(s.fed.query)), 10)
	sc.arena = append(append(sc.arena, `,"weightedRankingScore":`...), s.fed.raw.of(s.body)...)
	sc.arena = append(sc.arena, '}')
	sc.swapped(s.hit.federation, from)
	p.swaps.end = len(sc.swaps)
	slices.SortFunc(sc.swaps[p.swaps.start:], func(x, y swap) int { return x.at.start - y.at.start })
}

// shown is what answers call an index.
func (f *federation) shown(index string) string {
	if name, ok := f.req.Names[index]; ok {
		return name
	}
	return index
}

// stands is the client's query that a query stands for.
func (f *federation) stands(query int) int {
	if f.req.Stands == nil {
		return query
	}
	return f.req.Stands[query]
}

// appendVectors writes queryVectors under the client's positions, if any leg has them. Of one search the first is the
// vector.
func (f *federation) appendVectors(dst []byte) []byte {
	byQuery := make([][]byte, len(f.req.Queries)) // by the client's positions
	some := false
	for i := range f.sc.tails {
		raw := f.sc.tails[i].queryVectors
		if raw == nil {
			continue
		}
		some = true
		m := objectAt(raw, 0)
		for m.next() {
			at, ok := parseInt(m.key)
			if !ok || at < 0 || at >= int64(len(f.legs[i].Queries)) {
				continue
			}
			q := f.legs[i].Queries[at]
			if q < 0 || q >= len(byQuery) {
				continue
			}
			if q = f.stands(q); byQuery[q] == nil {
				byQuery[q] = m.raw()
			}
		}
	}
	if !some {
		return dst
	}
	if f.req.Plain != nil {
		return appendRaw(dst, `,"queryVector":`, byQuery[0])
	}
	dst = append(dst, `,"queryVectors":{`...)
	first := true
	for q, raw := range byQuery {
		if raw == nil {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = strconv.AppendInt(append(dst, '"'), int64(q), 10)
		dst = append(append(dst, '"', ':'), raw...)
	}
	return append(dst, '}')
}
