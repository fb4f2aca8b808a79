package merge

import "github.com/miroir-search/miroir/internal/rawjson"

// SearchRequest is what the merge must know of a client's search.
type SearchRequest struct {
	Query                   string
	Page                    Page
	CutRankingScore         bool   // the legs were asked for `_rankingScore`, the client did not ask
	ShowRankingScoreDetails bool   // the client asked; otherwise they are cut
	MaxTotalHits            int    // pagination.maxTotalHits of the index; 0: no bound
	CapTotals               bool   // the engine caps totals at MaxTotalHits (1.15 does, 1.50 does not)
	Distinct                string // distinct field; "" for none
	DistinctCounted         bool   // the legs counted its values among their facets
	Veil                    Veil
	Pins                    bool // dynamic search rules may have pinned hits
	Facets                  FacetSettings
	RequestUID              string
	ProcessingTimeMs        int64  // 0: the slowest leg's (MG-7)
	Metadata                []byte // raw value of `metadata`; nil: absent
	Dst                     []byte // the body is appended to it; nil: a new one
}

// Result is a merged answer and what the caller reports beside it.
type Result struct {
	Body              []byte
	Hits              int
	Total             int64
	ApproximateFacets []string // facets for X-Miroir-Facets-Approximate, ascending
	SemanticHits      int      // hits of the page that were ranked by a vector; -1: no leg speaks of it
	LegSemanticHits   []int64  // semanticHitCount per leg, -1 where absent
	Used              []int    // of listings: documents of every leg's answer that lie before the end of the page
}

// Search merges the answers of one index search (MG-1 to MG-9).
func Search(req SearchRequest, legs [][]byte) (Result, error) {
	sc := borrow(len(legs))
	defer sc.release()
	r := &sc.race
	r.look = look{
		cutScore: req.CutRankingScore, cutDetails: !req.ShowRankingScoreDetails, veil: newVeil(req.Veil, req.ShowRankingScoreDetails),
	}
	if err := sc.openAll(legs); err != nil {
		return Result{}, err
	}
	from, to := req.Page.window(req.MaxTotalHits)
	dis := newDistinct(req.Distinct)
	if err := sc.collect(from, to, dis, req.Pins); err != nil {
		return Result{}, err
	}
	return sc.finish(req, legs, dis, -1)
}

// finish writes the answer around the picked hits. semantic is the number of picks that a vector ranked, -1 to count
// them where the legs speak of it.
func (sc *scratch) finish(req SearchRequest, legs [][]byte, dis *distinct, semantic int64) (Result, error) {
	res := Result{Total: sc.total(), Hits: len(sc.picks)}
	if dis != nil {
		var exact bool
		if res.Total, exact = sc.distinctTotal(&req, dis); exact {
			req.Facets.once = req.Distinct
		}
	}
	candidates := res.Total
	if req.CapTotals && req.MaxTotalHits > 0 {
		res.Total = min(res.Total, int64(req.MaxTotalHits))
	}
	facets, err := sc.facets(req.Facets, candidates)
	if err != nil {
		return Result{}, err
	}
	res.ApproximateFacets = facets.approximate
	sc.semantic(&res)
	if semantic >= 0 {
		res.SemanticHits = int(semantic)
	}

	dst := sc.appendHits(req.Dst, legs)
	dst = rawjson.AppendQuoted(append(dst, `,"query":`...), req.Query)
	dst = appendRaw(dst, `,"queryVector":`, sc.firstVector())
	dst = appendNumber(dst, `,"processingTimeMs":`, sc.millis(req.ProcessingTimeMs))
	dst = req.Page.append(dst, res.Total)
	dst = facets.append(dst)
	if req.RequestUID != "" {
		dst = rawjson.AppendQuoted(append(dst, `,"requestUid":`...), req.RequestUID)
	}
	dst = appendRaw(dst, `,"metadata":`, req.Metadata)
	dst = appendRaw(dst, `,"performanceDetails":`, sc.performance())
	if res.SemanticHits >= 0 {
		dst = appendNumber(dst, `,"semanticHitCount":`, int64(res.SemanticHits))
	}
	if sc.degraded() {
		dst = append(dst, `,"degraded":true`...)
	}
	res.Body = append(dst, '}')
	return res, nil
}

// openAll prepares the legs' hits for the race and reads what stands behind them.
func (sc *scratch) openAll(legs [][]byte) error {
	for i, leg := range legs {
		if err := sc.race.streams[i].open(leg, "hits", i); err != nil {
			return err
		}
		t, err := readTail(leg)
		if err != nil {
			return err
		}
		sc.tails = append(sc.tails, t)
	}
	return nil
}

// collect fills picks with the hits of ranks [from, to). With a distinct field the lists are read to their ends, because
// every hit that falls out was counted by its leg.
func (sc *scratch) collect(from, to int, dis *distinct, pins bool) error {
	r := &sc.race
	if from >= to {
		return nil
	}
	if pins {
		return sc.collectPinned(from, to, dis)
	}
	if err := r.start(); err != nil {
		return err
	}
	for rank := 0; rank < to || dis != nil; {
		s := r.best()
		if s == nil {
			return nil
		}
		if dis == nil || dis.admit(s.body, s.hit.whole.start) {
			if rank >= from && rank < to {
				sc.pick(s)
			}
			rank++
		}
		if rank == to && dis == nil {
			return nil
		}
		if err := r.pop(); err != nil {
			return err
		}
	}
	return nil
}

// tailRoom is set aside for the members behind the hits when the body's size is estimated.
const tailRoom = 512

// appendHits appends `{"hits":[…]`.
func (sc *scratch) appendHits(dst []byte, legs [][]byte) []byte {
	return sc.appendList(dst, `{"hits":[`, legs)
}

// appendList appends the opening and the picked hits, after making room for the whole body in one go.
func (sc *scratch) appendList(dst []byte, opening string, legs [][]byte) []byte {
	need := tailRoom
	for i := range sc.picks {
		need += sc.picks[i].size(sc)
	}
	for i := range sc.tails {
		need += len(sc.tails[i].distribution) + len(sc.tails[i].stats) + len(sc.tails[i].byIndex)
	}
	if cap(dst)-len(dst) < need {
		dst = append(make([]byte, 0, len(dst)+need), dst...)
	}
	dst = append(dst, opening...)
	for i := range sc.picks {
		if i > 0 {
			dst = append(dst, ',')
		}
		p := &sc.picks[i]
		dst = p.append(dst, legs[p.leg], sc)
	}
	return append(dst, ']')
}

func appendRaw(dst []byte, member string, raw []byte) []byte {
	if raw == nil {
		return dst
	}
	return append(append(dst, member...), raw...)
}

// total is the sum of the legs' totals: shards are disjoint, so every document counts once (MG-4).
func (sc *scratch) total() int64 {
	sum := int64(0)
	for i := range sc.tails {
		sum += sc.tails[i].total
	}
	return sum
}

func (sc *scratch) millis(given int64) int64 {
	if given > 0 {
		return given
	}
	for i := range sc.tails {
		given = max(given, sc.tails[i].millis)
	}
	return given
}

func (sc *scratch) firstVector() []byte {
	for i := range sc.tails {
		if v := sc.tails[i].queryVector; v != nil {
			return v
		}
	}
	return nil
}

func (sc *scratch) degraded() bool {
	for i := range sc.tails {
		if sc.tails[i].degraded {
			return true
		}
	}
	return false
}

// semantic counts the hits of the page that a vector ranked, as one engine would for its own page (MG-8).
func (sc *scratch) semantic(res *Result) {
	res.SemanticHits = -1
	for i := range sc.tails {
		if sc.tails[i].semantic >= 0 {
			res.SemanticHits = 0
		}
	}
	if res.SemanticHits < 0 {
		return
	}
	for i := range sc.tails {
		res.LegSemanticHits = append(res.LegSemanticHits, sc.tails[i].semantic)
	}
	for i := range sc.picks {
		if sc.picks[i].semantic {
			res.SemanticHits++
		}
	}
}
