package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/miroir-search/miroir/coordinator/workflow/imports"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/dump"
)

// Imports takes dumps and imports them; *imports.Importer does.
type Imports interface {
	Open(ctx context.Context, size int64, fingerprint string, o imports.Options, resume bool) (imports.Status, error)
	Append(ctx context.Context, id string, offset int64, from io.Reader) (imports.Status, error)
	Receive(ctx context.Context, o imports.Options, from io.Reader) (imports.Status, error)
	Fetch(ctx context.Context, o imports.Options, from string) (imports.Status, error)
	Check(ctx context.Context, s *dump.Summary, o imports.Options) (imports.Plan, error)
	Status(ctx context.Context, id string) (imports.Status, error)
	List(ctx context.Context) ([]imports.Status, error)
	Cancel(ctx context.Context, id string) (imports.Status, error)
}

// announced is the body that announces a file: it comes in pieces afterwards, or is fetched from the URL.
type announced struct {
	Size        int64  `json:"size"`
	Fingerprint string `json:"fingerprint"`
	Resume      bool   `json:"resume"` // an import that was interrupted, and no new one
	URL         string `json:"url"`
}

// importDump begins an import. A JSON body announces the file or says where it is, any other body is the file.
func (s *Server) importDump(w http.ResponseWriter, r *http.Request) *apierr.Error {
	o, e := s.importOptions(r)
	if e != nil {
		return e
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var status imports.Status
	switch {
	case err == nil && media == "application/json":
		var a announced
		if e := decode(w, r, &a); e != nil {
			return e
		}
		if a.URL != "" {
			status, err = s.Imports.Fetch(r.Context(), o, a.URL)
			break
		}
		status, err = s.Imports.Open(r.Context(), a.Size, a.Fingerprint, o, a.Resume)
	case err == nil && media == "multipart/form-data" && params["boundary"] != "":
		var part io.Reader
		if part, e = filePart(r); e != nil {
			return e
		}
		status, err = s.Imports.Receive(r.Context(), o, part)
	default:
		status, err = s.Imports.Receive(r.Context(), o, r.Body)
	}
	return s.imported(w, r, http.StatusAccepted, status, err)
}

// filePart is the first file of a multipart body.
func filePart(r *http.Request) (io.Reader, *apierr.Error) {
	parts, err := r.MultipartReader()
	for err == nil {
		part, next := parts.NextPart()
		if next == nil && part.FileName() != "" {
			return part, nil
		}
		err = next
	}
	return nil, apierr.New(apierr.BadRequest, "The body has no file.")
}

// appendDump takes the next bytes of an announced file.
func (s *Server) appendDump(w http.ResponseWriter, r *http.Request) *apierr.Error {
	if e := s.importsServed(); e != nil {
		return e
	}
	offset, err := strconv.ParseInt(r.URL.Query().Get("offset"), 10, 64)
	if err != nil || offset < 0 {
		return apierr.New(apierr.BadRequest, "The parameter `offset` must be the number of bytes before this piece.")
	}
	status, err := s.Imports.Append(r.Context(), r.PathValue("id"), offset, r.Body)
	return s.imported(w, r, http.StatusOK, status, err)
}

// checkImport says what an import would do. The body is the summary of a dump.
func (s *Server) checkImport(w http.ResponseWriter, r *http.Request) *apierr.Error {
	o, e := s.importOptions(r)
	if e != nil {
		return e
	}
	var sum dump.Summary
	if e := decode(w, r, &sum); e != nil {
		return e
	}
	plan, err := s.Imports.Check(r.Context(), &sum, o)
	if err != nil {
		return s.importError(r.Context(), err)
	}
	return answer(w, plan)
}

func (s *Server) importStatus(w http.ResponseWriter, r *http.Request) *apierr.Error {
	if e := s.importsServed(); e != nil {
		return e
	}
	status, err := s.Imports.Status(r.Context(), r.PathValue("id"))
	return s.imported(w, r, http.StatusOK, status, err)
}

// cancelImport ends an import between two of its batches.
func (s *Server) cancelImport(w http.ResponseWriter, r *http.Request) *apierr.Error {
	if e := s.importsServed(); e != nil {
		return e
	}
	status, err := s.Imports.Cancel(r.Context(), r.PathValue("id"))
	return s.imported(w, r, http.StatusOK, status, err)
}

func (s *Server) listImports(w http.ResponseWriter, r *http.Request) *apierr.Error {
	if e := s.importsServed(); e != nil {
		return e
	}
	list, err := s.Imports.List(r.Context())
	if err != nil {
		return s.importError(r.Context(), err)
	}
	return answer(w, struct {
		Results []imports.Status `json:"results"`
	}{list})
}

func (s *Server) importOptions(r *http.Request) (imports.Options, *apierr.Error) {
	if e := s.importsServed(); e != nil {
		return imports.Options{}, e
	}
	return imports.ParseOptions(r.URL.Query())
}

func (s *Server) importsServed() *apierr.Error {
	if s.Imports == nil {
		return noFolder()
	}
	return nil
}

// imported answers with the state of an import, or with why there is none.
func (s *Server) imported(w http.ResponseWriter, r *http.Request, code int, status imports.Status, err error) *apierr.Error {
	if err != nil {
		return s.importError(r.Context(), err)
	}
	return answerWith(w, code, status)
}

// importError is an error of an import as the caller gets it. What it says beyond a refusal is for the log.
func (s *Server) importError(ctx context.Context, err error) *apierr.Error {
	var known *apierr.Error
	if errors.As(err, &known) {
		return known
	}
	s.Log.Warn().Ctx(ctx).Err(err).Msg("import request failed")
	return apierr.New(apierr.MiroirStateUnavailable, "The import can not go on right now. Try again later.")
}

// decode reads a JSON body of the common size.
func decode(w http.ResponseWriter, r *http.Request, into any) *apierr.Error {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxDecoded)).Decode(into); err != nil {
		return apierr.New(apierr.BadRequest, "The body is no JSON object of the expected kind.")
	}
	return nil
}
