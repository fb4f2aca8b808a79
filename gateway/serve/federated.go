package serve

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/miroir-search/miroir/gateway/balance"
	"github.com/miroir-search/miroir/gateway/leg"
	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/tuning"
)

// federate answers a multi-search whose queries become one list.
func (s *Service) federate(ctx context.Context, c *call, m *meili.MultiSearch) *reply.Reply {
	start := time.Now()
	if e := checkFederated(m); e != nil {
		return reply.Error(e)
	}
	f, absent := s.federating(c, m)
	legs, e := f.run(ctx)
	if e == nil || absent != nil && e.Status >= http.StatusInternalServerError {
		e = absent
	}
	if e != nil {
		return reply.Error(e)
	}
	req := f.fed.Request()
	req.RequestUID, req.ProcessingTimeMs = newRequestUID(), max(0, time.Since(start).Milliseconds())
	req.Metadata = f.metadata()
	res, err := merge.Federated(req, legs)
	if err != nil {
		var order *merge.FacetOrderError
		if errors.As(err, &order) {
			return reply.Error(f.facetOrder(order))
		}
		return reply.Error(s.unmerged(ctx, err).failed)
	}
	if m.Federation.Personalize {
		return reply.Error(meili.PersonalizationRefused())
	}
	r := reply.JSON(http.StatusOK, res.Body)
	f.degrade(r)
	if len(res.ApproximateFacets) > 0 {
		r.Header.Set(reply.HeaderFacetsApprox, strings.Join(res.ApproximateFacets, ", "))
	}
	return r
}

// checkFederated refuses queries that cannot be federated: all filters are looked at first.
func checkFederated(m *meili.MultiSearch) *apierr.Error {
	for i := range m.Queries {
		if e := m.Queries[i].CheckFilter(); e != nil {
			return meili.Inside(i, e)
		}
	}
	for i := range m.Queries {
		if e := m.Queries[i].CheckFederated(m.Federation); e != nil {
			return meili.Inside(i, e)
		}
	}
	return nil
}

// federating makes a federated search of a request. The error is that of an index that is not there; what can be found out
// about the others is asked all the same.
func (s *Service) federating(c *call, m *meili.MultiSearch) (*federating, *apierr.Error) {
	f := &federating{s: s, c: c, wide: c.widen(m)}
	known, absent := s.federatedIndexes(c, &f.wide)
	f.known, f.fed = known, leg.NewFederated(f.m, known)
	f.fed.Stands(f.stands)
	return f, absent
}

// degrade says what the answer lacks.
func (f *federating) degrade(r *reply.Reply) {
	for _, p := range f.parts() {
		p.degrade(r)
	}
}

// parts are the indexes of which the answer lacks something.
func (f *federating) parts() []part {
	var parts []part
	for _, name := range f.uids {
		if missing := f.missing[name]; len(missing) > 0 {
			uid := name
			if ix := f.indexes[name]; ix != nil {
				uid = ix.UID
			}
			parts = append(parts, part{uid, missing})
		}
	}
	for _, uid := range f.gone {
		parts = append(parts, part{uid: uid})
	}
	return parts
}

// federatedIndexes finds the indexes that the request names, in the order in which one engine would open them, up to the
// first that is not there.
func (s *Service) federatedIndexes(c *call, w *wide) (map[string]leg.Index, *apierr.Error) {
	known, m := map[string]leg.Index{}, w.m
	find := func(uid string) *apierr.Error {
		ix, ok := w.find(c, uid)
		if !ok {
			return meili.IndexNotFound(uid)
		}
		known[uid] = leg.Index{
			UID: uid, Name: w.shown(uid), Catalog: ix.UID, Physical: ix.Physical, PrimaryKey: ix.PrimaryKey, Settings: s.settings.of(ix),
		}
		return nil
	}
	order := make([]int, len(m.Queries))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(m.Queries[a].IndexUID, m.Queries[b].IndexUID) })
	for _, i := range order {
		if e := find(m.Queries[i].IndexUID); e != nil {
			return known, insideQuery(w.stand(i), e)
		}
	}
	for _, f := range m.Federation.FacetsByIndex {
		if known[f.IndexUID].UID != "" {
			continue
		}
		if e := find(f.IndexUID); e != nil {
			return known, meili.InsideUnusedFacets(f.IndexUID, e)
		}
	}
	return known, nil
}

// federating is a federated search on its way.
type federating struct {
	s *Service
	c *call
	wide
	fed     *leg.Federated
	known   map[string]leg.Index
	uids    []string         // of the queries, ascending
	missing map[string][]int // shards that the answer lacks, by index
}

// share is one joint read with what its legs brought.
type share struct {
	joint  plan.Joint
	part   leg.Part
	out    scatter.Outcome
	failed []string // nodes that brought nothing
}

// run asks all legs of all indexes.
func (f *federating) run(ctx context.Context) ([]merge.FederatedLeg, *apierr.Error) {
	var indexes []*routing.Index
	for _, q := range f.m.Queries {
		if f.known[q.IndexUID].UID != "" && !slices.Contains(f.uids, q.IndexUID) {
			f.uids = append(f.uids, q.IndexUID)
		}
	}
	slices.Sort(f.uids)
	for _, uid := range f.uids {
		ix, _ := f.find(f.c, uid)
		indexes = append(indexes, ix)
	}
	f.decide(ctx)
	shares := f.plan(indexes, nil)
	judged := make(chan *apierr.Error, 1)
	if len(shares) > 1 {
		go func() { judged <- f.judge(ctx, shares[0].joint) }()
	} else {
		judged <- nil
	}
	f.ask(ctx, shares)
	legs, e := f.gather(f.again(ctx, shares))
	if verdict := <-judged; e == nil {
		e = verdict
	}
	return legs, e
}

// plan makes the joint reads. A distinct field over several indexes keeps them apart, for the merge to see every index's
// own list.
func (f *federating) plan(indexes []*routing.Index, avoid plan.Avoid) []*share {
	d := xxhash.New()
	for i := range f.m.Queries {
		_, _ = d.Write(binary.BigEndian.AppendUint64(nil, f.m.Queries[i].Seed()))
	}
	var shares []*share
	how := plan.Together{Seed: d.Sum64(), Apart: f.fed.Distinct() != "", Of: f.narrow, Avoid: avoid, Off: f.c.off}
	if len(indexes) > 0 { // the others are read from the same nodes where they lie alike
		_, c := f.s.choose(f.c.view, indexes[0], plan.Narrowing{}, how.Seed, avoid)
		how.Seed, how.Avoid = c.Seed, c.Avoid
	}
	for _, j := range plan.CoverTogether(f.c.view, indexes, how) {
		var uids []string
		for _, ix := range j.Indexes {
			uids = append(uids, ix.Name)
		}
		for _, part := range f.fed.Parts(uids) {
			shares = append(shares, &share{joint: j, part: part})
		}
	}
	return shares
}

// narrow says which shards of an index its queries have to ask.
func (f *federating) narrow(ix *routing.Index) plan.Narrowing {
	var n plan.Narrowing
	first := true
	for i := range f.m.Queries {
		q := &f.m.Queries[i]
		switch {
		case q.IndexUID != ix.Name:
		case first:
			n, first = f.s.narrow(ix, q.SearchQuery), false
		default:
			n = n.Either(f.s.narrow(ix, q.SearchQuery))
		}
	}
	if patterns, asked := f.m.Federation.Facets(ix.Name); asked && len(patterns) > 0 {
		n = plan.Narrowing{Reason: plan.FacetsAsked}
	}
	return n
}

// ask runs the legs of several shares at the same time.
func (f *federating) ask(ctx context.Context, shares []*share) {
	var all sync.WaitGroup
	room := make(chan struct{}, f.s.Limits.MultiParallel)
	for _, sh := range shares {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			f.s.Scatter.FanOut.Observe(float64(len(sh.joint.Read.Legs)))
			var mu sync.Mutex
			reader := f.s.reader()
			sh.out = reader.Read(ctx, scatter.Call{
				Method: http.MethodPost, Path: "/multi-search", ContentType: jsonType, Body: sh.part.Body, Count: sh.joint.Shards, Epoch: sh.joint.Read.Epoch,
				Stamps: true, Class: balance.Batches, Hedge: spare(f.c.view), Trace: f.c.trace,
			}, sh.joint.Read, func(of plan.Leg, why scatter.Why, avoid plan.Avoid) []plan.Leg {
				if why == scatter.Late {
					return f.standIns(ctx, sh.joint, of, avoid)
				}
				mu.Lock()
				defer mu.Unlock()
				sh.failed = append(sh.failed, of.Node)
				return nil // other nodes may hold the indexes in other ways: the share is planned again as a whole
			})
			f.c.sights.saw(&sh.out, sh.joint.Indexes...)
		})
	}
	all.Wait()
}

// standIns are the nodes that hold a late leg's shards of all indexes of a joint read.
func (f *federating) standIns(ctx context.Context, j plan.Joint, of plan.Leg, avoid plan.Avoid) []plan.Leg {
	var first []plan.Leg
	for i, ix := range j.Indexes {
		legs := f.s.standIns(ctx, f.c, ix)(of, scatter.Late, avoid)
		switch {
		case i == 0:
			first = legs
		case !slices.EqualFunc(first, legs, func(a, b plan.Leg) bool { return a.Node == b.Node && slices.Equal(a.Shards, b.Shards) }):
			return nil
		}
	}
	return first
}

// again plans the shares that lost a leg once more without the nodes that failed, and keeps the better outcome.
func (f *federating) again(ctx context.Context, shares []*share) []*share {
	var kept, second []*share
	for _, sh := range shares {
		if len(sh.failed) == 0 || sh.out.Refused != nil || ctx.Err() != nil {
			kept = append(kept, sh)
			continue
		}
		more := slices.DeleteFunc(f.plan(sh.joint.Indexes, func(node string) bool { return slices.Contains(sh.failed, node) }),
			func(other *share) bool { return !slices.Contains(sh.part.Queries, other.part.Queries[0]) })
		if lacks(more) >= len(sh.out.Missing)*len(sh.joint.Indexes) {
			kept = append(kept, sh)
			continue
		}
		f.s.Scatter.Retries.Add(float64(len(sh.failed)))
		second = append(second, more...)
	}
	f.ask(ctx, second)
	return append(kept, second...)
}

// lacks counts the shards that planned shares leave out.
func lacks(shares []*share) int {
	n := 0
	for _, sh := range shares {
		n += len(sh.joint.Read.Missing) * len(sh.joint.Indexes)
	}
	return n
}

// judge lets one node look at all queries together, for what an engine refuses about queries of different indexes.
func (f *federating) judge(ctx context.Context, j plan.Joint) *apierr.Error {
	if len(j.Read.Legs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, f.s.Limits.ReadLeg)
	defer cancel()
	a, err := f.s.Nodes.Do(ctx, client.Request{
		Address: j.Read.Legs[0].Address, Method: http.MethodPost, Path: "/multi-search", ContentType: jsonType, Body: f.fed.Whole().Body,
		Leg: nodeapi.Leg{Epoch: j.Read.Epoch, Raw: true},
	})
	if err != nil || a.Status != http.StatusBadRequest {
		return nil
	}
	e := apierr.Parse(a.Status, a.Body)
	if e.Code == apierr.IndexNotFound {
		return nil // the node was not told of the index yet
	}
	all := make([]int, len(f.m.Queries))
	for i := range all {
		all[i] = f.stand(i)
	}
	meili.Renumber(e, all)
	return f.named(e)
}

// gather makes the merge's legs of what the shares brought, or says why there is nothing to merge. Of several refusals
// the one of the first query counts.
func (f *federating) gather(shares []*share) ([]merge.FederatedLeg, *apierr.Error) {
	f.missing = map[string][]int{}
	var legs []merge.FederatedLeg
	var refused, unable *apierr.Error
	at := len(f.m.Queries)
	for _, sh := range shares {
		if e := sh.out.Refused; e != nil {
			e = f.named(e)
			i := meili.Renumber(e, f.clients(sh.part.Queries))
			if own := slices.IndexFunc(sh.part.Queries, func(q int) bool { return f.stand(q) == i }); own >= 0 {
				e = f.known[f.m.Queries[sh.part.Queries[own]].IndexUID].Settings.Refusal(e)
			}
			if refused == nil || i < at {
				refused, at = e, i
			}
			continue
		}
		f.s.judge(&sh.out)
		if len(sh.out.Missing) > 0 && len(sh.out.Results) == 0 && unable == nil {
			if unable = sh.out.Full; unable == nil {
				unable = uncoveredError(sh.out.Missing)
			}
		}
		for _, ix := range sh.joint.Indexes {
			f.missing[ix.Name] = sh.out.Missing
		}
		for _, r := range sh.out.Results {
			legs = append(legs, merge.FederatedLeg{Body: r.Body, Queries: sh.part.Queries, Indexes: sh.part.Indexes})
		}
	}
	if refused != nil {
		return nil, refused
	}
	if unable != nil && (len(legs) == 0 || f.s.tuned().Scatter.UnavailableShardPolicy == tuning.PolicyError) {
		return nil, unable
	}
	return legs, nil
}

// named is an error with the names of the indexes that clients know.
func (f *federating) named(e *apierr.Error) *apierr.Error {
	for name, ix := range f.known {
		called := routing.Index{Name: f.shown(name)}
		if known, ok := f.find(f.c, name); ok {
			called.IndexRecord = known.IndexRecord
		}
		called.Physical = ix.Physical
		e.Message = logical(e.Message, &called)
	}
	return e
}

// facetOrder is the error about a facet that two indexes order in different ways. It belongs to the first query about the
// second of them.
func (f *federating) facetOrder(o *merge.FacetOrderError) *apierr.Error {
	e := meili.InconsistentFacetOrder(o.Facet, o.Previous, o.Index, o.CurrentOrder == merge.FacetCount, o.Unused)
	at := slices.IndexFunc(f.client.Queries, func(q meili.MultiQuery) bool { return q.IndexUID == o.Index })
	if at < 0 {
		return e
	}
	return meili.Inside(at, e)
}

// metadata is a list with an entry per query, nil if the client did not ask.
func (f *federating) metadata() []byte {
	if !f.c.wantsMetadata() {
		return nil
	}
	b := []byte{'['}
	for i := range f.client.Queries {
		if i > 0 {
			b = append(b, ',')
		}
		q := &f.client.Queries[i]
		ix, ok := f.c.view.Find(q.IndexUID)
		if !ok {
			ix = one(f.c.aliasOf(q.IndexUID))
		}
		b = append(b, f.c.metadata(ix, q.SearchQuery)...)
	}
	return append(b, ']')
}
