package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/sidecar/dispatch"
	"github.com/miroir-search/miroir/sidecar/fence"
	"github.com/miroir-search/miroir/sidecar/guard"
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
	kind     guard.Kind // of the operations on documents; 0 when there are none to remember
	ids      [][]byte   // to delete, as they stand in the body
	count    int        // shards of the index, with ids
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
		if j.leg.Dispatch == "" {
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
		if err := s.Replica.Found(j.leg.Dispatch, out.TaskUID); err != nil {
			return err
		}
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
