package proxy

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// stepTimeout bounds one step of a repair: a whole shard at worst.
const stepTimeout = 15 * time.Minute

// question reads the JSON body of a request about transfers.
func question[Q any](r *http.Request) (q Q, err error) {
	body, err := readBody(r)
	if err != nil {
		return q, err
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return q, apierr.New(apierr.BadRequest, "The question is no valid JSON.")
	}
	return q, nil
}

func (s *Server) changes(w http.ResponseWriter, r *http.Request, _ nodeapi.Leg) error {
	q, err := question[nodeapi.ChangesQuery](r)
	if err != nil {
		return err
	}
	c, err := s.Source.Changes(q)
	if err != nil {
		return err
	}
	return sendJSON(w, c)
}

// lines serves a question whose answer is a list of lines.
func lines[Q any](write func(ctx context.Context, w io.Writer, q Q) error) serve {
	return func(w http.ResponseWriter, r *http.Request, _ nodeapi.Leg) error {
		q, err := question[Q](r)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), stepTimeout)
		defer cancel()
		w.Header().Set("Content-Type", nodeapi.ListsType)
		return write(ctx, w, q)
	}
}

// document serves a question whose answer is one JSON object.
func document[Q, A any](answer func(ctx context.Context, q Q) (A, error)) serve {
	return func(w http.ResponseWriter, r *http.Request, _ nodeapi.Leg) error {
		q, err := question[Q](r)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), stepTimeout)
		defer cancel()
		a, err := answer(ctx, q)
		if err != nil {
			return err
		}
		return sendJSON(w, a)
	}
}

// task serves a question that makes this node do something, once. It ends when the one who asked for it goes away: it is asked
// for again then.
func (s *Server) task(w http.ResponseWriter, r *http.Request, do func(ctx context.Context) (nodeapi.RepairResult, error)) error {
	ctx, cancel := context.WithTimeout(r.Context(), stepTimeout)
	defer cancel()
	out, err := do(ctx)
	if err != nil {
		s.Log.Warn().Ctx(ctx).Err(err).Msg("copies not repaired")
		return err
	}
	return sendJSON(w, out)
}

func (s *Server) repair(w http.ResponseWriter, r *http.Request, _ nodeapi.Leg) error {
	q, err := question[nodeapi.RepairStep](r)
	if err != nil {
		return err
	}
	return s.task(w, r, func(ctx context.Context) (nodeapi.RepairResult, error) { return s.Target.Step(ctx, q) })
}

func (s *Server) mend(w http.ResponseWriter, r *http.Request, _ nodeapi.Leg) error {
	q, err := question[nodeapi.Mend](r)
	if err != nil {
		return err
	}
	return s.task(w, r, func(ctx context.Context) (nodeapi.RepairResult, error) { return s.Target.Mend(ctx, q) })
}
