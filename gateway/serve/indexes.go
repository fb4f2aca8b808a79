package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// indexView is an index as clients see it.
type indexView struct {
	UID        string     `json:"uid"`
	CreatedAt  meili.Time `json:"createdAt"`
	UpdatedAt  meili.Time `json:"updatedAt"`
	PrimaryKey *string    `json:"primaryKey"`
}

func viewOf(ix routing.IndexRecord) indexView {
	v := indexView{UID: ix.UID, CreatedAt: meili.Time(ix.CreatedAt), UpdatedAt: meili.Time(ix.UpdatedAt)}
	if ix.PrimaryKey != "" {
		v.PrimaryKey = &ix.PrimaryKey
	}
	return v
}

func (s *Service) getIndex(_ context.Context, c *call) *reply.Reply {
	ix, e := c.index()
	if e != nil {
		return reply.Error(e)
	}
	view := viewOf(ix.IndexRecord)
	view.UID = ix.Name
	return reply.Value(http.StatusOK, view)
}

func (s *Service) listIndexes(_ context.Context, c *call) *reply.Reply {
	q, e := meili.ParsePage(c.Query, "invalid_index_offset", "invalid_index_limit")
	if e != nil {
		return reply.Error(e)
	}
	uids := c.visible()
	total := len(uids)
	from := min(q.Offset, total)
	to := min(from+q.Limit, total)
	results := make([]indexView, 0, to-from)
	for _, uid := range uids[from:to] {
		results = append(results, viewOf(c.view.Indexes[uid].IndexRecord))
	}
	return reply.Value(http.StatusOK, struct {
		Results []indexView `json:"results"`
		Offset  int         `json:"offset"`
		Limit   int         `json:"limit"`
		Total   int         `json:"total"`
	}{results, q.Offset, q.Limit, total})
}

// visible lists the indexes that the request may touch, ascending.
func (c *call) visible() []string {
	if c.grant.AllIndexes() {
		return c.view.UIDs
	}
	return slices.DeleteFunc(slices.Clone(c.view.UIDs), func(uid string) bool { return !c.grant.Index(uid) })
}

// createDetails are the details of indexCreation and indexUpdate tasks.
type createDetails struct {
	PrimaryKey  *string `json:"primaryKey"`
	NewIndexUID *string `json:"newIndexUid,omitempty"`
	OldIndexUID *string `json:"oldIndexUid,omitempty"`
}

func (s *Service) createIndex(ctx context.Context, c *call) *reply.Reply {
	body, e := s.readBody(c)
	if e != nil {
		return reply.Error(e)
	}
	req, e := meili.ParseIndexCreation(body)
	if e != nil {
		return reply.Error(e)
	}
	if !c.grant.MayCreate(req.UID) {
		return reply.Error(meili.InvalidAPIKey())
	}
	c.op.Index = req.UID
	r, err := s.newTask(ctx, c, task.IndexCreation, createDetails{PrimaryKey: req.PrimaryKey})
	if err != nil {
		return s.stateReply(ctx, err)
	}
	pk := ""
	if req.PrimaryKey != nil {
		pk = *req.PrimaryKey
	}
	ix, created, err := s.ensureIndex(ctx, c, req.UID, pk, r.UID, s.claimFor(c, task.Record{UID: r.UID}))
	if errors.Is(err, errAlias) {
		return s.finished(ctx, c, r, meili.IndexAlreadyExists(req.UID))
	}
	if err != nil {
		return s.stateReply(ctx, err)
	}
	if !created && (c.once == nil || ix.Physical != physicalName(req.UID, r.UID)) {
		return s.finished(ctx, c, r, meili.IndexAlreadyExists(req.UID))
	}
	c.view = ix.view
	// A document leg without documents makes every node create the index and take its key, in its queue's order.
	return s.perform(ctx, c, r, writeCall{
		index: ix.Index, shards: every(ix.Shards), method: http.MethodPost, path: "/documents",
		contentType: nodeapi.DocumentsType, primaryKey: pk,
	})
}

// barred says whether the operation's index would have to be made first, and the credential does not allow that (RT-2).
func (s *Service) barred(ctx context.Context, c *call) bool {
	if _, known := c.view.Find(c.op.Index); known || c.grant.MayCreate(c.op.Index, c.op.Targets...) {
		return false
	}
	_, err := s.Store.Index(ctx, c.uid()) // another gateway may have made it a moment ago
	return errors.Is(err, state.ErrNotFound)
}

// located is an index together with the first view that knows it.
type located struct {
	*routing.Index
	view *routing.View
}

// ensureIndex finds the index, or adds it to the catalog with a placement over the admitted nodes. The catalog decides
// between concurrent writers: whoever comes second uses what the first made (RT-3). A name that is an alias makes no index,
// and finds none. A request that asks for the index and nothing else gives its claim, nil for none.
func (s *Service) ensureIndex(
	ctx context.Context, c *call, uid, primaryKey string, taskUID uint32, claim *state.Claim,
) (ix located, created bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.Limits.State)
	defer cancel()
	v := c.view
	if known, ok := v.Indexes[uid]; ok {
		return located{c.called(known), v}, false, nil
	}
	v = s.formed(ctx, v)
	rec := routing.IndexRecord{
		V: routing.Version, UID: uid, Physical: physicalName(uid, taskUID),
		PrimaryKey: primaryKey, PKCase: routing.PKLower, Shards: v.Cluster.Shards, CreatedAt: c.now, UpdatedAt: c.now,
	}
	placement := routing.PlacementRecord{
		V: routing.Version, Physical: rec.Physical, Shards: rec.Shards, Groups: map[int][][]routing.Copy{},
	}
	for _, g := range v.Groups {
		owners, err := shardmap.Place(rec.Shards, g.RF, v.NodesOf(g.ID))
		if err != nil {
			return located{}, false, err
		}
		placement.Groups[g.ID] = copiesOf(owners)
	}
	created, err = s.Store.With(state.Receipt{Claim: claim}).CreateIndex(ctx, rec, placement, routing.SettingsRecord{})
	if err != nil {
		return located{}, false, err
	}
	known := func(v *routing.View) bool { return v.Indexes[uid] != nil || v.Aliases[uid] != nil }
	if v, err = s.Views.Wait(ctx, known); err != nil {
		return located{}, false, err
	}
	if v.Indexes[uid] == nil {
		return located{}, false, errAlias
	}
	return located{c.called(v.Indexes[uid]), v}, created, nil
}

// physicalName is the name on the nodes of an index that a task makes.
func physicalName(uid string, taskUID uint32) string {
	return uid + "--" + strconv.FormatUint(uint64(taskUID), 36)
}

// errAlias says that an index was to be made whose name is an alias.
var errAlias = fmt.Errorf("the name is an alias: %w", state.ErrConflict)

// formationTime is how long the first index waits for nodes that are up but not admitted yet.
const formationTime = 2 * time.Second

// formed returns a view in which every node that is up takes part. Only a cluster without indexes admits nodes by
// itself; waiting there keeps the first index from being placed on a part of the nodes. Too few nodes to place an index on
// are waited for as well: this view may be behind the one that made the cluster ready.
func (s *Service) formed(ctx context.Context, v *routing.View) *routing.View {
	ctx, cancel := context.WithTimeout(ctx, formationTime)
	defer cancel()
	whole, err := s.Views.Wait(ctx, func(v *routing.View) bool {
		for _, n := range v.Nodes {
			if n.State == routing.NodeJoining && n.OK {
				return len(v.Indexes) > 0
			}
		}
		few := func(g routing.GroupRecord) bool { return len(v.NodesOf(g.ID)) < g.RF }
		return len(v.Groups) > 0 && !slices.ContainsFunc(v.Groups, few)
	})
	if err != nil {
		return v
	}
	return whole
}

func copiesOf(owners shardmap.Owners) [][]routing.Copy {
	out := make([][]routing.Copy, len(owners))
	for shard, nodes := range owners {
		for _, n := range nodes {
			out[shard] = append(out[shard], routing.Copy{Node: n, State: routing.CopyActive})
		}
	}
	return out
}

func (s *Service) updateIndex(ctx context.Context, c *call) *reply.Reply {
	body, e := s.readBody(c)
	if e != nil {
		return reply.Error(e)
	}
	req, e := meili.ParseIndexUpdate(body)
	if e == nil {
		e = meili.CheckIndexUID(c.op.Index)
	}
	if e != nil {
		return reply.Error(e)
	}
	details := createDetails{PrimaryKey: req.PrimaryKey}
	if req.UID != nil {
		details.NewIndexUID, details.OldIndexUID = req.UID, &c.op.Index
	}
	r, err := s.newTask(ctx, c, task.IndexUpdate, details)
	if err != nil {
		return s.stateReply(ctx, err)
	}
	ix, e := c.index()
	if e != nil {
		return s.finished(ctx, c, r, e)
	}
	if req.PrimaryKey != nil && *req.PrimaryKey != ix.PrimaryKey {
		if e, err := s.changePrimaryKey(ctx, c, ix, *req.PrimaryKey); err != nil {
			return s.stateReply(ctx, err)
		} else if e != nil {
			return s.finished(ctx, c, r, e)
		}
	}
	if req.UID == nil || *req.UID == ix.UID {
		return s.finished(ctx, c, r, nil)
	}
	return s.done(ctx, c, r, func(e state.Effect) error { return e.RenameIndex(ctx, ix.UID, *req.UID) },
		func(err error) *apierr.Error {
			switch {
			case errors.Is(err, state.ErrConflict):
				return meili.IndexAlreadyExists(*req.UID)
			case errors.Is(err, state.ErrNotFound): // somebody else deleted it a moment ago
				s.vanished(ctx, ix.UID)
				return meili.IndexNotFound(c.op.Index)
			}
			return nil
		})
}

// changePrimaryKey sets the key of an index without documents. The nodes learn it with the next documents.
func (s *Service) changePrimaryKey(ctx context.Context, c *call, ix *routing.Index, pk string) (*apierr.Error, error) {
	if ix.PrimaryKey != "" {
		n, e := s.countDocuments(ctx, c, ix)
		if e != nil {
			return e, nil
		}
		if n > 0 {
			e := meili.PrimaryKeyAlreadyExists(ix.PrimaryKey)
			e.Message = "Index `" + c.op.Index + "`: " + e.Message
			return e, nil
		}
	}
	_, err := s.Store.UpdateIndex(ctx, ix.UID, func(rec *routing.IndexRecord) error {
		rec.PrimaryKey, rec.UpdatedAt = pk, c.now
		return nil
	})
	return nil, err
}

func (s *Service) deleteIndex(ctx context.Context, c *call) *reply.Reply {
	r, err := s.newTask(ctx, c, task.IndexDeletion, struct {
		Deleted *int `json:"deletedDocuments"`
	}{})
	if err != nil {
		return s.stateReply(ctx, err)
	}
	return s.dropIndex(ctx, c, r)
}

// dropIndex deletes the index that has the name, whichever that is when it goes from the catalog.
func (s *Service) dropIndex(ctx context.Context, c *call, r task.Record) *reply.Reply {
	ix, e := c.index()
	if e != nil {
		r.Details = json.RawMessage(`{"deletedDocuments":0}`)
		return s.finished(ctx, c, r, e)
	}
	return s.perform(ctx, c, r, writeCall{
		index: ix, shards: every(ix.Shards), method: http.MethodDelete,
		effect: func(with state.Receipt) error {
			deleted, err := s.Store.With(with).DeleteIndex(ctx, ix.UID, ix.Physical, c.leaving(ix.UID, c.forced()))
			if err == nil && !deleted {
				return errMoved
			}
			return err
		},
		moved: func() *reply.Reply {
			wait, cancel := context.WithTimeout(ctx, s.Limits.State)
			defer cancel()
			v, err := s.Views.Wait(wait, func(v *routing.View) bool {
				now, there := v.Indexes[ix.UID]
				return !there || now.Physical != ix.Physical
			})
			if err != nil {
				return s.stateReply(ctx, err)
			}
			c.view = v
			return s.dropIndex(ctx, c, r)
		},
	})
}

// forced says whether an index shall go even if aliases of several indexes stand for it.
func (c *call) forced() bool {
	q, err := url.ParseQuery(c.Query)
	return err == nil && q.Get("force") == "true"
}

func (s *Service) swapIndexes(ctx context.Context, c *call) *reply.Reply {
	body, e := s.readBody(c)
	if e != nil {
		return reply.Error(e)
	}
	swaps, e := meili.ParseSwaps(body)
	if e != nil {
		return reply.Error(e)
	}
	for _, swap := range swaps {
		if slices.ContainsFunc(swap.Indexes, func(uid string) bool { return !c.allowed(uid) }) {
			return reply.Error(meili.InvalidAPIKey())
		}
	}
	pairs, e := c.pairs(swaps)
	if e != nil {
		return reply.Error(e)
	}
	r, err := s.newTask(ctx, c, task.IndexSwap, struct {
		Swaps []meili.Swap `json:"swaps"`
	}{swaps})
	if err != nil {
		return s.stateReply(ctx, err)
	}
	if len(pairs) == 0 {
		return s.finished(ctx, c, r, nil)
	}
	return s.done(ctx, c, r, func(e state.Effect) error { return e.SwapIndexes(ctx, pairs) }, func(err error) *apierr.Error {
		var missing *state.MissingIndexesError
		var taken *state.TakenNamesError
		switch {
		case errors.As(err, &missing):
			s.vanished(ctx, missing.Names...)
			return meili.IndexesNotFound(missing.Names)
		case errors.As(err, &taken):
			renames := make([][2]string, len(taken.Swaps))
			for i, s := range taken.Swaps {
				renames[i] = [2]string{s.A, s.B}
			}
			return meili.RenamesTaken(renames)
		}
		return nil
	})
}

// pairs are swaps of indexes, where names may be aliases of one.
func (c *call) pairs(swaps []meili.Swap) ([]state.Swap, *apierr.Error) {
	pairs := make([]state.Swap, len(swaps))
	known := make([]meili.Swap, len(swaps))
	for i, p := range swaps {
		names := slices.Clone(p.Indexes)
		for j, name := range names {
			a := c.aliasOf(name)
			switch {
			case a == nil || p.Rename && j == 1: // the new name of an index must be free
			case isMulti(a):
				return nil, notWritable(a)
			default:
				names[j] = a.Target
			}
		}
		known[i] = meili.Swap{Indexes: names, Rename: p.Rename}
		pairs[i] = state.Swap{A: names[0], B: names[1], Rename: p.Rename}
	}
	return pairs, meili.CheckSwaps(known)
}

// every lists all shards of an index.
func every(shards int) []int {
	all := make([]int, shards)
	for i := range all {
		all[i] = i
	}
	return all
}
