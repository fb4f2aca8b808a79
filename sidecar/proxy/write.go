package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/sidecar/dispatch"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/fence"
	"github.com/miroir-search/miroir/sidecar/filter"
	"github.com/miroir-search/miroir/sidecar/holding"
	"github.com/miroir-search/miroir/sidecar/span"
	"github.com/miroir-search/miroir/sidecar/stamp"
	"github.com/miroir-search/miroir/sidecar/strip"
)

// refused carries an answer of the engine that is no success out of a dispatch, which must not remember it.
type refused struct{ res *http.Response }

func (refused) Error() string { return "engine refused the write" }

// job is one write on its way.
type job struct {
	route    route
	leg      nodeapi.Leg
	req      *http.Request
	physical string
	view     *routing.View
	send     request
	stream   *stamp.Reader
}

// write serves every class of writes.
func (s *Server) write(rt route) serve {
	return func(w http.ResponseWriter, r *http.Request, leg nodeapi.Leg) error {
		// A write that the engine has all of is finished even when its sender gave up: the next attempt finds it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), writeTimeout)
		defer cancel()
		if err := leg.Stamp.Check(time.Now()); err != nil {
			s.Metrics.Refused.WithLabelValues("clock_skew").Inc()
			return err
		}
		j := &job{route: rt, leg: leg, req: r, physical: r.PathValue("uid"), view: s.Views.View(), send: requestOf(r, nil)}
		if err := s.prepare(ctx, j); err != nil {
			return err
		}
		// Fenced at the last moment: preparing may have waited.
		if err := s.Fence.Write(j.physical, leg.Epoch); err != nil {
			s.Metrics.Refused.WithLabelValues(reasonOf(err)).Inc()
			return err
		}
		if leg.Dispatch == "" {
			res, err := s.transmit(ctx, j)
			if err != nil {
				return err
			}
			return answer(w, res, kindFor(rt.kind, leg), names(j.view, leg, j.physical))
		}
		return s.dispatch(ctx, w, j)
	}
}

func reasonOf(err error) string {
	if errors.Is(err, fence.ErrFenced) {
		return "fenced"
	}
	return "stale_epoch"
}

// dispatch sends a write through the table of dispatches.
func (s *Server) dispatch(ctx context.Context, w http.ResponseWriter, j *job) error {
	out, err := s.Dispatches.Do(ctx, j.leg.Dispatch, s.adoption(j), func(ctx context.Context) (dispatch.Outcome, error) {
		return s.enqueue(ctx, j)
	})
	var no refused
	switch {
	case errors.As(err, &no):
		return answer(w, no.res, strip.Opaque, names(j.view, j.leg, j.physical))
	case err != nil:
		return err
	}
	body := out.Answer
	if body == nil {
		if body, err = s.retell(ctx, out.TaskUID); err != nil {
			return err
		}
	}
	if kind := kindFor(j.route.kind, j.leg); kind != strip.Opaque {
		if body, err = strip.Bytes(body, kind, names(j.view, j.leg, j.physical)); err != nil {
			return fmt.Errorf("strip answer: %w", err)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	return send(w, http.StatusAccepted, body)
}

// enqueue sends the write and reads which task became of it.
func (s *Server) enqueue(ctx context.Context, j *job) (dispatch.Outcome, error) {
	res, err := s.transmit(ctx, j)
	if err != nil {
		return dispatch.Outcome{}, err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return dispatch.Outcome{}, refused{res}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxError))
	if err != nil {
		return dispatch.Outcome{}, errors.Join(dispatch.ErrUncertain, engine.ErrUnreachable, err)
	}
	var e engine.Enqueued
	if err := json.Unmarshal(body, &e); err != nil {
		return dispatch.Outcome{}, fmt.Errorf("engine answer to a write: %w", err)
	}
	return dispatch.Outcome{TaskUID: e.TaskUID, Answer: body}, nil
}

// transmit sends the write. An error says ErrUncertain when the engine may have taken it.
func (s *Server) transmit(ctx context.Context, j *job) (*http.Response, error) {
	var stream io.Reader
	if j.stream != nil {
		stream = j.stream
	}
	res, err := s.call(ctx, j.send, stream)
	if j.stream != nil {
		s.Metrics.Documents.Add(float64(j.stream.Documents()))
		s.Metrics.Bytes.Add(float64(j.stream.Bytes()))
		if bad := j.stream.Err(); bad != nil {
			if res != nil {
				_ = res.Body.Close()
			}
			if errors.Is(bad, stamp.ErrWrongShard) {
				s.Metrics.Refused.WithLabelValues("wrong_shard").Inc()
			} else if errors.Is(bad, stamp.ErrReserved) {
				s.Metrics.Refused.WithLabelValues("reserved").Inc()
			}
			return nil, bad // the engine saw no end of the body and takes none of it
		}
	}
	if err != nil && !neverSent(err) {
		return nil, errors.Join(dispatch.ErrUncertain, err)
	}
	return res, err
}

// neverSent says that no connection to the engine came about.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// retell writes the answer to a write whose task is known, as the engine gave it then.
func (s *Server) retell(ctx context.Context, uid uint32) ([]byte, error) {
	t, err := s.Engine.Task(ctx, uid)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		TaskUID        uint32    `json:"taskUid"`
		IndexUID       *string   `json:"indexUid"`
		Status         string    `json:"status"`
		Type           string    `json:"type"`
		EnqueuedAt     time.Time `json:"enqueuedAt"`
		CustomMetadata *string   `json:"customMetadata,omitempty"`
	}{t.UID, t.IndexUID, "enqueued", t.Type, t.EnqueuedAt, t.CustomMetadata})
}

// adoption finds the task of an index creation or deletion by type and index alone: a physical name is made and
// deleted only once.
func (s *Server) adoption(j *job) func(context.Context) (uint32, bool, error) {
	var kind string
	switch j.route.class {
	case creates:
		kind = "indexCreation"
	case removes:
		kind = "indexDeletion"
	default:
		return nil
	}
	return func(ctx context.Context) (uint32, bool, error) {
		t, ok, err := s.Engine.LatestTask(ctx, j.physical, kind, []string{"enqueued", "processing", "succeeded"}, false)
		return t.UID, ok, err
	}
}

// prepare checks a write by its class and readies its request.
func (s *Server) prepare(ctx context.Context, j *job) error {
	switch j.route.class {
	case enqueues, removes:
		return s.whole(j)
	case creates:
		return s.prepareCreation(ctx, j)
	case alters:
		return s.prepareAlteration(ctx, j)
	}
	if j.leg.Raw && j.leg.Count == 0 {
		s.tag(j, nil)
		return s.whole(j)
	}
	t, err := s.locate(ctx, j.physical, j.leg, func(h *holding.Holding) bool { return len(h.Held) > 0 && h.Holds(j.leg.Shards) })
	if err != nil {
		return err
	}
	j.view = t.view
	if err := s.Keeper.Ensure(ctx, t.ix); err != nil {
		return err
	}
	keep := url.Values{}
	switch j.route.class {
	case adds:
		err = s.prepareDocuments(j, t, keep)
	case deletes:
		err = s.prepareDeletion(j, t)
	case selects:
		err = s.prepareSelection(j, t)
	default:
		err = s.whole(j)
	}
	s.tag(j, keep)
	return err
}

// whole takes the body as it is.
func (s *Server) whole(j *job) (err error) {
	j.send.body, err = readBody(j.req)
	return err
}

// tag sets the parameters that the engine gets: those in keep, and the dispatch id. nil keeps the caller's own.
func (s *Server) tag(j *job, keep url.Values) {
	if keep == nil {
		keep = j.req.URL.Query()
	}
	if j.route.metadata && j.leg.Dispatch != "" {
		keep.Set("customMetadata", j.leg.Dispatch)
	}
	j.send.path = j.req.URL.EscapedPath()
	if len(keep) > 0 {
		j.send.path += "?" + keep.Encode()
	}
}

func (s *Server) prepareCreation(_ context.Context, j *job) error {
	if err := s.whole(j); err != nil {
		return err
	}
	var in struct {
		UID string `json:"uid"`
	}
	_ = json.Unmarshal(j.send.body, &in) // the engine refuses what is no such object
	j.physical = in.UID
	return nil
}

// prepareAlteration makes sure that an index placed here exists before its settings change, for the engine would
// otherwise create it without a primary key.
func (s *Server) prepareAlteration(ctx context.Context, j *job) error {
	if ix, ok := j.view.Physical[j.physical]; ok && len(s.Book.In(j.view, ix).Held) > 0 {
		if err := s.Keeper.Ensure(ctx, ix); err != nil {
			return err
		}
	}
	return s.whole(j)
}

// prepareDocuments streams a document leg through the stamp.
func (s *Server) prepareDocuments(j *job, t target, keep url.Values) error {
	if ct := j.req.Header.Get("Content-Type"); ct != nodeapi.DocumentsType {
		return apierr.New(apierr.InvalidContentType, "Documents reach a node as "+nodeapi.DocumentsType+" only.")
	}
	if j.leg.Count == 0 {
		return errNoShards()
	}
	key := j.leg.PrimaryKey
	if key == "" {
		key = t.ix.PrimaryKey
	}
	if j.req.ContentLength == 0 {
		return prepareNone(j, key, keep)
	}
	if key == "" {
		return apierr.New(apierr.MiroirInvalidHeader, "A document leg must name the primary key.")
	}
	keep.Set("primaryKey", key)
	if v := j.req.URL.Query().Get("skipCreation"); v != "" {
		keep.Set("skipCreation", v)
	}
	j.stream = stamp.NewReader(j.req.Body, stamp.Leg{
		Shards: j.leg.Shards, Count: j.leg.Count, PrimaryKey: key, Stamp: j.leg.Stamp,
	})
	j.send.header = http.Header{"Content-Type": {"application/x-ndjson"}}
	return nil
}

// prepareNone sends a leg without documents: the engine then creates the index in its queue's order and takes the key.
func prepareNone(j *job, key string, keep url.Values) error {
	if key != "" {
		keep.Set("primaryKey", key)
	}
	j.send.body = []byte("[]")
	j.send.header = http.Header{"Content-Type": {"application/json"}}
	return nil
}

// prepareDeletion checks that the ids to delete belong to the leg's shards.
func (s *Server) prepareDeletion(j *job, t target) error {
	if err := s.whole(j); err != nil {
		return err
	}
	if j.leg.Count == 0 {
		return nil
	}
	mine := make([]bool, j.leg.Count)
	for _, shard := range j.leg.Shards {
		mine[shard] = true
	}
	check := func(id []byte) error {
		if len(id) > 0 && !mine[shardmap.ShardOf(id, t.ix.Shards)] {
			s.Metrics.Refused.WithLabelValues("wrong_shard").Inc()
			return stamp.ErrWrongShard
		}
		return nil
	}
	if id := j.req.PathValue("id"); id != "" {
		return check([]byte(id))
	}
	err := span.Elements(j.send.body, func(e []byte) error {
		if len(e) > 0 && e[0] == '"' {
			text, err := span.Text(e)
			if err != nil {
				return err
			}
			e = text
		}
		return check(e)
	})
	if errors.Is(err, span.ErrSyntax) {
		return nil // the engine says what is wrong with it
	}
	return err
}

// prepareSelection restricts a write by filter to the leg's shards.
func (s *Server) prepareSelection(j *job, t target) error {
	if err := s.whole(j); err != nil {
		return err
	}
	var clause filter.Clause
	if j.leg.Count > 0 {
		clause = s.clause(t, j.leg)
	}
	body, _, err := filter.Body(j.send.body, clause)
	if err != nil {
		return s.reserved(err)
	}
	j.send.body = body
	return nil
}
