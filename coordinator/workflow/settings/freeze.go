package settings

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/coordinator/errand"
	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
)

// proven says whether all of the nodes that answer are back. The first of the changes is the one that set them back, the rest
// are later ones, which they may have as well. Nodes that are down prove nothing and block nothing: they take no reads before
// their sidecars brought them back. Where all show the same, and sending it again made no difference, engines only write the
// values in another way.
func (b *Broadcast) proven(ctx context.Context, p *Progress, nodes []string, changes []change) bool {
	shown, results := b.documents(ctx, p, nodes)
	astray := map[string]bool{}
	for id, err := range results {
		if err != nil && !errors.Is(err, errand.ErrBehind) {
			astray[id] = true
		}
	}
	same := map[string]bool{}
	for id, d := range shown {
		if !d.shows(changes) || d.retains(changes) {
			astray[id] = true
		}
		same[d.only(namedIn(changes[0].patch)).hash()] = true
	}
	before := p.Restored
	p.Restored = ""
	if len(same) == 1 && len(shown) == len(nodes) {
		p.Restored = slices.Collect(maps.Keys(same))[0]
	}
	if len(astray) > 0 {
		b.Metrics.mismatches.Add(float64(len(astray)))
	}
	return len(astray) == 0 || len(nodes) > 1 && p.Restored != "" && p.Restored == before
}

// retains says whether an embedder is still there that the first of the changes removes, and that no later one names.
func (d document) retains(changes []change) bool {
	for _, later := range changes[1:] {
		if _, names := namedIn(later.patch)["embedders"]; names {
			return false
		}
	}
	var removed, shown map[string]json.RawMessage
	if json.Unmarshal(namedIn(changes[0].patch)["embedders"], &removed) != nil || json.Unmarshal([]byte(d["embedders"]), &shown) != nil {
		return false
	}
	for name, value := range removed {
		if _, there := shown[name]; there && string(value) == "null" {
			return true
		}
	}
	return false
}

// only is the document with none but the given members.
func (d document) only(members map[string]json.RawMessage) document {
	part := maps.Clone(d)
	maps.DeleteFunc(part, func(name, _ string) bool { _, named := members[name]; return !named })
	return part
}

// freeze ends a change that could neither be made nor taken back everywhere. Nobody knows any more what the next write to the
// index would mean on each node, so there is none, until a later change is committed or an operator has looked.
func (b *Broadcast) freeze(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	frozen := b.policy().FreezeWritesOnUnrepairable
	if frozen {
		f := &routing.Freeze{Task: p.Task, At: b.Now()}
		if err := b.Store.FreezeSettings(ctx, p.Physical, f); err != nil {
			return workflow.Verdict{}, err
		}
	}
	cause := apierr.MiroirDivergence
	if p.Failure != nil {
		cause = p.Failure.Code
	}
	b.Log.Error().Str("index", p.Index).Int("attempts", p.Backs).Str("cause", string(cause)).Bool("frozen", frozen).
		Msg("nodes have different settings, and could not be set back")
	p.Failure = apierr.New(apierr.MiroirDivergence, "The nodes did not come to the same settings, and could not be set back.")
	p.Stopped = false
	return workflow.Enter(phaseConclude)
}
