package settings

import (
	"context"
	"maps"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
)

// quietSlice is how long a step waits for a node that lives and gives no usable answer, until the record says so. A change is patient
// with a node once, for all its steps and whoever runs them: each step that waited anew, and each successor of a runner that was
// killed while it waited, would add the whole time.
const quietSlice = 3 * time.Second

// patiently runs a step. One that met a node that gives no usable answer, and that is not given up yet, is run again as if it had not
// been, but for the time of the silence.
func patiently(ctx context.Context, name string, step workflow.Step[Progress], p *Progress) (workflow.Verdict, error) {
	before := *p
	verdict, err := step(ctx, p)
	if err != nil || !p.waits {
		return verdict, err
	}
	quiet := p.Quiet
	*p = before
	p.Quiet = quiet
	return workflow.Enter(name)
}

// gaveUp says whether a node that lives was silent for too long.
func (b *Broadcast) gaveUp(p *Progress, node string) bool {
	since, silent := p.Quiet[node]
	return silent && b.Now().Sub(since) > b.policy().VerifyTimeout()
}

// heard notes since when a node gives no usable answer; the zero time for one that does, or that is down.
func (b *Broadcast) heard(p *Progress, node string, since time.Time) {
	first, silent := p.Quiet[node]
	if since.IsZero() && !silent {
		return
	}
	p.Quiet = maps.Clone(p.Quiet) // steps that are run again go by the old one
	switch {
	case since.IsZero() || !b.Views.View().Nodes[node].OK:
		delete(p.Quiet, node)
		return
	case p.Quiet == nil:
		p.Quiet = map[string]time.Time{}
	}
	if !silent {
		first = since
		p.Quiet[node] = since
	}
	p.waits = p.waits || b.Now().Sub(first) <= b.policy().VerifyTimeout()
}
