package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/sidecar/edition"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/filter"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/holding"
	"github.com/miroir-search/miroir/sidecar/span"
	"github.com/miroir-search/miroir/sidecar/stamp"
)

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
	if j.leg.Dispatch == "" {
		j.leg.Dispatch = s.Replica.Name()
	}
	keep := url.Values{}
	switch j.route.class {
	case adds:
		err = s.prepareDocuments(j, t, keep)
	case deletes:
		err = s.prepareDeletion(j, t)
	case selects:
		j.kind = guard.Select
		err = s.prepareSelection(ctx, j, t)
	default:
		j.kind = guard.Clear
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
	j.kind = guard.Replace
	if j.req.Method == http.MethodPut {
		j.kind = guard.Update
	}
	if v := j.req.URL.Query().Get("skipCreation"); v != "" {
		if keep.Set("skipCreation", v); v != "false" {
			j.kind = existing[j.kind]
		}
	}
	j.stream = stamp.NewReader(j.req.Body, stamp.Leg{
		Shards: j.leg.Shards, Count: j.leg.Count, PrimaryKey: key, Stamp: j.leg.Stamp,
	})
	j.send.header = http.Header{"Content-Type": {"application/x-ndjson"}}
	return nil
}

// existing are the kinds of writes that create no documents.
var existing = map[guard.Kind]guard.Kind{guard.Replace: guard.ReplaceExisting, guard.Update: guard.UpdateExisting}

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
	j.kind, j.count = guard.Delete, t.ix.Shards
	mine := make([]bool, t.ix.Shards)
	for _, shard := range j.leg.Shards {
		mine[shard] = true
	}
	check := func(raw []byte) error {
		id, err := idOf(raw)
		if err != nil {
			return err
		}
		if j.leg.Count > 0 && len(id) > 0 && !mine[shardmap.ShardOf(id, t.ix.Shards)] {
			s.Metrics.Refused.WithLabelValues("wrong_shard").Inc()
			return stamp.ErrWrongShard
		}
		j.ids = append(j.ids, raw)
		return nil
	}
	if id := j.req.PathValue("id"); id != "" {
		return check([]byte(id))
	}
	err := span.Elements(j.send.body, check)
	if errors.Is(err, span.ErrSyntax) {
		j.kind = 0
		return nil // the engine says what is wrong with it
	}
	return err
}

// idOf is the document id that an element of a list of ids stands for.
func idOf(raw []byte) ([]byte, error) {
	if len(raw) > 0 && raw[0] == '"' {
		return span.Text(raw)
	}
	return raw, nil
}

// prepareSelection restricts a write by filter to the leg's shards. A function that edits documents is readied for those of
// this node.
func (s *Server) prepareSelection(ctx context.Context, j *job, t target) error {
	if err := s.whole(j); err != nil {
		return err
	}
	edits := strings.HasSuffix(j.route.path, "/edit")
	if edits {
		if err := s.probe(ctx, j); err != nil {
			return err
		}
		if e := edition.Unserved(j.send.body); e != nil {
			return e
		}
	}
	var clause filter.Clause
	if j.leg.Count > 0 {
		clause = s.clause(t, j.leg)
	}
	body, _, err := filter.Body(j.send.body, clause)
	if err != nil {
		return s.reserved(err)
	}
	if j.send.body = body; edits {
		j.send.body = edition.Wrap(body, j.leg.Stamp)
	}
	return nil
}

// probe lets the engine say what it has to say about a function and a filter, in its own words and about the client's text.
func (s *Server) probe(ctx context.Context, j *job) error {
	probe := j.send
	probe.body = edition.Probe(j.send.body)
	res, err := s.call(ctx, probe, nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(res.Body, maxError))
	if err != nil {
		return errors.Join(engine.ErrUnreachable, err)
	}
	if e := apierr.Parse(res.StatusCode, said); e.Code != edition.CodeContext {
		return e
	}
	return nil
}
