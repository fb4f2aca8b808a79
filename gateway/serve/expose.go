package serve

import (
	"bytes"
	"context"
	"net/http"

	"github.com/prometheus/common/expfmt"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
)

// metricsType is the content type of metrics, spelled as Meilisearch does.
const metricsType = "text/plain; version=0.0.4"

// getMetrics shows this gateway's metrics, in the place of the engine's own.
func (s *Service) getMetrics(ctx context.Context, c *call) *reply.Reply {
	switch {
	case !c.view.Features.Features[meili.FeatureMetrics]:
		return reply.Error(meili.MetricsNotEnabled())
	case !c.grant.AllIndexes():
		e := meili.InvalidAPIKey()
		e.Message += " The API key for the `/metrics` route must allow access to all indexes."
		return reply.Error(e)
	}
	families, err := s.Registry.Gather()
	var b bytes.Buffer
	for _, family := range families {
		if err == nil {
			_, err = expfmt.MetricFamilyToText(&b, family)
		}
	}
	if err != nil {
		s.Log.Error().Ctx(ctx).Err(err).Msg("metrics not gathered")
		return reply.Error(apierr.New(apierr.MiroirInternal, "The metrics could not be gathered."))
	}
	return &reply.Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {metricsType}}, Body: b.Bytes()}
}
