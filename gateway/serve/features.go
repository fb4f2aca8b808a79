package serve

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// changeTime is how long a change of features may take. A gateway that dies in the middle leaves it to the nodes' sidecars
// to go back to the committed features when this time is over.
const changeTime = 20 * time.Second

func (s *Service) getFeatures(_ context.Context, c *call) *reply.Reply {
	return reply.JSON(http.StatusOK, meili.Features(c.view.Features.Features))
}

// updateFeatures switches features on all nodes and commits that when all of them show it, or takes it back where one does
// not. It says that it does so before it begins, so that nobody else touches the nodes' features meanwhile.
func (s *Service) updateFeatures(ctx context.Context, c *call) *reply.Reply {
	body, e := s.readBody(c)
	if e != nil {
		return reply.Error(e)
	}
	change, e := meili.ParseFeatures(body)
	switch {
	case e != nil:
		return reply.Error(e)
	case change[meili.FeatureNetwork]:
		return reply.Error(apierr.New(apierr.MiroirRouteUnsupported,
			"The `network` feature can not be switched on: the nodes of a cluster are Miroir's to connect."))
	}
	if err := s.hold(ctx, c); err != nil {
		return s.stateReply(ctx, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTime)
	defer cancel()
	rec, revision, e, err := s.claimFeatures(ctx, change)
	switch {
	case err != nil:
		return s.stateReply(ctx, err)
	case e != nil:
		return reply.Error(e)
	case revision == 0:
		return reply.JSON(http.StatusOK, meili.Features(rec.Features)) // nothing changes
	}
	refused := s.spreadFeatures(ctx, c, rec.Features, change)
	rec.Pending, rec.UpdatedAt = nil, s.time()
	if refused == nil {
		rec.Features = merged(rec.Features, change)
	}
	if _, err := s.Store.PutFeatures(ctx, rec, revision); err != nil {
		return s.stateReply(ctx, err) // when the claim runs out the nodes go by what is committed
	}
	if refused != nil {
		return reply.Error(refused)
	}
	shown, done := context.WithTimeout(ctx, s.Limits.State)
	defer done()
	if _, err := s.Views.Wait(shown, func(v *routing.View) bool { return maps.Equal(v.Features.Features, rec.Features) }); err != nil {
		s.Log.Debug().Ctx(ctx).Err(err).Msg("change of features not seen yet")
	}
	return reply.JSON(http.StatusOK, meili.Features(rec.Features))
}

func merged(features, change map[string]bool) map[string]bool {
	out := maps.Clone(features)
	if out == nil {
		out = map[string]bool{}
	}
	maps.Copy(out, change)
	return out
}

// claimFeatures notes in the record what is about to change, once nobody else is at it, and returns the record with its
// revision: 0 when there is nothing to change.
func (s *Service) claimFeatures(ctx context.Context, change map[string]bool) (routing.FeaturesRecord, int64, *apierr.Error, error) {
	for {
		rec, revision, err := s.Store.Features(ctx)
		if err != nil {
			return rec, 0, nil, err
		}
		busy := rec.Busy(s.time())
		if busy.IsZero() {
			if same(rec.Features, change) && rec.Pending == nil {
				return rec, 0, nil, nil
			}
			rec.Pending = &routing.PendingChange{Features: change, By: s.ID, Until: s.time().Add(changeTime)}
			revision, err = s.Store.PutFeatures(ctx, rec, revision)
			if !errors.Is(err, state.ErrConflict) {
				return rec, revision, nil, err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return rec, 0, apierr.New(apierr.MiroirConflict, "The experimental features are being changed by somebody else. Try again later."), nil
		case <-time.After(min(time.Until(busy), 50*time.Millisecond)):
		}
	}
}

// same says whether features are as a change wants them.
func same(features, change map[string]bool) bool {
	for name, on := range change {
		if features[name] != on {
			return false
		}
	}
	return true
}

// spreadFeatures makes the change on every node that is up, looks whether they show it, and takes it back from all when one
// does not. It returns what was wrong. A node that is down takes over what is committed when it returns.
func (s *Service) spreadFeatures(ctx context.Context, c *call, old, change map[string]bool) *apierr.Error {
	ids := slices.DeleteFunc(c.view.AllNodes(), func(id string) bool { return !c.view.Nodes[id].Alive })
	refused := s.onNodes(ids, func(id string) *apierr.Error { return s.switchFeatures(ctx, c.view, id, change) })
	if refused == nil {
		return nil
	}
	back := map[string]bool{}
	for name := range change {
		back[name] = old[name]
	}
	if e := s.onNodes(ids, func(id string) *apierr.Error { return s.switchFeatures(ctx, c.view, id, back) }); e != nil {
		s.Log.Warn().Ctx(ctx).Str("code", string(e.Code)).Msg("features not taken back everywhere, sidecars go on")
	}
	return refused
}

// onNodes does the same with several nodes at once, and returns the error of the first of them that has one.
func (s *Service) onNodes(ids []string, do func(id string) *apierr.Error) *apierr.Error {
	errs := make([]*apierr.Error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { errs[i] = do(id) })
	}
	all.Wait()
	for _, e := range errs {
		if e != nil {
			return e
		}
	}
	return nil
}

// switchFeatures changes features of one node and reads them back.
func (s *Service) switchFeatures(ctx context.Context, v *routing.View, id string, change map[string]bool) *apierr.Error {
	ctx, cancel := context.WithTimeout(ctx, s.Limits.ReadLeg)
	defer cancel()
	body, err := rawjson.Marshal(change)
	if err != nil {
		return apierr.New(apierr.MiroirInternal, "The change could not be written.")
	}
	const path = "/experimental-features"
	request := client.Request{Address: v.Nodes[id].Address, Method: http.MethodPatch, Path: path, Body: body, ContentType: jsonType}
	request.Leg = nodeapi.Leg{Epoch: v.Epoch}
	if e := s.askFeatures(ctx, request, nil); e != nil {
		return e
	}
	shown := map[string]json.RawMessage{}
	if e := s.askFeatures(ctx, client.Request{Address: v.Nodes[id].Address, Method: http.MethodGet, Path: path}, &shown); e != nil {
		return e
	}
	for name, on := range change {
		var is bool
		if json.Unmarshal(shown[name], &is) != nil || is != on {
			return apierr.New(apierr.MiroirBroadcast, "A node does not show the change of `%s`.", name)
		}
	}
	return nil
}

func (s *Service) askFeatures(ctx context.Context, r client.Request, into *map[string]json.RawMessage) *apierr.Error {
	a, err := s.Nodes.Do(ctx, r)
	switch {
	case err != nil || a.Status >= http.StatusInternalServerError:
		return apierr.New(apierr.MiroirShardUnavailable, "A node can not be reached. The experimental features stay as they were.")
	case a.Status == http.StatusConflict: // the node's own reasons, which say nothing to a client
		return apierr.New(apierr.MiroirShardUnavailable, "A node does not take changes now. The experimental features stay as they were.")
	case a.Status >= http.StatusMultipleChoices:
		return apierr.Parse(a.Status, a.Body)
	case into != nil && json.Unmarshal(a.Body, into) != nil:
		return apierr.New(apierr.MiroirInternal, "A node answered unreadably.")
	}
	return nil
}
