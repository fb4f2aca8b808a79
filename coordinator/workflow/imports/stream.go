package imports

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/dump"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/task"
)

// reader reads the documents of a job's file from a cursor on.
type reader struct {
	file    *os.File
	docs    *dump.Documents
	at      dump.Cursor    // of the last document that was taken into a batch
	pending *dump.Document // read, and not taken yet
}

func (r *reader) close() { _ = r.file.Close() }

// next is the next document, without taking it.
func (r *reader) next() (dump.Document, error) {
	if r.pending == nil {
		d, err := r.docs.Next()
		if err != nil {
			return d, err
		}
		r.pending = &d
	}
	return *r.pending, nil
}

// take makes the document that next showed a part of the batch.
func (r *reader) take() {
	r.at, r.pending = r.pending.Cursor, nil
}

// position returns a reader that stands behind the cursor.
func (r *run) position(c dump.Cursor) (*reader, error) {
	if r.reader != nil && r.reader.at == c {
		return r.reader, nil
	}
	r.close()
	f, err := r.Spool.open(r.job.ID)
	if err != nil {
		return nil, err
	}
	docs, err := dump.OpenDocuments(f, r.Limits.Dump)
	if err == nil {
		err = docs.SkipTo(c)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.reader = &reader{file: f, docs: docs, at: c}
	return r.reader, nil
}

// draft is a batch that is being made up.
type draft struct {
	index  PlannedIndex
	body   []byte
	count  Count
	cursor dump.Cursor // of its last document, rejected ones included
	reject []string
	skip   int64 // rejected in all
}

// stream sends the next batch.
func (r *run) stream(ctx context.Context, p *Progress) (workflow.Verdict, error) {
	if e, err := r.await(ctx, p, r.Limits.Window-1); e != nil || err != nil {
		if e != nil {
			return p.fail(e)
		}
		return workflow.Verdict{}, err
	}
	in, err := r.position(p.Cursor)
	if err != nil {
		return workflow.Verdict{}, err
	}
	b, more, err := r.draft(in, p)
	if err != nil {
		r.close()
		var bad dump.ContentError
		if errors.As(err, &bad) {
			return p.fail(apierr.New(apierr.MiroirDumpUnsupported, "%s", sentence(err.Error())))
		}
		var wrong *apierr.Error
		if errors.As(err, &wrong) {
			return p.fail(wrong)
		}
		return workflow.Verdict{}, err
	}
	if b.count.Documents > 0 {
		uid, err := r.send(ctx, p, b)
		if err != nil {
			r.close()
			var refused *apierr.Error
			if errors.As(err, &refused) {
				return r.stopped(p, b.index.Target, refused, nil)
			}
			return workflow.Verdict{}, err
		}
		p.Open = append(p.Open, Batch{uid, b.count})
		p.Batches++
	}
	p.Sent.add(b.count)
	p.Cursor, p.Offset = b.cursor, in.docs.Offset()
	p.reject(b)
	r.Metrics.documents.Add(float64(b.count.Documents))
	if now := time.Now(); !r.lastBatch.IsZero() {
		r.Metrics.rate.Set(float64(b.count.Documents) / now.Sub(r.lastBatch).Seconds())
	}
	r.lastBatch = time.Now()
	if more {
		return workflow.Enter(phaseStream)
	}
	return workflow.Enter(phaseFinish)
}

func (p *Progress) reject(b draft) {
	p.Rejected += b.skip
	p.Rejections = append(p.Rejections, b.reject...)
	p.Rejections = p.Rejections[:min(len(p.Rejections), maxRejections)]
}

// draft reads documents of one index until a batch is full. It depends on nothing but the file and where it begins. more is
// false at the end of the file.
func (r *run) draft(in *reader, p *Progress) (b draft, more bool, err error) {
	var name string
	var ix PlannedIndex
	wanted := false
	b.cursor = in.at
	for {
		d, err := in.next()
		if errors.Is(err, io.EOF) {
			return b, false, nil
		}
		if err != nil {
			return b, false, err
		}
		if d.Index != name { // the documents of an index stand together
			name = d.Index
			ix, wanted = p.planned(name)
		}
		if !wanted {
			in.take()
			b.cursor = in.at
			continue
		}
		full := b.count.Documents > 0 && (ix.UID != b.index.UID || len(b.body)+len(d.Raw) > r.Limits.BatchBytes)
		if full || b.count.Documents == int64(r.Limits.Batch) {
			return b, true, nil
		}
		b.index = ix
		if code, reason := add(&b, d, *ix.PrimaryKey); reason != "" {
			told := d.Fail(reason).Error()
			if p.Options.Bad == BadFail {
				return b, false, apierr.New(code, "%s", sentence(told))
			}
			r.Metrics.rejected.WithLabelValues(string(code)).Inc()
			b.skip++
			b.reject = append(b.reject, told)
		}
		in.take()
		b.cursor = in.at
	}
}

// planned finds an index of the dump in the plan.
func (p *Progress) planned(uid string) (PlannedIndex, bool) {
	for _, ix := range p.Plan.Indexes {
		if ix.UID == uid {
			return ix, ix.PrimaryKey != nil
		}
	}
	return PlannedIndex{}, false
}

// add puts a document into a batch, or says why it can not be written. Reasons hold nothing of the document.
func add(b *draft, d dump.Document, primaryKey string) (code apierr.Code, reason string) {
	if d.Raw[0] != '{' || meili.CheckJSON(d.Raw) != nil {
		return apierr.MalformedPayload, "the document is no JSON object"
	}
	if _, e := meili.FindID(d.Raw, primaryKey); e != nil {
		return e.Code, "the document has no id, or one that can not be used"
	}
	if bytes.Contains(d.Raw, []byte(nodeapi.ReservedPrefix)) {
		b.body = rawjson.AppendWithout(b.body, d.Raw, reserved)
	} else {
		b.body = append(b.body, d.Raw...)
	}
	b.body = append(b.body, '\n')
	b.count.add(Count{1, int64(len(d.Raw)) + 1})
	return "", ""
}

// reserved finds members that another Miroir left in a document.
func reserved(k, _ []byte) bool {
	name, ok := rawjson.Unquote(k)
	return ok && nodeapi.IsReserved(name)
}

// mark is the custom metadata of a batch's task: it tells whether the batch was sent.
func (r *run) mark(batch uint64) string {
	return fmt.Sprintf("%s:%s:%s:%d", KindName, r.job.ID, r.job.Run, batch)
}

// send sends a batch, unless it was sent already, and returns the uid of its task.
func (r *run) send(ctx context.Context, p *Progress, b draft) (uint32, error) {
	const first, longest = 100 * time.Millisecond, 5 * time.Second
	mark := r.mark(p.Batches)
	q := url.Values{"primaryKey": {*b.index.PrimaryKey}, "customMetadata": {mark}}
	path := "/indexes/" + url.PathEscape(b.index.place()) + "/documents?" + q.Encode()
	for pause := first; ; pause = min(2*pause, longest) {
		if uid, found := r.sent(mark); found {
			return uid, nil
		}
		uid, err := r.Ingress.enqueue(ctx, http.MethodPost, path, "application/x-ndjson", b.body)
		if err == nil {
			// From here on a task that the cache does not know is one that is over and forgotten.
			_, err = r.Tasks.Wait(ctx, uid, func(task.Record) bool { return true })
			return uid, err
		}
		if !errors.Is(err, errUnanswered) {
			return 0, err
		}
		r.Metrics.retries.Inc()
		r.Log.Warn().Err(err).Str("job_id", r.job.ID).Msg("batch of an import not accepted, trying again")
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// sent looks for the task of a batch. One that failed for want of a quorum was told to be sent again.
func (r *run) sent(mark string) (uid uint32, found bool) {
	r.Tasks.Each(false, func(t *task.Record) bool {
		if t.CustomMetadata == nil || *t.CustomMetadata != mark || t.Error != nil && t.Error.Code == apierr.MiroirNoQuorum {
			return true
		}
		uid, found = t.UID, true
		return false
	})
	return uid, found
}

// await waits until at most so many batches are open. The error is the one that a task failed with.
func (r *run) await(ctx context.Context, p *Progress, most int) (*apierr.Error, error) {
	for len(p.Open) > 0 {
		oldest := p.Open[0]
		t, known := r.Tasks.Get(oldest.Task)
		if known && !t.Done() {
			if len(p.Open) <= most {
				return nil, nil
			}
			var err error
			if t, err = r.Tasks.Wait(ctx, oldest.Task, func(t task.Record) bool { return t.Done() }); err != nil {
				return nil, err
			}
		}
		if known { // a task that is gone was finished long ago
			if e := failureOf(t); e != nil {
				return e, nil
			}
		}
		p.Open = p.Open[1:]
		p.Written.add(oldest.Count)
	}
	return nil, nil
}
