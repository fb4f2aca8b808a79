package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/miroir-search/miroir/coordinator/errand"
	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// end leaves a repair that has nothing more to do now. What stays dirty begins another one.
func end() (workflow.Verdict, error) { return workflow.Verdict{}, nil }

// assess reads the markers and chooses sources.
func (r *Repair) assess(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	v := r.Views.View()
	ix, ok := v.Physical[p.Physical]
	if !ok || !v.Nodes[p.Node].OK {
		return end()
	}
	p.Index = ix.UID
	marks, err := r.Store.Marks(ctx, p.Physical)
	if err != nil {
		return workflow.Verdict{}, err
	}
	jobs, waiting := plan(v, ix, p.Node, marks)
	p.Jobs, p.Waiting, p.Cursor, p.Refused, p.Clear = jobs, shardmap.FormatRanges(waiting), nil, nil, nil
	p.Round++
	for _, job := range jobs {
		shards, err := shardmap.ParseRanges(job.Shards, ix.Shards)
		if err != nil {
			return workflow.Verdict{}, err
		}
		for _, m := range marks {
			if m.Node == p.Node && slices.Contains(shards, m.Shard) {
				p.Clear = append(p.Clear, state.Clearing{Shard: m.Shard, Revision: m.Revision, Source: job.Source})
			}
		}
	}
	switch {
	case len(jobs) > 0:
		return workflow.Enter(phaseCopy)
	case len(waiting) > 0:
		return workflow.Verdict{Error: apierr.New(apierr.MiroirShardUnavailable,
			"No complete copy of shards %s can be reached to repair from.", p.Waiting)}, nil
	}
	return end()
}

// copy makes the node do one step.
func (r *Repair) copy(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	if len(p.Jobs) == 0 {
		return workflow.Enter(phaseClear)
	}
	job := &p.Jobs[0]
	next := func() (workflow.Verdict, error) {
		p.Jobs, p.Cursor, p.Refused, p.Idle = p.Jobs[1:], nil, nil, 0
		return workflow.Enter(phaseCopy)
	}
	if job.Source == "" {
		r.Log.Error().Str("index", p.Index).Str("node", p.Node).Str("shards", job.Shards).Msg("no complete copy is left, the fullest one counts as complete")
		r.Metrics.elected.Inc()
		return next()
	}
	v := r.Views.View()
	node, source := v.Nodes[p.Node], v.Nodes[job.Source]
	switch {
	case v.Physical[p.Physical] == nil, !node.OK:
		return end()
	case !source.OK:
		return workflow.Enter(phaseAssess)
	}
	out, err := r.step(ctx, node.Address, nodeapi.RepairStep{
		Index: p.Physical, Shards: job.Shards, Source: job.Source, Address: source.Address, Mode: job.Mode, From: job.From,
		Limit: r.Limits.Step, Rate: r.Limits.Rate, Cursor: p.Cursor, Refused: p.Refused,
	})
	if errors.Is(err, errSource) {
		return workflow.Enter(phaseAssess)
	}
	if err != nil {
		return workflow.Verdict{}, err
	}
	r.Metrics.count(out)
	p.Examined, p.Written, p.Deleted, p.Deferred = p.Examined+out.Examined, p.Written+out.Written, p.Deleted+out.Deleted, out.Deferred
	switch {
	case out.Whole && job.Mode == nodeapi.RepairWhole:
		return workflow.Verdict{}, errors.New("the node asks for a whole copy of a whole copy")
	case out.Whole:
		job.Mode, job.From, p.Cursor = nodeapi.RepairWhole, 0, nil
		return workflow.Enter(phaseCopy)
	case out.Done:
		return next()
	}
	if p.Cursor = out.Cursor; out.Deferred > 0 && out.Written+out.Deleted == 0 {
		// All that is left is on its way, or refused.
		if err := errand.Sleep(ctx, min(idleFirst<<p.Idle, idleLongest)); err != nil {
			return workflow.Verdict{}, err
		}
		p.Idle = min(p.Idle+1, idleMost)
	} else {
		p.Idle = 0
	}
	p.Refused, err = r.refused(ctx, p.Physical, source, out.Ahead)
	if err != nil {
		return workflow.Verdict{}, err
	}
	return workflow.Enter(phaseCopy)
}

// Pauses between steps that could do nothing.
const (
	idleFirst   = 50 * time.Millisecond
	idleLongest = time.Second
	idleMost    = 5 // doublings
)

// refused chooses the writes that the source surely never took, and never will: whoever refused them wrote it down, or the source itself says
// so of those that may have been on their way to it when they were refused. All others may come yet.
func (r *Repair) refused(ctx context.Context, physical string, source routing.Node, writes []string) (list []string, err error) {
	var doubtful []nodeapi.Written
	for _, write := range writes {
		uid, err := strconv.ParseUint(write, 10, 32)
		if err != nil {
			continue // none of a gateway's
		}
		t, err := r.Store.Task(ctx, uint32(uid))
		if errors.Is(err, state.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(t.Targets, func(t task.Target) bool { return t.Node == source.ID })
		switch {
		case t.DispatchID() != write || t.Status != task.Failed || at < 0:
		case t.Targets[at].Lacks:
			list = append(list, write)
		case t.Targets[at].Doubt:
			doubtful = append(doubtful, nodeapi.Written{Dispatch: write, Stamp: t.Stamp})
		}
	}
	if len(doubtful) == 0 {
		return list, nil
	}
	q := nodeapi.DisownQuery{Index: physical, Writes: doubtful}
	never, err := client.Disown(ctx, r.Nodes, source.Address, q, errand.CallTimeout)
	if err != nil {
		r.Log.Debug().Err(err).Str("node", source.ID).Msg("writes in doubt not asked about, they are waited for")
		return list, ctx.Err()
	}
	return append(list, never...), nil
}

// errSource says that the source has no complete copy any more.
var errSource = errors.New("the source of a repair is dirty itself")

func (r *Repair) step(ctx context.Context, address string, q nodeapi.RepairStep) (out nodeapi.RepairResult, err error) {
	out, err = client.Into[nodeapi.RepairResult](client.Ask(ctx, r.Nodes, address, nodeapi.PathRepair, q, r.Limits.Timeout))
	var no client.Refusal
	switch {
	case errors.As(err, &no) && no.Code == nodeapi.CodeDirtySource:
		return out, errSource
	case err != nil:
		return out, fmt.Errorf("repair step: %w", err)
	}
	return out, nil
}

// clear takes the markers away.
func (r *Repair) clear(ctx context.Context, l Leader, p *Progress) (workflow.Verdict, error) {
	left, err := l.ClearDirty(ctx, p.Physical, p.Node, p.Clear)
	if err != nil {
		return workflow.Verdict{}, err
	}
	r.Metrics.cleared.Add(float64(len(p.Clear) - len(left)))
	r.Log.Info().Str("index", p.Index).Str("node", p.Node).Int("copies", len(p.Clear)-len(left)).Int("left", len(left)).
		Int("written", p.Written).Int("deleted", p.Deleted).Msg("dirty copies repaired")
	// What is left missed a write meanwhile; and a marker that came meanwhile is found by looking again.
	if len(left) > 0 {
		return workflow.Enter(phaseAssess)
	}
	return end()
}
