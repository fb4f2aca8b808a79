package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"syscall"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/plan"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/gateway/scatter"
	"github.com/miroir-search/miroir/gateway/write"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/task"
)

// additionDetails are the details of a documentAdditionOrUpdate task.
type additionDetails struct {
	Received int  `json:"receivedDocuments"`
	Indexed  *int `json:"indexedDocuments"`
}

// addDocuments serves POST (replace) and PUT (update) of documents.
func (s *Service) addDocuments(ctx context.Context, c *call) *reply.Reply {
	params, e := meili.ParseDocumentParameters(c.Query)
	if e != nil {
		return reply.Error(e)
	}
	if e := meili.CheckIndexUID(c.op.Index); e != nil {
		return reply.Error(e)
	}
	format, e := write.FormatOf(c.Header.Get("Content-Type"), params.CSVDelimiter)
	if e != nil {
		return reply.Error(e)
	}
	known, pk := "", params.PrimaryKey
	shards := c.view.Cluster.Shards
	if ix, ok := c.view.Find(c.op.Index); ok {
		shards = ix.Shards
		if known = ix.PrimaryKey; known != "" {
			pk = &known
		}
	}
	if c.batch != nil {
		if c.batch.Shards != shards {
			return movedReply() // it is cut for an index of another shape
		}
		return s.enqueueDocuments(ctx, c, params, c.batch)
	}
	options := write.Options{
		Index: c.op.Index, Shards: shards, PrimaryKey: pk, Memory: s.Limits.SpoolMemory, Dir: s.Limits.SpoolDir,
		Update: c.op.Kind == operation.UpdateDocuments,
	}
	if !params.SkipCreation { // else documents that are not there yet are not looked at
		options.Contents = s.contents(c)
	}
	batch, err := write.Read(format, s.bodyReader(c), options)
	if err != nil {
		return s.unread(ctx, err)
	}
	c.batch = batch
	if known != "" && params.PrimaryKey != nil && *params.PrimaryKey != known && batch.Received > 0 {
		batch.Failure = meili.PrimaryKeyAlreadyExists(known)
	}
	return s.enqueueDocuments(ctx, c, params, batch)
}

// contents are the rules of the operation's index for its documents, as far as its settings are known.
func (s *Service) contents(c *call) *meili.Contents {
	rules := &meili.Contents{}
	if ix, ok := c.view.Find(c.op.Index); ok {
		settings := s.settings.of(ix)
		rules.Geo, rules.Dimensions = settings.Geo(), map[string]int{}
		for name, e := range settings.Embedders {
			if e.Dimensions > 0 {
				rules.Dimensions[name] = e.Dimensions
			}
		}
	}
	return rules
}

// unread is the answer to a payload that no batch came of. No node was called and no task made.
func (s *Service) unread(ctx context.Context, err error) *reply.Reply {
	var refused *apierr.Error
	switch {
	case errors.As(err, &refused):
		return reply.Error(refused)
	case errors.Is(err, write.ErrBody):
		return reply.Error(s.payloadError(err))
	case errors.Is(err, syscall.ENOSPC):
		s.Log.Error().Ctx(ctx).Err(err).Msg("payload could not be spooled")
		return reply.Error(apierr.New(apierr.NoSpaceLeftOnDevice, "The gateway has no space left to spool the payload."))
	}
	s.Log.Error().Ctx(ctx).Err(err).Msg("payload could not be spooled")
	return reply.Error(apierr.New(apierr.MiroirInternal, "The gateway could not spool the payload."))
}

// enqueueDocuments makes the index if it is new, and sends the batch's documents to their copies.
func (s *Service) enqueueDocuments(ctx context.Context, c *call, params meili.DocumentParameters, batch *write.Batch) *reply.Reply {
	r, err := s.newTask(ctx, c, task.DocumentAddition, additionDetails{Received: batch.Received})
	if err != nil {
		return s.stateReply(ctx, err)
	}
	r.CustomMetadata = params.CustomMetadata
	if s.barred(ctx, c) {
		zero := 0
		r.Details = mustJSON(additionDetails{Received: batch.Received, Indexed: &zero})
		return s.finished(ctx, c, r, meili.IndexNotFound(c.op.Index))
	}
	pk := batch.PrimaryKey
	if batch.Failure != nil {
		pk = "" // the index comes to be, without a key, as on one node
	}
	ix, created, err := s.ensureIndex(ctx, c, c.uid(), pk, r.UID, nil)
	if err != nil {
		return s.stateReply(ctx, err)
	}
	c.view = ix.view
	if batch.Failure != nil {
		zero := 0
		r.Details = mustJSON(additionDetails{Received: batch.Received, Indexed: &zero})
		return s.finished(ctx, c, r, batch.Failure)
	}
	if e, err := s.fixPrimaryKey(ctx, c, ix.Index, pk); err != nil {
		return s.stateReply(ctx, err)
	} else if e != nil {
		return s.finished(ctx, c, r, e)
	}
	err = s.admitCase(ctx, ix.Index, batch)
	if ix.Shards != batch.Shards || errors.Is(err, errMoved) {
		// The index came to be, or was made anew, while the payload streamed in.
		return s.finished(ctx, c, r, apierr.New(apierr.MiroirStateUnavailable,
			"The index `%s` changed while the documents were received. Send them again.", c.op.Index))
	}
	if err != nil {
		return s.stateReply(ctx, err)
	}
	shards := batch.Touched()
	if len(shards) == 0 {
		if !created {
			zero := 0
			r.Details = mustJSON(additionDetails{Indexed: &zero})
			return s.finished(ctx, c, r, nil)
		}
		shards = every(ix.Shards)
	}
	query := ""
	if params.SkipCreation {
		query = "?skipCreation=true"
	}
	return s.perform(ctx, c, r, writeOf(ix.Index, shards, c.Method, "/documents"+query, pk, batch))
}

func writeOf(ix *routing.Index, shards []int, method, path, pk string, batch *write.Batch) writeCall {
	return writeCall{
		index: ix, shards: shards, method: method, path: path, primaryKey: pk, contentType: nodeapi.DocumentsType,
		documents: batch.Received, order: joins,
		body: func(l plan.Leg) (io.Reader, int64, error) {
			r, size := batch.Body(l.Shards)
			return r, size, nil
		},
	}
}

// fixPrimaryKey writes the key of an index that had none into the catalog before any node is called. A key that another
// writer fixed meanwhile fails the task when it differs.
func (s *Service) fixPrimaryKey(ctx context.Context, c *call, ix *routing.Index, pk string) (*apierr.Error, error) {
	if pk == "" || ix.PrimaryKey == pk {
		return nil, nil
	}
	rec, err := s.Store.UpdateIndex(ctx, ix.UID, func(rec *routing.IndexRecord) error {
		if rec.PrimaryKey == "" {
			rec.PrimaryKey, rec.UpdatedAt = pk, c.now
		}
		return nil
	})
	if err == nil && rec.PrimaryKey != pk {
		return meili.PrimaryKeyAlreadyExists(rec.PrimaryKey), nil
	}
	return nil, err
}

func (s *Service) getDocument(ctx context.Context, c *call) *reply.Reply {
	ix, e := c.index()
	if e != nil {
		if wrong := meili.ParseDocumentQuery(c.Query); wrong != nil { // as the node that is not asked would say first
			e = wrong
		}
		return reply.Error(e)
	}
	shard := shardmap.ShardOf([]byte(c.op.ID), ix.Shards)
	late := behind(ix, c.least)
	owners := plan.Owner(c.view, ix, shard, shardmap.HashID([]byte(c.op.ID)), either(late, astray(ix)))
	if len(owners) == 0 {
		owners = plan.Owner(c.view, ix, shard, shardmap.HashID([]byte(c.op.ID)), late)
	}
	if len(owners) == 0 {
		return uncovered([]int{shard})
	}
	s.worstLast(owners)
	path := "/documents/" + url.PathEscape(c.op.ID)
	if c.session == nil && !c.deflates() {
		return s.routeTo(c, ix, owners, "/indexes/"+ix.Physical+path)
	}
	// Envoy could not tell the client about its session.
	if c.Query != "" {
		path += "?" + c.Query
	}
	out := s.readCall(ctx, c, ix, plan.Read{Epoch: c.view.Epoch, Legs: owners[:1]}, scatter.Call{Method: http.MethodGet, Path: path})
	f := outcome(ctx, out, ix)
	if f.ended() {
		return f.reply()
	}
	return reply.JSON(http.StatusOK, out.Results[0].Body)
}

// routeTo lets Envoy send the request to the first of several nodes that would all do, or where that one fails to the
// second (RD-7), and the answer to the client.
func (s *Service) routeTo(c *call, ix *routing.Index, owners []plan.Leg, path string) *reply.Reply {
	if c.Query != "" {
		path += "?" + c.Query
	}
	set := http.Header{}
	leg := nodeapi.Leg{Epoch: c.view.Epoch, Routed: true}
	if ix != nil {
		leg.Shards, leg.Count = owners[0].Shards, ix.Shards
	}
	leg.Set(set)
	set.Set("Authorization", "Bearer "+s.NodeKey)
	return &reply.Reply{Route: &reply.Route{
		Cluster: clusterOf(c.view, owners), Path: path, Set: set, Remove: []string{"cookie"},
	}}
}

// clusterOf names Envoy's cluster for the first two of several nodes.
func clusterOf(v *routing.View, owners []plan.Leg) string {
	if len(owners) > 1 && v.Pairs() {
		return nodeapi.ClusterOfPair(owners[0].Node, owners[1].Node)
	}
	return nodeapi.ClusterOf(owners[0].Node)
}

func uncovered(shards []int) *reply.Reply { return reply.Error(uncoveredError(shards)) }

func uncoveredError(shards []int) *apierr.Error {
	return apierr.Uncovered(shardmap.FormatRanges(shards))
}

// deletionDetails are the details of a documentDeletion task by ids or by filter.
type deletionDetails struct {
	Provided int     `json:"providedIds"`
	Deleted  *int    `json:"deletedDocuments"`
	Filter   *string `json:"originalFilter"`
}

func (s *Service) deleteDocument(ctx context.Context, c *call) *reply.Reply {
	return s.deleteIDs(ctx, c, []string{c.op.ID})
}

func (s *Service) deleteDocuments(ctx context.Context, c *call) *reply.Reply {
	body, e := s.readBody(c)
	if e != nil {
		return reply.Error(e)
	}
	ids, e := meili.ParseIDs(body)
	if e == nil {
		e = meili.CheckIndexUID(c.op.Index)
	}
	if e != nil {
		return reply.Error(e)
	}
	return s.deleteIDs(ctx, c, ids)
}

// deleteIDs sends each id to the copies of its shard.
func (s *Service) deleteIDs(ctx context.Context, c *call, ids []string) *reply.Reply {
	meta, e := meili.ParseCustomMetadata(c.Query)
	if e != nil {
		return reply.Error(e)
	}
	r, err := s.newTask(ctx, c, task.DocumentDeletion, deletionDetails{Provided: len(ids)})
	if err != nil {
		return s.stateReply(ctx, err)
	}
	r.CustomMetadata = meta
	zero := 0
	ix, e := c.index()
	if e != nil || len(ids) == 0 {
		r.Details = mustJSON(deletionDetails{Provided: len(ids), Deleted: &zero})
		return s.finished(ctx, c, r, e)
	}
	byShard := map[int][]string{}
	var shards []int
	for _, id := range ids {
		shard := shardmap.ShardOf([]byte(id), ix.Shards)
		if byShard[shard] == nil {
			shards = append(shards, shard)
		}
		byShard[shard] = append(byShard[shard], id)
	}
	return s.perform(ctx, c, r, writeCall{
		index: ix, shards: sortedInts(shards), method: http.MethodPost, path: "/documents/delete-batch", contentType: jsonType,
		order: joins,
		body: func(l plan.Leg) (io.Reader, int64, error) {
			list := []string{}
			for _, shard := range l.Shards {
				list = append(list, byShard[shard]...)
			}
			b, err := json.Marshal(list)
			return bytes.NewReader(b), int64(len(b)), err
		},
	})
}

func (s *Service) deleteByFilter(ctx context.Context, c *call) *reply.Reply {
	body, e := s.readBody(c)
	if e != nil {
		return reply.Error(e)
	}
	meta, e := meili.ParseCustomMetadata(c.Query)
	if e != nil {
		return reply.Error(e)
	}
	filter, e := meili.ParseFilterBody(body)
	if e == nil {
		e = meili.CheckIndexUID(c.op.Index)
	}
	if e != nil {
		return reply.Error(e)
	}
	r, err := s.newTask(ctx, c, task.DocumentDeletion, deletionDetails{Filter: &filter})
	if err != nil {
		return s.stateReply(ctx, err)
	}
	r.CustomMetadata = meta
	ix, e := c.index()
	if e != nil {
		zero := 0
		r.Details = mustJSON(deletionDetails{Deleted: &zero, Filter: &filter})
		return s.finished(ctx, c, r, e)
	}
	return s.perform(ctx, c, r, byItself(wholeBody(ix, http.MethodPost, "/documents/delete", body)))
}

func (s *Service) deleteAll(ctx context.Context, c *call) *reply.Reply {
	meta, e := meili.ParseCustomMetadata(c.Query)
	if e != nil {
		return reply.Error(e)
	}
	type details struct {
		Deleted *int `json:"deletedDocuments"`
	}
	r, err := s.newTask(ctx, c, task.DocumentDeletion, details{})
	if err != nil {
		return s.stateReply(ctx, err)
	}
	r.CustomMetadata = meta
	ix, e := c.index()
	if e != nil {
		zero := 0
		r.Details = mustJSON(details{Deleted: &zero})
		return s.finished(ctx, c, r, e)
	}
	return s.perform(ctx, c, r, byItself(wholeBody(ix, http.MethodDelete, "/documents", nil)))
}

// byItself makes a write one that names no documents.
func byItself(w writeCall) writeCall {
	w.order = alone
	return w
}

// wholeBody is a write that every copy of every shard gets in the same words.
func wholeBody(ix *routing.Index, method, path string, body []byte) writeCall {
	w := writeCall{index: ix, shards: every(ix.Shards), method: method, path: path}
	if body != nil {
		w.contentType = jsonType
		w.body = func(plan.Leg) (io.Reader, int64, error) { return bytes.NewReader(body), int64(len(body)), nil }
	}
	return w
}
