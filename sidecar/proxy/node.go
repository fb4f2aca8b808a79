package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/sidecar/edition"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/strip"
)

// maxAsked bounds the dispatches of one question.
const maxAsked = 10_000

// health answers without a key: 200 while the engine's probe is good.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if r, _ := s.Probe.Report(); !r.OK || !s.Dispatches.Ready() {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("engine not available\n"))
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// status tells about the sidecar and its node.
func (s *Server) status(w http.ResponseWriter, _ *http.Request, _ nodeapi.Leg) error {
	r, _ := s.Probe.Report()
	return sendJSON(w, nodeapi.Status{
		Node: s.Node, Group: s.Group, Epoch: s.Views.View().Epoch, Fence: s.Fence.Epoch(), EngineOK: r.OK,
		EngineVersion: r.Version, StartedAt: s.Started,
	})
}

// dispatches tells what became of writes, and waits for their ends if it is asked to.
func (s *Server) dispatches(w http.ResponseWriter, r *http.Request, leg nodeapi.Leg) error {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	var ids []string
	if list := r.URL.Query().Get("ids"); list != "" {
		ids = strings.Split(list, ",")
	}
	if len(ids) > maxAsked {
		return apierr.New(apierr.BadRequest, "Too many dispatch ids.")
	}
	var patience uint64
	if v := r.URL.Query().Get("wait_ms"); v != "" {
		var err error
		if patience, err = strconv.ParseUint(v, 10, 16); err != nil {
			return apierr.New(apierr.BadRequest, "The time to wait is malformed.")
		}
	}
	found, err := s.Dispatches.Await(ctx, ids, time.Duration(patience)*time.Millisecond) //nolint:gosec // 16 bits
	if err != nil {
		return err
	}
	if !leg.Raw {
		v := s.Views.View()
		for i := range found {
			if len(found[i].Task) == 0 {
				continue
			}
			own := indexOf(found[i].Task)
			if found[i].Task, err = strip.Bytes(found[i].Task, strip.Task, names(v, leg, own)); err != nil {
				return err
			}
			found[i].Task = edition.Unshift(found[i].Task)
		}
	}
	return sendJSON(w, nodeapi.Dispatches{Dispatches: found})
}

// indexOf is the index that a task names.
func indexOf(task []byte) string {
	var t engine.Task
	if json.Unmarshal(task, &t) != nil || t.IndexUID == nil {
		return ""
	}
	return *t.IndexUID
}

func sendJSON(w http.ResponseWriter, v any) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return send(w, http.StatusOK, body.Bytes())
}

func isIndexNotFound(err error) bool { return engine.Is(err, engine.CodeIndexNotFound) }
