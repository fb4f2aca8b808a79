package serve

import (
	"context"
	"sync"

	"github.com/miroir-search/miroir/gateway/leg"
	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/plan"
)

// decide finds out for every query that looks for vectors whether they are needed, and makes its vector once, before the
// federation is asked. What is wrong with a query is left for the nodes to say.
func (f *federating) decide(ctx context.Context) {
	var all sync.WaitGroup
	var mu sync.Mutex
	room := make(chan struct{}, f.s.Limits.MultiParallel)
	for _, i := range f.fed.ByVectors() {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			vector, words := f.vectorOf(ctx, i)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case words:
				f.fed.WordsOnly(i)
			case vector != nil:
				f.fed.UseVector(i, vector)
			}
		})
	}
	all.Wait()
}

// vectorOf is the vector of a query, or says that words will do. It is neither where the query is wrong or nobody answers.
func (f *federating) vectorOf(ctx context.Context, i int) (vector []byte, words bool) {
	q := f.m.Queries[i]
	ix, ok := f.find(f.c, q.IndexUID)
	if !ok {
		return nil, false
	}
	l := f.fed.Alone(i)
	r := searching{s: f.s, c: f.c, ix: ix, leg: l, plan: f.s.cover(ctx, f.c, ix, plan.Narrowing{}, q.Seed())}
	if len(r.plan.Legs) == 0 || len(r.plan.Legs) == 1 && len(r.plan.Missing) == 0 {
		return nil, false // a node that has everything decides by everything
	}
	if l.Kind == leg.Semantic {
		if l.Vector() != nil {
			return nil, false
		}
		vector, _ = r.embed(ctx)
		return vector, false
	}
	if l.Judged() {
		if _, e := r.embed(ctx); e.refused != nil {
			return nil, false
		}
	}
	out, e := r.ask(ctx, r.plan, l.KeywordHalf())
	if e.ended() {
		return nil, false
	}
	good, err := merge.KeywordGoodEnough(l.HybridRequest(), bodies(out.Results))
	if err != nil {
		return nil, false
	}
	vector = r.vectorFor(ctx, good)
	return vector, vector == nil
}
