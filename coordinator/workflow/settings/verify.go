package settings

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/miroir-search/miroir/coordinator/errand"
	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
)

// survey is what the nodes show.
type survey struct {
	shown     map[string]document // by node, as their engines have it
	reference string              // the node that the others are measured by; empty when none answered
	differing []string            // nodes that show something else, ascending
}

// look reads the settings of all live nodes.
func (b *Broadcast) look(ctx context.Context, p *Progress, ix *routing.Index, changes []change) (survey, error) {
	var s survey
	var results map[string]error
	s.shown, results = b.documents(ctx, p, b.inTurn(p, b.Views.View(), ix))
	if ctx.Err() != nil {
		return s, context.Cause(ctx)
	}
	for _, err := range results {
		if err != nil && !errors.Is(err, errand.ErrBehind) {
			return s, err
		}
	}
	var err error
	if p.Version > 0 {
		s.reference = s.showing(p.Hash)
	}
	if s.reference == "" {
		s.reference, err = reference(s.shown, meili.MaskSettings(b.committed(ix)), named(changes))
	}
	if err != nil || s.reference == "" {
		return s, err
	}
	want := s.shown[s.reference].whole()
	for _, id := range slices.Sorted(maps.Keys(s.shown)) {
		if s.shown[id].whole() != want {
			s.differing = append(s.differing, id)
		}
	}
	return s, nil
}

// showing is the first node that shows settings with a hash; empty for none.
func (s *survey) showing(hash string) string {
	for _, id := range slices.Sorted(maps.Keys(s.shown)) {
		if s.shown[id].hash() == hash {
			return id
		}
	}
	return ""
}

// documents reads what engines show, by node, and what came of it.
func (b *Broadcast) documents(ctx context.Context, p *Progress, nodes []string) (map[string]document, map[string]error) {
	var mu sync.Mutex
	shown := map[string]document{}
	results := b.each(ctx, p, nodes, func(ctx context.Context, c *contact) error {
		raw, err := c.read(ctx, true)
		if err != nil {
			return err
		}
		d, err := parse(raw)
		if err != nil {
			return err
		}
		mu.Lock()
		shown[c.Node] = d
		mu.Unlock()
		return nil
	})
	return shown, results
}

// reference chooses the node that the others are measured by: among those that kept everything the change does not name,
// one of the largest group that agrees; where none kept it, one of the largest group at all. Equal groups are decided by
// node id.
func reference(shown map[string]document, committed []byte, named map[string]json.RawMessage) (string, error) {
	var before document
	if len(committed) > 0 {
		var err error
		if before, err = parse(committed); err != nil {
			return "", err
		}
		// What nodes have instead of the client's values is not for comparison.
		for _, overlaid := range []string{"displayedAttributes", "filterableAttributes", "faceting"} {
			delete(before, overlaid)
		}
	}
	agree := map[string]int{}
	for _, d := range shown {
		agree[d.whole()]++
	}
	ids := slices.SortedFunc(maps.Keys(shown), func(x, y string) int {
		kx, ky := shown[x].keeps(before, named), shown[y].keeps(before, named)
		if kx != ky {
			if kx {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(agree[shown[y].whole()], agree[shown[x].whole()]), cmp.Compare(x, y))
	})
	if len(ids) == 0 {
		return "", nil
	}
	return ids[0], nil
}

// verify compares what all live nodes show, and decides whether the change can be committed.
func (b *Broadcast) verify(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	v := b.Views.View()
	ix := v.Physical[p.Physical]
	if ix == nil {
		return b.missing(ctx, p)
	}
	if len(without(b.inTurn(p, v, ix), p.Proposed)) > 0 {
		return workflow.Enter(phasePropose) // a node came back meanwhile
	}
	changes, err := b.pending(ctx, p)
	if err != nil {
		return withdrawn(err)
	}
	if p.stop(changes[0]) {
		return workflow.Enter(phaseRollback)
	}
	s, err := b.look(ctx, p, ix, changes)
	if err != nil {
		return workflow.Verdict{}, err
	}
	if len(s.differing) > 0 || !b.effective(p, s, changes) {
		return b.deviating(p, s)
	}
	if p.Version > 0 {
		return workflow.Enter(phaseConclude)
	}
	if next := b.after(p, v, ix); next != "" {
		p.Proposed, p.Repairs = slices.Sorted(slices.Values(append(p.Proposed, next))), 0
		return workflow.Enter(phasePropose)
	}
	if !covers(ix, v.ActiveGroups(), s.shown) {
		return b.lacking(ctx, p, v)
	}
	one := b.contact(p, s.reference)
	clean, err := one.read(ctx, false)
	if err != nil {
		return workflow.Verdict{}, err
	}
	committed := b.committed(ix)
	view, err := meili.ClientView(clean, committed, changes[0].patch)
	if err != nil {
		return workflow.Verdict{}, err
	}
	known := [][]byte{changes[0].patch.Members, committed}
	for _, later := range changes[1:] {
		known = append(known, later.patch.Members)
	}
	p.View = b.Seal.Settings(seal.SettingsPlace(p.Physical), meili.RevealSettings(view, known...))
	p.Hash = s.shown[s.reference].hash()
	return workflow.Enter(phaseCommit)
}

// committed are the committed settings of an index with their secrets; empty when none were committed. Secrets that can not
// be opened are missing: engines that have them keep them.
func (b *Broadcast) committed(ix *routing.Index) []byte {
	opened, err := b.Seal.OpenSettings(seal.SettingsPlace(ix.Physical), ix.Settings)
	if err != nil {
		b.Log.Error().Err(err).Str("index", ix.UID).Msg("committed secrets can not be opened")
	}
	return opened
}

// effective says whether the change is in what the nodes show. Equal nodes alone prove nothing: a sidecar that compares
// its engine with the committed settings may just have taken the change back, on all of them alike. Where the values read
// as if it were missing although sending it again made no difference, engines only write them in another way.
func (b *Broadcast) effective(p *Progress, s survey, changes []change) bool {
	if s.reference == "" {
		return true // nobody to ask: the cover is missing, which is told next
	}
	d := s.shown[s.reference]
	if p.Version > 0 && d.hash() == p.Hash {
		return true // committed already
	}
	return d.shows(changes) || p.Repairs > 0 && d.hash() == p.Hash
}

// deviating sends nodes to repair, as often as is allowed.
func (b *Broadcast) deviating(p *Progress, s survey) (workflow.Verdict, error) {
	b.Metrics.mismatches.Add(float64(max(1, len(s.differing))))
	if p.Version > 0 {
		return b.lagging(p, s)
	}
	p.Hash = ""
	if len(s.differing) == 0 {
		p.Hash = s.shown[s.reference].hash()
	}
	if p.Repairs++; p.Repairs > b.policy().MaxRepairRetries {
		p.Failure = apierr.New(apierr.MiroirDivergence, "The nodes did not come to the same settings.")
		return workflow.Enter(phaseRollback)
	}
	return workflow.Enter(phaseRepair)
}

// lagging repairs nodes that do not come to what is committed. What does not help is left to their sidecars: such nodes serve no reads
// while others do, and the change stands.
func (b *Broadcast) lagging(p *Progress, s survey) (workflow.Verdict, error) {
	if p.Repairs++; p.Repairs > b.policy().MaxRepairRetries {
		b.Log.Error().Str("index", p.Index).Strs("nodes", s.differing).Msg("nodes do not come to the committed settings, others are read")
		return workflow.Enter(phaseConclude)
	}
	return workflow.Enter(phaseRepair)
}

// lacking waits for the nodes that a complete cover lacks.
func (b *Broadcast) lacking(ctx context.Context, p *Progress, seen *routing.View) (workflow.Verdict, error) {
	if p.Turns == waves { // the other half may have what is missing
		p.Turns, p.First = together, nil
		return workflow.Enter(phasePropose)
	}
	b.Log.Warn().Str("index", p.Index).Msg("settings change waits for nodes")
	before := alive(seen, seen.Physical[p.Physical])
	p.Quiet = nil // one of the silent may be what is missing
	wait, cancel := context.WithTimeout(ctx, b.policy().VerifyTimeout())
	defer cancel()
	_, err := b.Views.Wait(wait, func(v *routing.View) bool {
		ix := v.Physical[p.Physical]
		return ix == nil || v.Epoch > seen.Epoch || !slices.Equal(alive(v, ix), before)
	})
	if err != nil && (ctx.Err() != nil || wait.Err() == nil) {
		return workflow.Verdict{}, err
	}
	return workflow.Enter(phasePropose)
}

// covers says whether the nodes hold a copy of every shard in one of the groups.
func covers(ix *routing.Index, groups []int, nodes map[string]document) bool {
	return slices.ContainsFunc(groups, func(g int) bool {
		byShard := ix.Placement.Groups[g]
		if len(byShard) < ix.Shards {
			return false
		}
		for _, copies := range byShard {
			if !slices.ContainsFunc(copies, func(c routing.Copy) bool {
				_, shows := nodes[c.Node]
				return shows && c.State != routing.CopyBuilding
			}) {
				return false
			}
		}
		return true
	})
}
