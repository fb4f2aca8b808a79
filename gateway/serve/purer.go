package serve

import (
	"context"
	"maps"
	"time"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
)

// maxAgain is how often a read is made again for the sake of one version of the settings, purerPause how long the first time is
// waited for where nobody else could be asked; doubled for each further time.
const (
	maxAgain   = 3
	purerPause = 10 * time.Millisecond
)

// repeated are the reads that are made again: those whose legs say which settings they were answered with.
var repeated = map[operation.Kind]bool{
	operation.SearchPost: true, operation.SearchGet: true, operation.FacetSearch: true, operation.SimilarPost: true,
	operation.SimilarGet: true, operation.ListDocuments: true, operation.FetchDocuments: true, operation.ListFields: true,
	operation.MultiSearch: true,
}

// purer makes a read again whose answer was not made with the committed settings of one version: legs may have been on their way
// to nodes when these were taken out of the reads. It goes to others than those that said so, where there are enough of them.
// While one half of the nodes rests, the other is about to answer with one version, and is asked again after a moment. Reads of a
// session stay where its writes are.
func (s *Service) purer(ctx context.Context, c *call, answer *reply.Reply) *reply.Reply {
	if !repeated[c.op.Kind] || c.session != nil {
		return answer
	}
	for pause := purerPause; pause < purerPause<<maxAgain; pause *= 2 {
		if answer.Header.Get(reply.HeaderInconsistent) == "" || ctx.Err() != nil {
			return answer
		}
		v := s.Views.View()
		odd := c.sights.odd()
		maps.Copy(odd, c.shunned)
		alone, rests := s.others(c, v, odd)
		switch {
		case alone && !rests:
			return answer
		case alone:
			odd = nil
			select {
			case <-ctx.Done():
				return answer
			case <-time.After(pause):
			}
			v = s.Views.View()
		}
		if e := s.renew(c, v); e != nil {
			return reply.Error(e)
		}
		c.shunned, c.sights = odd, &sights{}
		s.Metrics.repeated.Inc()
		answer = s.dispatch(ctx, c)
		s.purity(c, answer)
	}
	return answer
}

// others says whether nobody else than odd nodes could answer a call, and whether a half of the nodes rests then.
func (s *Service) others(c *call, v *routing.View, odd map[string]bool) (alone, rests bool) {
	for ix := range c.sights.seen() {
		now, ok := v.Physical[ix.Physical]
		if !ok {
			return true, false
		}
		if len(plan.CoverIndex(v, now, 0, either(astray(now), func(node string) bool { return odd[node] })).Missing) > 0 {
			alone = true
			rests = rests || len(now.Resting) > 0
		}
	}
	return alone, rests
}

// off names the nodes whose answers would not be made with the committed settings, as far as is known; nil for none.
func (c *call) off(ix *routing.Index) plan.Avoid {
	if len(c.shunned) == 0 {
		return astray(ix)
	}
	return either(astray(ix), func(node string) bool { return c.shunned[node] })
}

// strange says whether a leg's settings are not those committed.
func strange(ix *routing.Index, seen string) bool {
	return seen == nodeapi.SettingsChanging || seen != "" && ix.SettingsHash != "" && seen != nodeapi.SettingsTag(ix.SettingsHash)
}

// odd are the nodes that answered with other settings than those committed, or may have.
func (g *sights) odd() map[string]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	odd := make(map[string]bool, len(g.strange))
	maps.Copy(odd, g.strange)
	return odd
}

// seen are the indexes that legs said something of.
func (g *sights) seen() map[*routing.Index]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.all)
}
