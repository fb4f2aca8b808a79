package adminapi

import (
	"context"
	"errors"
	"io/fs"
	"net/http"

	"github.com/miroir-search/miroir/coordinator/workflow/dumps"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/task"
)

// Enqueuer records new tasks; *state.Client does.
type Enqueuer interface {
	NextTaskUID(ctx context.Context) (uint32, error)
	CreateTask(ctx context.Context, r task.Record) error
}

// createDump enqueues the task that POST /dumps enqueues.
func (s *Server) createDump(w http.ResponseWriter, r *http.Request) *apierr.Error {
	if e := s.dumpsServed(); e != nil {
		return e
	}
	uid, err := s.Enqueuer.NextTaskUID(r.Context())
	if err == nil {
		err = s.Enqueuer.CreateTask(r.Context(), task.NewDump(uid, s.Now()))
	}
	if e := stateError(err, ""); e != nil {
		return e
	}
	return enqueuedTask(w, uid)
}

// listDumps lists the dumps in this coordinator's folder.
func (s *Server) listDumps(w http.ResponseWriter, r *http.Request) *apierr.Error {
	if e := s.dumpsServed(); e != nil {
		return e
	}
	list, err := s.Dumps.List()
	if err != nil {
		s.Log.Error().Ctx(r.Context()).Err(err).Msg("dump folder not read")
		return apierr.New(apierr.IOError, "The folder for dumps can not be read.")
	}
	return answer(w, struct {
		Results []dumps.Dump `json:"results"`
	}{list})
}

// dumpContent sends a dump as a file. Ranges are served, so a download can go on where it broke.
func (s *Server) dumpContent(w http.ResponseWriter, r *http.Request) *apierr.Error {
	if e := s.dumpsServed(); e != nil {
		return e
	}
	uid := r.PathValue("uid")
	f, err := s.Dumps.Open(uid)
	if errors.Is(err, fs.ErrNotExist) {
		return apierr.New(apierr.MiroirNotFound, "There is no such dump in this coordinator's folder.")
	}
	if err != nil {
		s.Log.Error().Ctx(r.Context()).Err(err).Msg("dump not opened")
		return apierr.New(apierr.IOError, "The dump can not be read.")
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return apierr.New(apierr.IOError, "The dump can not be read.")
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+uid+`.dump"`)
	w.Header().Set("Cache-Control", "no-store")
	http.ServeContent(w, r, "", info.ModTime(), f)
	return nil
}

func (s *Server) dumpsServed() *apierr.Error {
	if s.Dumps == "" {
		return noFolder()
	}
	return nil
}

func noFolder() *apierr.Error {
	return apierr.New(apierr.MiroirRouteUnsupported, "This coordinator has no folder for dumps; see `--dump-dir`.")
}
