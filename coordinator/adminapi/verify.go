package adminapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow/antientropy"
	"github.com/miroir-search/miroir/internal/apierr"
)

// Passes has the copies of shards compared; *antientropy.AntiEntropy does.
type Passes interface {
	Request(ctx context.Context, in antientropy.Input) (antientropy.Status, error)
	Status(ctx context.Context, id string) (antientropy.Status, error)
	List(ctx context.Context) ([]antientropy.Status, error)
	Schedule() antientropy.Schedule
	Repairs(ctx context.Context, index string, since time.Time, limit int) (antientropy.Log, error)
}

// verify has copies compared. Nothing is repaired unless the body says so.
func (s *Server) verify(w http.ResponseWriter, r *http.Request) *apierr.Error {
	return s.pass(w, r, func(*antientropy.Input) {})
}

// runAntiEntropy has a pass made like those of the schedule.
func (s *Server) runAntiEntropy(w http.ResponseWriter, r *http.Request) *apierr.Error {
	return s.pass(w, r, func(in *antientropy.Input) { in.Repair = s.Passes.Schedule().Repairs })
}

func (s *Server) pass(w http.ResponseWriter, r *http.Request, shape func(*antientropy.Input)) *apierr.Error {
	var in antientropy.Input
	if r.ContentLength != 0 {
		if e := decode(w, r, &in); e != nil {
			return e
		}
	}
	shape(&in)
	status, err := s.Passes.Request(r.Context(), in)
	var known *apierr.Error
	if errors.As(err, &known) {
		return known
	}
	if e := stateError(err, ""); e != nil {
		return e
	}
	return answerWith(w, http.StatusAccepted, status)
}

func (s *Server) verifyStatus(w http.ResponseWriter, r *http.Request) *apierr.Error {
	id := strings.TrimPrefix(r.PathValue("id"), antientropy.KindName+".")
	status, err := s.Passes.Status(r.Context(), id)
	if e := stateError(err, "There was no such pass."); e != nil {
		return e
	}
	return answer(w, status)
}

func (s *Server) listPasses(w http.ResponseWriter, r *http.Request) *apierr.Error {
	list, err := s.Passes.List(r.Context())
	if e := stateError(err, ""); e != nil {
		return e
	}
	return answer(w, struct {
		Results []antientropy.Status `json:"results"`
	}{list})
}

// antiEntropy tells the schedule, and how its last passes went.
func (s *Server) antiEntropy(w http.ResponseWriter, r *http.Request) *apierr.Error {
	list, err := s.Passes.List(r.Context())
	if e := stateError(err, ""); e != nil {
		return e
	}
	return answer(w, struct {
		antientropy.Schedule
		Passes []antientropy.Status `json:"passes"`
	}{s.Passes.Schedule(), list})
}

// repairs tells what passes have repaired.
func (s *Server) repairs(w http.ResponseWriter, r *http.Request) *apierr.Error {
	limit, _, e := page(r)
	if e != nil {
		return e
	}
	var since time.Time
	if text := r.URL.Query().Get("since"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return apierr.New(apierr.MiroirConfigInvalid, "`since` must be a time like `2026-11-26T02:00:00Z`.")
		}
	}
	log, err := s.Passes.Repairs(r.Context(), r.URL.Query().Get("index"), since, limit)
	var known *apierr.Error
	if errors.As(err, &known) {
		return known
	}
	if e := stateError(err, ""); e != nil {
		return e
	}
	return answer(w, log)
}
