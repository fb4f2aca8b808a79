package proxy

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/sidecar/filter"
	"github.com/miroir-search/miroir/sidecar/holding"
	"github.com/miroir-search/miroir/sidecar/strip"
)

// patience is how long a leg waits for a view that its sender has seen already.
const patience = 2 * time.Second

// kindFor is the kind of an answer: Opaque for a leg that wants it as it is, marked for one that asks for stamps.
func kindFor(kind strip.Kind, leg nodeapi.Leg) strip.Kind {
	switch {
	case leg.Raw:
		return strip.Opaque
	case leg.Stamps:
		return kind.Marked()
	}
	return kind
}

// fresh lets reads through as long as the node has been in touch with the cluster lately (NS-5).
func (s *Server) fresh(next serve) serve {
	return func(w http.ResponseWriter, r *http.Request, leg nodeapi.Leg) error {
		if err := s.Fence.Read(); err != nil {
			return err
		}
		return next(w, r, leg)
	}
}

// pass forwards a request about the node.
func (s *Server) pass(rt route) serve {
	return func(w http.ResponseWriter, r *http.Request, leg nodeapi.Leg) error {
		ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
		defer cancel()
		res, err := s.call(ctx, requestOf(r, nil), nil)
		if err != nil {
			return err
		}
		return answer(w, res, kindFor(rt.kind, leg), names(s.Views.View(), leg, ""))
	}
}

// view forwards a read about an index that does not touch single documents.
func (s *Server) view(rt route) serve {
	return func(w http.ResponseWriter, r *http.Request, leg nodeapi.Leg) error {
		ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
		defer cancel()
		physical := r.PathValue("uid")
		if ix, ok := s.Views.View().Physical[physical]; ok && len(s.Book.In(s.Views.View(), ix).Held) > 0 {
			if err := s.Keeper.Ready(ctx, ix); err != nil {
				return err
			}
		}
		body, err := readBody(r)
		if err != nil {
			return err
		}
		res, err := s.call(ctx, requestOf(r, body), nil)
		if err != nil {
			return err
		}
		return answer(w, res, kindFor(rt.kind, leg), names(s.Views.View(), leg, physical))
	}
}

// target is the index of a leg, as far as the node holds it.
type target struct {
	view    *routing.View
	ix      *routing.Index
	holding *holding.Holding
}

// locate finds the index and checks that fits holds for it. A view that the sender has seen already is waited for.
func (s *Server) locate(ctx context.Context, physical string, leg nodeapi.Leg, fits func(*holding.Holding) bool) (target, error) {
	var t target
	look := func(v *routing.View) bool {
		ix, ok := v.Physical[physical]
		if !ok || (leg.Count > 0 && ix.Shards != leg.Count) {
			return false
		}
		h := s.Book.In(v, ix)
		if !fits(h) {
			return false
		}
		t = target{v, ix, h}
		return true
	}
	v := s.Views.View()
	if look(v) {
		return t, nil
	}
	if leg.Epoch > v.Epoch {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if _, err := s.Views.Wait(ctx, func(v *routing.View) bool { return look(v) || v.Epoch >= leg.Epoch }); err == nil && t.ix != nil {
			return t, nil
		}
	}
	s.Metrics.Refused.WithLabelValues("stale_placement").Inc()
	return t, errPlacement
}

// clause is what restricts the answer of this node to the leg's shards (RD-3): nothing when the engine holds nothing
// else.
func (s *Server) clause(t target, leg nodeapi.Leg) filter.Clause {
	if leg.Raw || leg.Count == 0 {
		return ""
	}
	if len(leg.Shards) != len(t.holding.Held) {
		s.Metrics.Filtered.WithLabelValues("subset").Inc()
		return filter.For(leg.Shards)
	}
	if !s.Book.Exact(t.ix.Physical, t.holding) {
		s.Metrics.Filtered.WithLabelValues("inexact").Inc()
		return filter.For(leg.Shards)
	}
	return ""
}

// ready finds the index for a read and waits until the engine has it.
func (s *Server) ready(ctx context.Context, physical string, leg nodeapi.Leg) (target, error) {
	return s.readyFor(ctx, physical, leg, func(h *holding.Holding) bool { return h.Answers(leg.Shards) })
}

// readyFor is ready for a holding that fits says enough of. It looks at the holding once more when the engine has the
// index: that the engine had lost it may have come out meanwhile.
func (s *Server) readyFor(ctx context.Context, physical string, leg nodeapi.Leg, fits func(*holding.Holding) bool) (target, error) {
	t, err := s.locate(ctx, physical, leg, fits)
	if err == nil {
		err = s.Keeper.Ready(ctx, t.ix)
	}
	if err == nil && s.Views.View() != t.view {
		t, err = s.locate(ctx, physical, leg, fits)
	}
	return t, err
}

// read serves a read of documents that carries its parameters in the body, or in the address for the GET forms.
func (s *Server) read(rt route) serve {
	return func(w http.ResponseWriter, r *http.Request, leg nodeapi.Leg) error {
		ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
		defer cancel()
		body, err := readBody(r)
		if err != nil {
			return err
		}
		plain := requestOf(r, body)
		plain.values = leg.SortValues
		if leg.Raw {
			return s.exchange(ctx, w, exchange{send: plain, kind: strip.Opaque})
		}
		if leg.Count == 0 {
			return errNoShards()
		}
		t, err := s.ready(ctx, r.PathValue("uid"), leg)
		if err != nil {
			return err
		}
		ex := exchange{send: plain, kind: kindFor(rt.kind, leg), names: names(t.view, leg, t.ix.Physical), indexes: []*routing.Index{t.ix}}
		c := s.clause(t, leg)
		if r.Method == http.MethodGet {
			q, err := filter.Query(r.URL.Query(), c)
			if err != nil {
				return s.reserved(err)
			}
			if c != "" {
				ex.send.path, ex.plain = r.URL.EscapedPath()+"?"+q.Encode(), &plain
			}
			return s.exchange(ctx, w, ex)
		}
		changed := false
		if ex.send.body, changed, err = filter.Body(body, c); err != nil {
			return s.reserved(err)
		}
		if changed {
			ex.plain = &plain
		}
		return s.exchange(ctx, w, ex)
	}
}

// fetch serves GET documents as POST documents/fetch.
func (s *Server) fetch(rt route) serve {
	return func(w http.ResponseWriter, r *http.Request, leg nodeapi.Leg) error {
		ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
		defer cancel()
		plain := requestOf(r, nil)
		if leg.Raw {
			return s.exchange(ctx, w, exchange{send: plain, kind: strip.Opaque})
		}
		if leg.Count == 0 {
			return errNoShards()
		}
		t, err := s.ready(ctx, r.PathValue("uid"), leg)
		if err != nil {
			return err
		}
		c := s.clause(t, leg)
		q, err := filter.Query(r.URL.Query(), c)
		if err != nil {
			return s.reserved(err)
		}
		ex := exchange{send: plain, kind: kindFor(rt.kind, leg), names: names(t.view, leg, t.ix.Physical), indexes: []*routing.Index{t.ix}}
		if c == "" {
			return s.exchange(ctx, w, ex)
		}
		ex.plain = &plain
		if body, ok := filter.Fetch(q); ok {
			ex.send = request{
				method: http.MethodPost, path: r.URL.EscapedPath() + "/fetch", header: http.Header{"Content-Type": {"application/json"}}, body: body,
			}
		} else {
			ex.send.path = r.URL.EscapedPath() + "?" + q.Encode()
		}
		return s.exchange(ctx, w, ex)
	}
}

// find serves one document, from a complete copy of its shard.
func (s *Server) find(rt route) serve {
	return func(w http.ResponseWriter, r *http.Request, leg nodeapi.Leg) error {
		ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
		defer cancel()
		plain := requestOf(r, nil)
		if leg.Raw {
			return s.exchange(ctx, w, exchange{send: plain, kind: strip.Opaque})
		}
		id := []byte(r.PathValue("id"))
		t, err := s.readyFor(ctx, r.PathValue("uid"), leg, func(h *holding.Holding) bool {
			return len(h.Complete) > 0 && h.Answers([]int{shardmap.ShardOf(id, len(h.Complete))})
		})
		if err != nil {
			return err
		}
		return s.exchange(ctx, w, exchange{send: plain, kind: kindFor(rt.kind, leg), names: names(t.view, leg, t.ix.Physical), indexes: []*routing.Index{t.ix}})
	}
}

// multi serves a multi-search: every query is restricted by the holding of its own index.
func (s *Server) multi(rt route) serve {
	return func(w http.ResponseWriter, r *http.Request, leg nodeapi.Leg) error {
		ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
		defer cancel()
		body, err := readBody(r)
		if err != nil {
			return err
		}
		plain := requestOf(r, body)
		if leg.Raw {
			return s.exchange(ctx, w, exchange{send: plain, kind: strip.Opaque})
		}
		if leg.Count == 0 {
			return errNoShards()
		}
		ex := exchange{send: plain, kind: kindFor(rt.kind, leg)}
		changed := false
		ex.send.body, changed, err = filter.Multi(body, func(index string) (filter.Clause, error) {
			t, err := s.ready(ctx, index, leg)
			if err != nil {
				return "", err
			}
			ex.indexes = append(ex.indexes, t.ix)
			return s.clause(t, leg), nil
		})
		if err != nil {
			return s.reserved(err)
		}
		if changed {
			ex.plain = &plain
		}
		ex.names = names(s.Views.View(), leg, "")
		return s.exchange(ctx, w, ex)
	}
}

// exchange is a request to the engine and how its answer is treated.
type exchange struct {
	send    request
	plain   *request // the client's own request, when send differs from it
	kind    strip.Kind
	names   strip.Names
	indexes []*routing.Index
}

// exchange sends the request and answers. Where the engine refuses a request that was changed, the client's own is sent
// instead: it is refused too, and the text of the refusal then quotes what the client wrote.
func (s *Server) exchange(ctx context.Context, w http.ResponseWriter, ex exchange) error {
	before := s.shown(ex.indexes)
	res, err := s.call(ctx, ex.send, nil)
	if err != nil {
		return err
	}
	for _, ix := range ex.indexes[:min(1, len(ex.indexes))] {
		w.Header().Set(nodeapi.HeaderVersion, strconv.FormatUint(ix.SettingsVersion, 10))
	}
	switch after := s.shown(ex.indexes); {
	case after != before:
		w.Header().Set(nodeapi.HeaderSettings, nodeapi.SettingsChanging)
	case after != "":
		w.Header().Set(nodeapi.HeaderSettings, after)
	}
	if res.StatusCode == http.StatusNotFound {
		if err := s.missing(ctx, ex.indexes); err != nil {
			_ = res.Body.Close()
			return err
		}
	}
	if res.StatusCode == http.StatusBadRequest && ex.plain != nil {
		own, err := s.call(ctx, *ex.plain, nil)
		if err != nil {
			_ = res.Body.Close()
			return err
		}
		if own.StatusCode == http.StatusBadRequest {
			res, own = own, res
		}
		_ = own.Body.Close()
	}
	return answer(w, res, ex.kind, ex.names)
}

// shown is the value of nodeapi.HeaderSettings for indexes together, in the order of their names; empty as long as one of them was not looked at.
func (s *Server) shown(indexes []*routing.Index) string {
	if len(indexes) > 1 {
		indexes = slices.SortedFunc(slices.Values(indexes), func(a, b *routing.Index) int { return strings.Compare(a.Physical, b.Physical) })
		indexes = slices.Compact(indexes)
	}
	all := ""
	for _, ix := range indexes {
		switch one := s.Keeper.Shown(ix.Physical); one {
		case "", nodeapi.SettingsChanging:
			return one
		default:
			all += one
		}
	}
	return all
}

// missing looks whether the engine has lost an index that the view places here. Then it is brought back, but not asked
// again: it has no documents.
func (s *Server) missing(ctx context.Context, indexes []*routing.Index) error {
	for _, ix := range indexes {
		if _, err := s.Engine.Index(ctx, ix.Physical); err == nil || !isIndexNotFound(err) {
			continue // something else was not found
		}
		s.Keeper.Forget(ix.Physical)
		if err := s.Keeper.Ready(ctx, ix); err != nil {
			return err
		}
		return errPlacement
	}
	return nil
}

// reserved counts a refused request on its way out.
func (s *Server) reserved(err error) error {
	s.Metrics.Refused.WithLabelValues("reserved").Inc()
	return err
}

func errNoShards() error {
	return apierr.New(apierr.MiroirInvalidHeader, "A read of documents must say which shards it is for.")
}

// logicalOf cuts the number off a physical name.
func logicalOf(physical string) (string, bool) {
	i := strings.LastIndex(physical, "--")
	if i <= 0 {
		return "", false
	}
	return physical[:i], true
}
