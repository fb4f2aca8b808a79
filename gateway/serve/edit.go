package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/task"
)

// editionDetails are the details of a documentEdition task.
type editionDetails struct {
	Edited   *int            `json:"editedDocuments"`
	Deleted  *int            `json:"deletedDocuments"`
	Filter   *string         `json:"originalFilter"`
	Context  json.RawMessage `json:"context"`
	Function string          `json:"function"`
}

// editDocuments lets every node run the client's function on its own documents. It names none, so it runs by itself: what the
// function finds is the same on all copies of a document.
func (s *Service) editDocuments(ctx context.Context, c *call) *reply.Reply {
	meta, e := meili.ParseCustomMetadata(c.Query)
	if e != nil {
		return reply.Error(e)
	}
	body, e := s.readBody(c)
	if e != nil {
		return reply.Error(e)
	}
	in, e := meili.ParseEdition(body)
	if e == nil && !c.view.Features.Features[meili.FeatureEdition] {
		e = meili.EditionNotEnabled()
	}
	if e == nil {
		e = meili.CheckIndexUID(c.op.Index)
	}
	if e == nil {
		e = servable(in.Function)
	}
	if e != nil {
		return reply.Error(e)
	}
	details := editionDetails{Filter: in.Filter, Context: in.Context, Function: in.Function}
	if details.Context == nil {
		details.Context = json.RawMessage("null")
	}
	r, err := s.newTask(ctx, c, task.DocumentEdition, details)
	if err != nil {
		return s.stateReply(ctx, err)
	}
	r.CustomMetadata = meta
	ix, e := c.index()
	if e != nil {
		zero := 0
		details.Edited = &zero
		r.Details = mustJSON(details)
		return s.finished(ctx, c, r, e)
	}
	return s.perform(ctx, c, r, byItself(wholeBody(ix, http.MethodPost, "/documents/edit", body)))
}

// servable refuses functions that mention what they can not see.
func servable(function string) *apierr.Error {
	if strings.Contains(function, nodeapi.ReservedPrefix) {
		return apierr.New(apierr.MiroirReservedField, "The function mentions a field whose name begins with `%s`, which is reserved.", nodeapi.ReservedPrefix)
	}
	return nil
}
