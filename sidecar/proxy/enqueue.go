package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/sidecar/dispatch"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/journal"
	"github.com/miroir-search/miroir/sidecar/replica"
	"github.com/miroir-search/miroir/sidecar/stamp"
)

// enqueue journals the write, sends it, and reads which task became of it.
func (s *Server) enqueue(ctx context.Context, j *job) (dispatch.Outcome, error) {
	leg, err := s.remember(ctx, j)
	if err != nil {
		return dispatch.Outcome{}, err
	}
	out, err := s.exchangeWrite(ctx, j)
	if leg == nil {
		return out, err
	}
	switch {
	case errors.Is(err, dispatch.ErrUncertain):
		leg.Doubt()
		return out, err
	case err != nil:
		return out, errors.Join(err, leg.Discard())
	}
	return out, leg.Enqueued(out.TaskUID)
}

// exchangeWrite sends the write. The error of an answer that is no success is refused.
func (s *Server) exchangeWrite(ctx context.Context, j *job) (dispatch.Outcome, error) {
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

// remember begins the leg of a write to documents. What newer operations have made void is taken out of the write; nil for
// a write that the journal does not care about.
func (s *Server) remember(ctx context.Context, j *job) (*replica.Leg, error) {
	if j.kind == 0 {
		return nil, nil
	}
	leg, err := s.Replica.Begin(ctx, j.physical, j.leg.Dispatch, j.leg.Stamp, j.kind)
	if err != nil {
		return nil, s.unordered(err)
	}
	switch {
	case j.stream != nil:
		err = s.throughJournal(j, leg)
	case j.ids != nil:
		err = deleteThroughJournal(j, leg)
	default:
		err = leg.End()
	}
	if err != nil {
		return nil, s.unordered(errors.Join(err, leg.Discard()))
	}
	return leg, nil
}

// throughJournal lets the documents of a stream pass the journal. A stream of which nothing is left becomes an empty list,
// for the engine takes no empty stream.
func (s *Server) throughJournal(j *job, leg *replica.Leg) error {
	j.stream.Through(leg)
	empty, err := j.stream.Empty()
	if err == nil && empty {
		j.stream = nil
		j.send.body = []byte("[]")
		j.send.header = http.Header{"Content-Type": {"application/json"}}
	}
	return err
}

// deleteThroughJournal lets the ids of a deletion pass the journal. All have the position 0: nodes get different ids of a write, and the
// version of a document's deletion must be the same on all of its copies. An id that comes twice counts once.
func deleteThroughJournal(j *job, leg *replica.Leg) error {
	var kept [][]byte
	taken := make(map[string]bool, len(j.ids)) // and whether the engine gets it
	for _, raw := range j.ids {
		id, err := idOf(raw)
		if err != nil {
			return err
		}
		keep := true
		if meili.ValidID(id) { // there is no document under another one
			known := false
			if keep, known = taken[string(id)]; !known {
				if keep, err = leg.Take(shardmap.ShardOf(id, j.count), id, 0, nil); err != nil {
					return err
				}
				taken[string(id)] = keep
			}
		}
		if keep {
			kept = append(kept, raw)
		}
	}
	if len(kept) < len(j.ids) {
		j.send.method, j.send.body = http.MethodPost, append(append([]byte{'['}, bytes.Join(kept, []byte{','})...), ']')
		if id := j.req.PathValue("id"); id != "" {
			j.send.path = "/indexes/" + url.PathEscape(j.physical) + "/documents/delete-batch?customMetadata=" + url.QueryEscape(j.leg.Dispatch)
		}
		j.send.header = http.Header{"Content-Type": {"application/json"}}
	}
	return leg.End()
}

// unordered counts a write that can not be put in order on its way out.
func (s *Server) unordered(err error) error {
	if errors.Is(err, journal.ErrStale) || errors.Is(err, replica.ErrUnordered) {
		s.Metrics.Refused.WithLabelValues("stale_stamp").Inc()
	}
	return err
}

// transmit sends the write. An error says ErrUncertain when the engine may have taken it.
func (s *Server) transmit(ctx context.Context, j *job) (*http.Response, error) {
	var stream io.Reader
	if j.stream != nil {
		stream = j.stream
	}
	if j.route.class == alters && strings.HasPrefix(j.route.path, settingsPath) {
		defer s.Keeper.Change(ctx, j.physical)()
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
			return nil, s.unordered(bad) // the engine saw no end of the body and takes none of it
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
