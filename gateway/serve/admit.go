package serve

import (
	"github.com/miroir-search/miroir/gateway/admission"
	"github.com/miroir-search/miroir/gateway/operation"
)

// classOf says how an operation is admitted. Reads of documents stand in Meilisearch's search queue as searches do. What
// Envoy does alone after the gateway named a node, and what tells that the gateway lives, needs no permit.
func classOf(op operation.Operation) admission.Class {
	switch op.Kind {
	case operation.Root, operation.Health, operation.Version, operation.GetDocument:
		return admission.Free
	case operation.SearchPost, operation.SearchGet, operation.FacetSearch, operation.SimilarPost, operation.SimilarGet,
		operation.MultiSearch, operation.Explain, operation.ExplainMulti, operation.ListDocuments, operation.FetchDocuments:
		return admission.Search
	case operation.AddDocuments, operation.UpdateDocuments, operation.DeleteDocument, operation.DeleteDocuments,
		operation.DeleteByFilter, operation.DeleteAll, operation.EditDocuments, operation.CreateIndex, operation.UpdateIndex, operation.DeleteIndex,
		operation.SwapIndexes, operation.UpdateSettings, operation.ResetSettings:
		return admission.Write
	}
	return admission.Other
}
