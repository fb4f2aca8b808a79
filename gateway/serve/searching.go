package serve

import (
	"context"
	"net/http"
	"slices"

	"github.com/miroir-search/miroir/gateway/leg"
	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/routing"
)

// searching is a planned search of one index on its way through its rounds of legs.
type searching struct {
	s    *Service
	c    *call
	ix   *routing.Index
	leg  *leg.Search
	plan plan.Read
}

// dress completes a merge request just before the merge.
type dress func(*merge.SearchRequest)

// run asks the legs and merges. found says why there is no result, or what the result lacks.
func (r *searching) run(ctx context.Context, d dress) (merge.Result, found) {
	alone := len(r.plan.Legs) == 1 && len(r.plan.Missing) == 0
	switch {
	case alone, r.leg.Kind == leg.Keyword:
		return r.words(ctx, d, alone)
	case r.leg.Kind == leg.Semantic:
		return r.meaning(ctx, d)
	}
	return r.both(ctx, d)
}

// ask sends one round of legs. found is set where they brought nothing.
func (r *searching) ask(ctx context.Context, p plan.Read, body []byte) (scatter.Outcome, found) {
	out := r.s.read(ctx, r.c, r.ix, p, http.MethodPost, "/search", body)
	f := outcome(ctx, out, r.ix)
	if f.refused != nil {
		f.refused = r.s.settings.of(r.ix).Refusal(f.refused)
	}
	return out, f
}

// words runs a search whose legs can be merged as they are.
func (r *searching) words(ctx context.Context, d dress, alone bool) (merge.Result, found) {
	out, f := r.ask(ctx, r.plan, r.leg.Body(alone))
	if f.ended() {
		return merge.Result{}, f
	}
	if alone && len(out.Results) > 1 {
		// The node failed and several others stood in for it. They were not asked for what the merge compares.
		r.plan.Legs = legsOf(out.Results)
		return r.run(ctx, d)
	}
	req := r.leg.Request()
	return r.merged(ctx, f, func() (merge.Result, error) {
		d(&req)
		return merge.Search(req, bodies(out.Results))
	})
}

// merged ends a search with its merge.
func (r *searching) merged(ctx context.Context, f found, merging func() (merge.Result, error)) (merge.Result, found) {
	res, err := merging()
	if err != nil {
		return res, r.s.unmerged(ctx, err)
	}
	return res, f
}

// meaning runs a search by a vector: the same one on every leg, made by one node if the client did not give it.
func (r *searching) meaning(ctx context.Context, d dress) (merge.Result, found) {
	vector := r.leg.Vector()
	if vector == nil {
		var f found
		if vector, f = r.embed(ctx); f.ended() {
			return merge.Result{}, f
		}
	}
	out, f := r.ask(ctx, r.plan, r.leg.VectorHalf(vector))
	if f.ended() {
		return merge.Result{}, f
	}
	req := r.leg.Request()
	return r.merged(ctx, f, func() (merge.Result, error) {
		d(&req)
		return merge.Search(req, bodies(out.Results))
	})
}

// embed lets one node make the query's vector.
func (r *searching) embed(ctx context.Context) ([]byte, found) {
	p := r.plan
	p.Legs, p.Missing = p.Legs[:min(1, len(p.Legs))], nil
	out, f := r.ask(ctx, p, r.leg.Embedding())
	if f.ended() {
		return nil, f
	}
	vector, err := merge.QueryVector(out.Results[0].Body)
	if err != nil {
		return nil, r.s.unmerged(ctx, err)
	}
	return vector, found{}
}

// both runs a hybrid search: words first, and vectors only if the words of all legs together are not good enough.
func (r *searching) both(ctx context.Context, d dress) (merge.Result, found) {
	if r.leg.Judged() {
		if _, f := r.embed(ctx); f.refused != nil {
			return merge.Result{}, f
		}
	}
	words, f := r.ask(ctx, r.plan, r.leg.KeywordHalf())
	if f.ended() {
		return merge.Result{}, f
	}
	req := r.leg.HybridRequest()
	good, err := merge.KeywordGoodEnough(req, bodies(words.Results))
	if err != nil {
		return merge.Result{}, r.s.unmerged(ctx, err)
	}
	var meaning [][]byte
	if vector := r.vectorFor(ctx, good); vector != nil {
		out, g := r.ask(ctx, r.plan, r.leg.VectorHalf(vector))
		if g.ended() {
			return merge.Result{}, g
		}
		meaning = bodies(out.Results)
		f.missing = slices.Compact(sortedInts(append(f.missing, g.missing...)))
	}
	return r.merged(ctx, f, func() (merge.Result, error) {
		d(&req.SearchRequest)
		return merge.Hybrid(req, bodies(words.Results), meaning)
	})
}

// vectorFor is the vector of a hybrid search, nil where none is needed. Where none can be made the words are the answer,
// as on one engine.
func (r *searching) vectorFor(ctx context.Context, good bool) []byte {
	if good {
		return nil
	}
	if v := r.leg.Vector(); v != nil {
		return v
	}
	v, _ := r.embed(ctx)
	return v
}

func legsOf(results []scatter.Result) []plan.Leg {
	legs := make([]plan.Leg, len(results))
	for i, r := range results {
		legs[i] = r.Leg
	}
	return legs
}
