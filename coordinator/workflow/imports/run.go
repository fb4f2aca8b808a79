package imports

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/dump"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// run is one coordinator's work on one job.
type run struct {
	*Importer
	job     Job
	summary *dump.Summary
	reader  *reader // of the documents, nil until they are read

	lastBatch time.Time // when the last batch was accepted, zero before
}

func (r *run) close() {
	if r.reader != nil {
		r.reader.close()
		r.reader = nil
	}
}

// scan reads the file once and keeps what is small.
func (r *run) scan(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	if err := r.load(ctx); err != nil {
		if e := refusal(err); e != nil {
			return p.fail(e)
		}
		return workflow.Verdict{}, err
	}
	p.DBVersion, p.DumpDate = r.summary.DBVersion, r.summary.DumpDate
	return workflow.Enter(phaseCheck)
}

// load makes the summary of the file, or finds the one that was made before.
func (r *run) load(ctx context.Context) error {
	if r.summary != nil {
		return nil
	}
	if r.summary = r.Spool.summary(r.job.ID); r.summary != nil {
		return nil
	}
	f, err := r.Spool.open(r.job.ID)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var last int64
	s, err := dump.Scan(interruptible{ctx, f}, r.Limits.Dump, func(n int64) {
		r.Metrics.read.Add(float64(n - last))
		last = n
	})
	if err != nil {
		return err
	}
	r.summary = s
	return r.Spool.writeFile(r.job.ID, nameSummary, s)
}

// interruptible ends a long read with its context.
type interruptible struct {
	ctx context.Context //nolint:containedctx // a reader has no other way to stop early
	f   *os.File
}

func (i interruptible) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, context.Cause(i.ctx)
	}
	return i.f.Read(p)
}

// refusal is the error of a file that no attempt will read better; nil for any other.
func refusal(err error) *apierr.Error {
	var unsupported dump.UnsupportedError
	var damaged dump.DamagedError
	var content dump.ContentError
	switch {
	case errors.As(err, &unsupported), errors.As(err, &damaged), errors.As(err, &content):
		return apierr.New(apierr.MiroirDumpUnsupported, "%s", sentence(err.Error()))
	}
	return nil
}

// sentence makes a sentence of an error.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

// check finds what is in the way.
func (r *run) check(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	if err := r.load(ctx); err != nil {
		return workflow.Verdict{}, err
	}
	plan, err := r.plan(ctx, r.summary, p.Options)
	if err != nil {
		return workflow.Verdict{}, err
	}
	p.Plan = &plan
	if len(plan.Conflicts) > 0 {
		c := plan.Conflicts[0]
		more := ""
		if n := len(plan.Conflicts) - 1; n > 0 {
			more = fmt.Sprintf(" There are %d more conflicts.", n)
		}
		return p.fail(apierr.New(apierr.MiroirConflict, "Index `%s` can not be imported: %s.%s", c.Index, c.Reason, more))
	}
	if p.Options.Existing == ExistingReplace {
		p.stage(r.job.ID)
	}
	return workflow.Enter(phaseKeys)
}

// keys brings API keys in. A key of the same uid that is there stays as it is.
func (r *run) keys(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	if err := r.load(ctx); err != nil {
		return workflow.Verdict{}, err
	}
	if !p.Options.Keys {
		return workflow.Enter(phaseIndexes)
	}
	for _, k := range r.summary.Keys {
		err := r.Store.CreateKey(ctx, key.Record{
			V: key.Version, UID: strings.ToLower(k.UID), Name: k.Name, Description: k.Description, Actions: k.Actions, Indexes: k.Indexes,
			ExpiresAt: k.ExpiresAt, CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt,
		})
		if err != nil && !errors.Is(err, state.ErrConflict) {
			return workflow.Verdict{}, err
		}
	}
	for _, uid := range p.Plan.Keys.Replaced {
		if err := r.Store.DeleteKey(ctx, uid); err != nil && !errors.Is(err, state.ErrNotFound) {
			return workflow.Verdict{}, err
		}
	}
	p.KeysDone = true
	return workflow.Enter(phaseIndexes)
}

// indexes creates the next index and gives it its settings.
func (r *run) indexes(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	if err := r.load(ctx); err != nil {
		return workflow.Verdict{}, err
	}
	if p.Prepared == len(p.Plan.Indexes) {
		return workflow.Enter(phaseStream)
	}
	planned := p.Plan.Indexes[p.Prepared]
	if e, err := r.create(ctx, planned); e != nil || err != nil {
		return r.stopped(p, planned.Target, e, err)
	}
	if p.Options.Settings {
		if e, err := r.configure(ctx, planned); e != nil || err != nil {
			return r.stopped(p, planned.Target, e, err)
		}
	}
	p.Prepared++
	return workflow.Enter(phaseIndexes)
}

func (r *run) stopped(p *Progress, index string, e *apierr.Error, err error) (workflow.Verdict, error) {
	if err != nil {
		return workflow.Verdict{}, err
	}
	told := *e
	told.Message = fmt.Sprintf("Index `%s` can not be imported: %s", index, e.Message)
	return p.fail(&told)
}

// create makes the index unless it is there. Somebody who made it a moment ago is taken for an earlier attempt.
func (r *run) create(ctx context.Context, ix PlannedIndex) (*apierr.Error, error) {
	if _, there := r.Views.View().Indexes[ix.place()]; !there {
		body := rawjson.AppendQuoted([]byte(`{"uid":`), ix.place())
		if ix.PrimaryKey != nil {
			body = rawjson.AppendQuoted(append(body, `,"primaryKey":`...), *ix.PrimaryKey)
		}
		body = append(body, '}')
		e, err := r.perform(ctx, http.MethodPost, "/indexes", body)
		if err != nil || e != nil && e.Code != apierr.IndexAlreadyExists {
			return e, err
		}
	}
	_, err := r.Views.Wait(ctx, func(v *routing.View) bool { return v.Indexes[ix.place()] != nil })
	return nil, err
}

// configure gives an index the settings of the dump.
func (r *run) configure(ctx context.Context, ix PlannedIndex) (*apierr.Error, error) {
	for _, dumped := range r.summary.Indexes {
		if dumped.UID == ix.UID {
			body := settingsBody(dumped.Settings)
			if string(body) == "{}" {
				return nil, nil
			}
			return r.perform(ctx, http.MethodPatch, "/indexes/"+url.PathEscape(ix.place())+"/settings", body)
		}
	}
	return nil, nil
}

// perform sends a request that can be sent twice, and waits for its task. The first error is the cluster's, of the request or
// of the task; the second says that another attempt is due.
func (r *run) perform(ctx context.Context, method, path string, body []byte) (*apierr.Error, error) {
	return r.performOnce(ctx, "", method, path, body)
}

// performOnce is perform for a request that must not be carried out twice; key is what tells it from others.
func (r *run) performOnce(ctx context.Context, key, method, path string, body []byte) (*apierr.Error, error) {
	uid, err := r.Ingress.enqueueOnce(ctx, key, method, path, "application/json", body)
	var refused *apierr.Error
	if errors.As(err, &refused) {
		return refused, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := r.Tasks.Wait(ctx, uid, func(t task.Record) bool { return t.Done() })
	if err != nil {
		return nil, err
	}
	return failureOf(t), nil
}

// failureOf is why a finished task did not succeed; nil when it did.
func failureOf(t task.Record) *apierr.Error {
	switch {
	case t.Status == task.Succeeded:
		return nil
	case t.Error != nil:
		return t.Error
	}
	return apierr.New(apierr.MiroirConflict, "Task %d of the import was canceled.", t.UID)
}

// finish waits for the tasks of the last batches.
func (r *run) finish(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	r.close()
	if len(p.Open) == 0 {
		if p.staged() {
			return workflow.Enter(phaseSwap)
		}
		return workflow.Enter(phaseConclude)
	}
	if e, err := r.await(ctx, p, len(p.Open)-1); e != nil || err != nil {
		if e != nil {
			return p.fail(e)
		}
		return workflow.Verdict{}, err
	}
	return workflow.Enter(phaseFinish)
}

// conclude tells the end. The file is removed when the record says so, for without it nobody would take the job up again.
func (r *run) conclude(_ context.Context, p *Progress) (workflow.Verdict, error) {
	r.close()
	event := r.Log.Info()
	if p.Failure != nil {
		event = r.Log.Warn().Str("code", string(p.Failure.Code))
	}
	event.Str("job_id", r.job.ID).Int64("documents", p.Sent.Documents).Int64("rejected", p.Rejected).Msg("import ended")
	return workflow.Verdict{Error: p.Failure}, nil
}
