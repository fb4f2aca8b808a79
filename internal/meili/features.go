package meili

import (
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// featureNames are the experimental features, in the order in which Meilisearch shows them.
var featureNames = []string{
	"metrics", "logsRoute", "editDocumentsByFunction", "containsFilter", "dynamicSearchRules", "network", "getTaskDocumentsRoute",
	"taskQueueCompactionRoute", "compositeEmbedders", "chatCompletions", "multimodal", "foreignKeys", "disableDocumentsFetchQueue",
	"legacySearch", "renderRoute",
}

// FeatureNetwork is the feature that hands requests from node to node, which is Miroir's own business.
const FeatureNetwork = "network"

// FeatureMetrics is the feature that shows metrics.
const FeatureMetrics = "metrics"

// MetricsNotEnabled refuses metrics while their feature is off.
func MetricsNotEnabled() *apierr.Error {
	e := FeatureNotEnabled("Getting metrics", FeatureMetrics, 625)
	e.Message = strings.Replace(e.Message, "orgs/meilisearch", "meilisearch/product", 1)
	return e
}

// ParseFeatures reads the body of PATCH /experimental-features: the features that it names. null names none.
func ParseFeatures(body []byte) (map[string]bool, *apierr.Error) {
	change := map[string]bool{}
	at := root(apierr.BadRequest)
	e := readObject(body, at, featureNames, func(name string, v node) *apierr.Error {
		on, e := optional(v, func() (bool, *apierr.Error) { return v.boolean(at.key(name, "")) })
		if on != nil {
			change[name] = *on
		}
		return e
	})
	return change, e
}

// Features is the answer about experimental features. One that is not there is off.
func Features(on map[string]bool) []byte {
	out := []byte{'{'}
	for i, name := range featureNames {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(rawjson.AppendQuoted(out, name), ':')
		out = strconv.AppendBool(out, on[name])
	}
	return append(out, '}')
}
