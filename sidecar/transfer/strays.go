package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// Strays tells of the documents that belong to no shard of this node.
func (s *Source) Strays(ctx context.Context, q nodeapi.StraysQuery) (out nodeapi.Strays, err error) {
	view := s.Views.View()
	ix, ok := view.Physical[q.Index]
	if !ok {
		return out, ErrNoIndex
	}
	held := s.Book.In(view, ix).Held
	if len(held) == 0 {
		return out, ErrNoIndex
	}
	filter := "NOT " + nodeapi.ShardFilter(held)
	out.Count, err = s.Engine.CountMatching(ctx, q.Index, filter)
	if err != nil || out.Count == 0 || q.Limit <= 0 || ix.PrimaryKey == "" {
		return out, err
	}
	where := shelf{s.Engine, q.Index, ix.PrimaryKey}
	err = where.fetch(ctx, listTimeout, map[string]any{
		"filter": filter, "fields": []string{where.key, nodeapi.FieldUpdatedAt}, "limit": min(q.Limit, maxDocuments),
	}, func(document []byte) error {
		id, wrong := meili.FindID(document, where.key)
		if wrong != nil {
			return errors.New("engine shows a document without its id")
		}
		version, _ := datesOf(document)
		out.Documents = append(out.Documents, nodeapi.Stray{ID: string(id), Version: placeAt(version)})
		return nil
	})
	return out, err
}

// sweep deletes documents of shards that this node does not hold. No client's write comes here for them, so nothing has to be put in
// order with them and the journal needs not know. One that is newer than it was said to be stays.
func (s *step) sweep(ctx context.Context, list []nodeapi.Stray) error {
	for some := range slices.Chunk(list, fetchAtOnce) {
		ids := make([]string, len(some))
		for i, d := range some {
			ids[i] = d.ID
		}
		found, err := s.place.shelf.byID(ctx, ids)
		if err != nil {
			return err
		}
		s.out.Examined += len(some)
		view := s.Views.View()
		ix, ok := view.Physical[s.mend.Index]
		if !ok {
			return ErrNoIndex
		}
		var gone []string
		for _, d := range some {
			document, exists := found[d.ID]
			at := nodeapi.Document{Shard: shardmap.ShardOf([]byte(d.ID), ix.Shards), ID: d.ID}
			if !exists || s.Book.In(view, ix).Holds([]int{at.Shard}) || document.version.Compare(versionAt(d.Version)) > 0 {
				continue
			}
			s.note(remove, at, guard.Op{Version: document.version}, local{exists: true, version: document.version, body: document.body})
			gone = append(gone, d.ID)
		}
		if err := s.flush(ctx); err != nil { // the log, before they are gone
			return err
		}
		if err := s.discard(ctx, gone); err != nil {
			return err
		}
		if err := s.steady.wait(ctx, len(some)); err != nil {
			return err
		}
	}
	return nil
}

// discard deletes documents and returns when the engine has done it.
func (s *step) discard(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	task, err := s.Engine.DeleteDocuments(ctx, s.mend.Index, ids)
	if err != nil {
		return fmt.Errorf("delete strays: %w", err)
	}
	s.tasks = append(s.tasks, task)
	s.out.Deleted += len(ids)
	return nil
}
