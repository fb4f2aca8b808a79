package serve

import (
	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/internal/apierr"
)

// frozen refuses writes of documents to an index whose nodes have different settings that could not be set back. Changes of
// its settings stay possible: one that is committed ends it.
func frozen(c *call) *apierr.Error {
	switch c.op.Kind {
	case operation.AddDocuments, operation.UpdateDocuments, operation.DeleteDocument, operation.DeleteDocuments, operation.DeleteByFilter,
		operation.DeleteAll, operation.EditDocuments:
	default:
		return nil
	}
	ix, ok := c.view.Find(c.op.Index)
	if !ok || ix.Frozen == nil {
		return nil
	}
	return apierr.New(apierr.MiroirWritesFrozen,
		"The index takes no writes of documents: a change of its settings left nodes with different ones. Change the settings again, or ask an operator.")
}
