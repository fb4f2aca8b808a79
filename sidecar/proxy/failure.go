package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/ensure"
	"github.com/miroir-search/miroir/sidecar/fence"
	"github.com/miroir-search/miroir/sidecar/filter"
	"github.com/miroir-search/miroir/sidecar/journal"
	"github.com/miroir-search/miroir/sidecar/replica"
	"github.com/miroir-search/miroir/sidecar/stamp"
	"github.com/miroir-search/miroir/sidecar/transfer"
)

// errPlacement says that the node does not hold what the leg asks for, by the newest view that could be waited for.
var errPlacement = errors.New("the node does not hold the shards of the leg")

// errTooLarge says that a body is larger than any client may send.
var errTooLarge = errors.New("body too large")

// fail turns an error into the answer. When bytes of an answer were sent already the connection is cut, so that nobody
// takes half an answer for a whole one. A client that gets the answer as it is learns that its shards can not be read; what
// only sender and sidecar understand is not for it.
func (s *Server) fail(w *recorder, r *http.Request, leg nodeapi.Leg, err error) {
	if w.status != 0 {
		s.Log.Warn().Ctx(r.Context()).Err(err).Msg("answer broken off")
		panic(http.ErrAbortHandler)
	}
	if errors.Is(err, engine.ErrUnreachable) && r.Context().Err() == nil {
		s.Probe.Suspect()
	}
	e := convert(err)
	if leg.Routed && e.Type == apierr.TypeSystem {
		e = apierr.Uncovered(shardmap.FormatRanges(leg.Shards))
	}
	s.refuse(w, e)
}

// convert maps an error of any package of the sidecar to what travels.
func convert(err error) *apierr.Error {
	var reserved filter.ReservedError
	var known *apierr.Error
	var answer *engine.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &reserved):
		return apierr.New(apierr.MiroirReservedField, "%s", reserved.Error())
	case errors.Is(err, stamp.ErrReserved):
		return apierr.New(apierr.MiroirReservedField, "A document carries a reserved field.")
	case errors.Is(err, stamp.ErrWrongShard):
		return internal(http.StatusBadRequest, nodeapi.CodeWrongShard, stamp.ErrWrongShard)
	case errors.Is(err, stamp.ErrLine), errors.Is(err, stamp.ErrTooLong):
		return apierr.New(apierr.MalformedPayload, "The document leg is malformed.")
	case errors.Is(err, fence.ErrStaleEpoch):
		return internal(http.StatusConflict, nodeapi.CodeStaleEpoch, fence.ErrStaleEpoch)
	case errors.Is(err, fence.ErrFenced):
		return internal(http.StatusServiceUnavailable, nodeapi.CodeFenced, fence.ErrFenced)
	case errors.Is(err, hlc.ErrSkew):
		return internal(http.StatusServiceUnavailable, nodeapi.CodeClockSkew, hlc.ErrSkew)
	case errors.Is(err, journal.ErrStale):
		return internal(http.StatusServiceUnavailable, nodeapi.CodeStaleStamp, journal.ErrStale)
	case errors.Is(err, replica.ErrUnordered):
		return internal(http.StatusServiceUnavailable, nodeapi.CodeStaleStamp, replica.ErrUnordered)
	case errors.Is(err, transfer.ErrDirty):
		return internal(http.StatusConflict, nodeapi.CodeDirtySource, transfer.ErrDirty)
	case errors.Is(err, transfer.ErrQuery):
		return apierr.New(apierr.BadRequest, "The question is malformed.")
	case errors.Is(err, transfer.ErrNoIndex):
		return internal(http.StatusConflict, nodeapi.CodeStalePlacement, transfer.ErrNoIndex)
	case errors.Is(err, errPlacement), errors.Is(err, ensure.ErrNotPlaced):
		return internal(http.StatusConflict, nodeapi.CodeStalePlacement, errPlacement)
	case errors.Is(err, errTooLarge):
		return apierr.New(apierr.PayloadTooLarge, "The provided payload reached the size limit.")
	case errors.Is(err, ensure.ErrNotReady):
		return internal(http.StatusServiceUnavailable, "index_not_ready", ensure.ErrNotReady)
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return internal(http.StatusGatewayTimeout, "engine_timeout", errors.New("the engine did not answer in time"))
	case errors.Is(err, engine.ErrUnreachable) && notDialed(err):
		return internal(http.StatusBadGateway, nodeapi.CodeEngineDown, errors.New("no connection to the engine"))
	case errors.Is(err, engine.ErrUnreachable):
		return internal(http.StatusBadGateway, "engine_unreachable", engine.ErrUnreachable)
	case errors.As(err, &answer):
		return internal(http.StatusBadGateway, "engine_refused", answer)
	}
	return internal(http.StatusInternalServerError, string(apierr.MiroirInternal), errors.New("the sidecar failed"))
}

// notDialed says that no connection to the engine came about.
func notDialed(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// internal is an error that only travels between sidecar and sender.
func internal(status int, code string, err error) *apierr.Error {
	e := apierr.New(apierr.Code(code), "%s", err.Error())
	e.Status, e.Type = status, apierr.TypeSystem
	return e
}

// refuse sends an error.
func (s *Server) refuse(w http.ResponseWriter, e *apierr.Error) {
	body := e.JSON()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Status)
	_, _ = w.Write(body) // the caller may be gone
}
