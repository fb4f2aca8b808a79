package replica

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/miroir-search/miroir/sidecar/dispatch"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

const (
	sendTimeout = time.Minute
	maxAnswer   = 1 << 20
	bodyType    = "application/x-ndjson"
	idsType     = "application/json"
)

// ErrGone says that the view has no such index any more.
var ErrGone = errors.New("the index left the catalog")

// batch is a task of this node's own making.
type batch struct {
	index  string
	kind   guard.Kind // of what the engine gets
	ids    [][]byte   // of the documents to delete
	bodies [][]byte   // of those to write
	parts  []part     // what it does, for the journal
}

// way is what an operation does, and how it came to this node.
type way struct {
	kind guard.Kind
	via  journal.Via
}

// part are operations of one kind that came one way.
type part struct {
	way
	ops []journal.Op
}

// Write gives documents, or deletions, that another replica has to the engine. The task is the engine's.
func (r *Replica) Write(ctx context.Context, index string, kind guard.Kind, ops []journal.Op) (task uint32, err error) {
	b := batch{index: index, kind: kind, parts: []part{{way{kind, journal.Copied}, ops}}}
	for _, op := range ops {
		b.put(op.ID, op.Body)
	}
	_, task, err = r.send(ctx, b)
	return task, err
}

// put adds what the engine gets of one document.
func (b *batch) put(id, body []byte) {
	if b.kind == guard.Delete {
		b.ids = append(b.ids, id)
		return
	}
	b.bodies = append(b.bodies, body)
}

// send journals a batch and gives it to the engine. write is its dispatch id, the task is the engine's. While the engine is away
// nothing is journaled for it, or every try would leave something.
func (r *Replica) send(ctx context.Context, b batch) (write string, task uint32, err error) {
	ix, ok := r.Views.View().Physical[b.index]
	if !ok {
		return "", 0, ErrGone
	}
	if err := r.Engine.Health(ctx); err != nil {
		return "", 0, err
	}
	write = r.Name()
	leg := &Leg{r: r, header: journal.Leg{Index: b.index, Write: write}}
	for _, p := range b.parts {
		if err = leg.add(journal.Leg{Index: b.index, Stamp: r.Clock.Next(), Kind: p.kind, Via: p.via, Write: write}, p.ops); err != nil {
			break
		}
	}
	if err == nil {
		err = leg.End()
	}
	if err != nil {
		return "", 0, errors.Join(err, leg.Discard())
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	out, err := r.Dispatches.Do(ctx, write, nil, func(ctx context.Context) (dispatch.Outcome, error) {
		return r.post(ctx, b, ix.PrimaryKey, write)
	})
	switch {
	case errors.Is(err, dispatch.ErrUncertain):
		leg.Doubt()
		return "", 0, err
	case err != nil:
		return "", 0, errors.Join(err, leg.Discard())
	}
	return write, out.TaskUID, leg.Enqueued(out.TaskUID)
}

// add begins a part and gives it all its operations.
func (l *Leg) add(header journal.Leg, ops []journal.Op) error {
	if err := l.part(header); err != nil {
		return err
	}
	w := l.parts[len(l.parts)-1]
	for _, op := range ops {
		if err := w.Add(op); err != nil {
			return err
		}
	}
	return nil
}

// Name is a dispatch id for a write that came without one, or is of this node's own making. No client's write has one
// like it.
func (r *Replica) Name() string {
	return "miroir-" + strconv.FormatUint(uint64(r.Clock.Next()), 36)
}

// post makes one task of the engine.
func (r *Replica) post(ctx context.Context, b batch, key, write string) (dispatch.Outcome, error) {
	method, path, kind := http.MethodPost, "/documents", bodyType
	q := url.Values{"customMetadata": {write}}
	if key != "" {
		q.Set("primaryKey", key)
	}
	switch b.kind {
	case guard.Update:
		method = http.MethodPut
	case guard.Delete:
		path, kind = "/documents/delete-batch", idsType
		q.Del("primaryKey")
	}
	body, err := b.body()
	if err != nil {
		return dispatch.Outcome{}, err
	}
	req, err := r.Engine.Request(ctx, method, "/indexes/"+url.PathEscape(b.index)+path+"?"+q.Encode(), bytes.NewReader(body))
	if err != nil {
		return dispatch.Outcome{}, err
	}
	req.Header.Set("Content-Type", kind)
	res, err := r.Engine.Do(req)
	if err != nil {
		return dispatch.Outcome{}, errors.Join(dispatch.ErrUncertain, err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return dispatch.Outcome{}, errors.Join(dispatch.ErrUncertain, engine.ErrUnreachable, err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		e := &engine.Error{Status: res.StatusCode}
		_ = json.Unmarshal(answer, e) // an answer without a code is told by its status
		return dispatch.Outcome{}, e
	}
	var e engine.Enqueued
	if err := json.Unmarshal(answer, &e); err != nil {
		return dispatch.Outcome{}, fmt.Errorf("engine answer to a batch: %w", err)
	}
	return dispatch.Outcome{TaskUID: e.TaskUID, Answer: answer}, nil
}

// body is what the engine gets.
func (b batch) body() ([]byte, error) {
	if b.kind != guard.Delete {
		return bytes.Join(b.bodies, nil), nil
	}
	ids := make([]string, len(b.ids))
	for i, id := range b.ids {
		ids[i] = string(id)
	}
	return json.Marshal(ids)
}

// taskUID reads the number of an engine's task object.
func taskUID(object []byte) (uint32, error) {
	var t engine.Task
	if err := json.Unmarshal(object, &t); err != nil {
		return 0, fmt.Errorf("engine task: %w", err)
	}
	return t.UID, nil
}
