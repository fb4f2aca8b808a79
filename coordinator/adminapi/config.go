package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/tuning"
)

// Tuning reads and changes the configuration of the running cluster; *state.Client does.
type Tuning interface {
	Tuning(ctx context.Context) (tuning.Live, error)
	SetTuning(ctx context.Context, patch json.RawMessage) (tuning.Live, error)
}

// configuration is what counts: how this coordinator was started, and what can be changed while everything runs.
type configuration struct {
	Coordinator any `json:"coordinator"`
	tuning.Live
	RestartRequired []string `json:"restart_required"`
}

func (s *Server) config(w http.ResponseWriter, r *http.Request) *apierr.Error {
	live, err := s.Tuning.Tuning(r.Context())
	if err != nil {
		return s.untuned(r.Context(), err)
	}
	return answer(w, configuration{s.Effective(), live, []string{}})
}

// configure takes a JSON merge patch. Gateways follow the record, so a change counts within a moment of the answer.
func (s *Server) configure(w http.ResponseWriter, r *http.Request) *apierr.Error {
	var patch json.RawMessage
	if e := decode(w, r, &patch); e != nil {
		return e
	}
	live, err := s.Tuning.SetTuning(r.Context(), patch)
	if err != nil {
		return s.untuned(r.Context(), err)
	}
	return answer(w, configuration{s.Effective(), live, []string{}})
}

func (s *Server) untuned(ctx context.Context, err error) *apierr.Error {
	if errors.Is(err, tuning.ErrInvalid) {
		return apierr.New(apierr.MiroirConfigInvalid, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	s.Log.Warn().Ctx(ctx).Err(err).Msg("configuration could not be read or written")
	return apierr.New(apierr.MiroirStateUnavailable, "The configuration can not be read or written right now. Try again later.")
}
