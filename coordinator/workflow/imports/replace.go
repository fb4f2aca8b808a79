package imports

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// swapsAtOnce is how many indexes take their places in one step, which clients see as one. A transaction of the store holds
// a few more.
const swapsAtOnce = 40

// stage names the indexes that are imported into. No two runs have the same.
func (p *Progress) stage(job string) {
	for i := range p.Plan.Indexes {
		p.Plan.Indexes[i].Staging = fmt.Sprintf("import-%s-%s-%d", job, p.Run, i)
	}
}

// staged says whether the import is one that replaces.
func (p *Progress) staged() bool {
	return p.Plan != nil && len(p.Plan.Indexes) > 0 && p.Plan.Indexes[0].Staging != ""
}

// logical is an error with the names of indexes that the caller knows.
func (p *Progress) logical(e *apierr.Error) *apierr.Error {
	told := *e
	for _, ix := range p.Plan.Indexes {
		told.Message = strings.ReplaceAll(told.Message, ix.Staging, ix.Target)
	}
	return &told
}

// swap puts the next indexes into their places. What the plan says of them decides how, not what is there now, so that the same
// request comes again after a crash: under its key it is carried out once.
func (r *run) swap(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	from, to := p.Swapped, min(p.Swapped+swapsAtOnce, len(p.Plan.Indexes))
	if from == to {
		return workflow.Enter(phaseDiscard)
	}
	body := []byte{'['}
	for i, ix := range p.Plan.Indexes[from:to] {
		if i > 0 {
			body = append(body, ',')
		}
		body = rawjson.AppendQuoted(append(body, `{"indexes":[`...), ix.Staging)
		body = append(rawjson.AppendQuoted(append(body, ','), ix.Target), ']')
		if !ix.Exists {
			body = append(body, `,"rename":true`...)
		}
		body = append(body, '}')
	}
	key := fmt.Sprintf("%s:%s:%s:swap:%d", KindName, r.job.ID, r.job.Run, from)
	e, err := r.performOnce(ctx, key, http.MethodPost, "/swap-indexes", append(body, ']'))
	if err != nil {
		return workflow.Verdict{}, err
	}
	if e != nil {
		return p.fail(e)
	}
	p.Swapped = to
	return workflow.Enter(phaseSwap)
}

// discard removes the indexes that bear the names of new ones: the old ones by now, or the new ones after a failure.
func (r *run) discard(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	r.close()
	for _, ix := range p.Plan.Indexes {
		e, err := r.perform(ctx, http.MethodDelete, "/indexes/"+url.PathEscape(ix.Staging), nil)
		if err != nil {
			return workflow.Verdict{}, err
		}
		if e != nil && e.Code != apierr.IndexNotFound {
			r.Log.Warn().Str("job_id", r.job.ID).Str("index", ix.Staging).Str("code", string(e.Code)).Msg("index of an import not removed")
		}
	}
	return workflow.Enter(phaseConclude)
}
