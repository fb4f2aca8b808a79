package serve

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
)

// headerFloor is the least committed version of its index's settings that a read may be answered with (RD-10).
const headerFloor = "X-Miroir-Min-Settings-Version"

// floorTime is how long a version that the client knows of already may take to come here.
const floorTime = time.Second

// sights are the settings that the legs of a request said they were answered with. A request may run several reads at the
// same time.
type sights struct {
	mu  sync.Mutex
	all map[*routing.Index]string // the first that was seen, or nodeapi.SettingsChanging where they differ

	strange map[string]bool // nodes whose settings were not those committed
}

// saw notes what the legs of a read said. Those of a read of several indexes say it of all of them, in the order of their
// physical names.
func (g *sights) saw(out *scatter.Outcome, indexes ...*routing.Index) {
	if len(indexes) > 1 {
		indexes = slices.SortedFunc(slices.Values(indexes), func(a, b *routing.Index) int { return strings.Compare(a.Physical, b.Physical) })
		indexes = slices.Compact(indexes)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range out.Results {
		all := out.Results[i].Settings
		each := len(all) / len(indexes)
		for j, ix := range indexes {
			one := all
			if len(indexes) > 1 && all != nodeapi.SettingsChanging {
				one = all[j*each : (j+1)*each]
			}
			if strange(ix, one) {
				if g.strange == nil {
					g.strange = map[string]bool{}
				}
				g.strange[out.Results[i].Leg.Node] = true
			}
			before, seen := g.all[ix]
			switch {
			case !seen:
				if g.all == nil {
					g.all = map[*routing.Index]string{}
				}
				g.all[ix] = one
			case before != one:
				g.all[ix] = nodeapi.SettingsChanging
			}
		}
	}
}

// tell says so on an answer that was not, or not surely, made with the committed settings of one version. newest finds the
// index in the newest view: a commit may have come here while the legs ran.
func (g *sights) tell(r *reply.Reply, newest func(*routing.Index) *routing.Index) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for ix, seen := range g.all {
		if pure(ix, seen) {
			continue
		}
		if now := newest(ix); pure(now, seen) && len(g.all) == 1 && r.Header.Get(reply.HeaderSettingsVersion) != "" {
			r.Settings(now.SettingsVersion)
			continue
		}
		r.Header.Set(reply.HeaderInconsistent, "true")
	}
}

// purity tells on an answer what the legs of a request said about settings.
func (s *Service) purity(c *call, r *reply.Reply) {
	c.sights.tell(r, func(ix *routing.Index) *routing.Index {
		_, now := s.newest(c.view, ix)
		return now
	})
}

// pure says whether settings that all legs agreed on are those committed. Where a node was not looked at yet, it was brought
// in step before it answered; where nothing was committed yet, all that can be asked is that legs agree.
func pure(ix *routing.Index, seen string) bool {
	return seen == "" || seen != nodeapi.SettingsChanging && (ix.SettingsHash == "" || seen == nodeapi.SettingsTag(ix.SettingsHash))
}

// floor reads the header of the same name, and waits for a view in which nodes that are not behind it cover the index.
func (s *Service) floor(ctx context.Context, c *call) *apierr.Error {
	value := c.Header.Get(headerFloor)
	if value == "" || c.op.Index == "" {
		return nil
	}
	least, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return apierr.New(apierr.MiroirInvalidHeader, "The header `%s` must be a version number.", headerFloor)
	}
	ix, ok := c.view.Find(c.op.Index)
	if !ok || !floored[c.op.Kind] {
		return nil
	}
	c.least = least
	if c.op.Kind == operation.Explain {
		return nil // it says what a search would find
	}
	return s.reach(ctx, c, ix)
}

// above says whether nodes that are not behind a version cover what can be covered of an index.
func above(v *routing.View, ix *routing.Index, least uint64) bool {
	now, ok := v.Physical[ix.Physical]
	if !ok || now.SettingsVersion < least {
		return !ok
	}
	lacking := len(plan.CoverIndex(v, now, 0, nil).Missing)
	return len(plan.CoverIndex(v, now, 0, behind(now, least)).Missing) <= lacking
}

// reach waits for a view in which the call's floor is met.
func (s *Service) reach(ctx context.Context, c *call, ix *routing.Index) *apierr.Error {
	met := func(v *routing.View) bool { return above(v, ix, c.least) }
	if met(c.view) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, floorTime)
	defer cancel()
	v, err := s.Views.Wait(ctx, met)
	if err != nil {
		return apierr.New(apierr.MiroirSettingsVersionStale, "The settings of the index are not at version %d on enough nodes.", c.least)
	}
	c.view = v
	c.resolve()
	return nil
}

// floored are the reads that depend on the settings of their index.
var floored = map[operation.Kind]bool{
	operation.SearchPost: true, operation.SearchGet: true, operation.FacetSearch: true, operation.SimilarPost: true,
	operation.SimilarGet: true, operation.GetDocument: true, operation.ListDocuments: true, operation.FetchDocuments: true,
	operation.GetSettings: true, operation.ListFields: true, operation.Explain: true,
}

// behind names the nodes that were not seen to show a version yet; nil for none.
func behind(ix *routing.Index, least uint64) plan.Avoid {
	if least == 0 {
		return nil
	}
	return func(node string) bool { return ix.Shown[node].Version < least }
}

// astray names the nodes that show other settings than those committed; nil for none.
func astray(ix *routing.Index) plan.Avoid {
	if len(ix.Astray) == 0 {
		return nil
	}
	return func(node string) bool { return ix.Astray[node] }
}

// tooOld is the answer to a read whose floor is not met.
func tooOld(e *apierr.Error) *reply.Reply {
	r := reply.Error(e)
	if e.Status == http.StatusServiceUnavailable {
		r.Header.Set("Retry-After", "1")
	}
	return r
}
