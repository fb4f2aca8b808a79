package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meilisearch/meilisearch-go"

	"github.com/miroir-search/miroir/dev/cities"
)

// repeats is how often each search runs; the median is what is told.
const repeats = 9

// question is one search of the show.
type question struct {
	what    string
	request meilisearch.SearchRequest
}

func questions() []question {
	page := func(n int64) *int64 { return &n }
	return []question{
		{"a name", meilisearch.SearchRequest{Query: "lisbon", Limit: 3}},
		{"with a typo", meilisearch.SearchRequest{Query: "reykjavk", Limit: 3}},
		{"a prefix, counted exactly, page 40", meilisearch.SearchRequest{Query: "san", HitsPerPage: page(3), Page: 40}},
		{"only in Japan, by name", meilisearch.SearchRequest{Filter: "country = JP", Sort: []string{"name:asc"}, Limit: 3}},
		{"nearest to Alexanderplatz", meilisearch.SearchRequest{Sort: []string{"_geoPoint(52.5219, 13.4132):asc"}, Limit: 3}},
		{"countries of the Springfields", meilisearch.SearchRequest{Query: "springfield", Facets: []string{"country"}, Limit: 1}},
	}
}

// searchAll asks all questions and prints the answers.
func (d *demo) searchAll(ctx context.Context) error {
	for _, q := range questions() {
		if err := d.search(ctx, q); err != nil {
			return fmt.Errorf("search, %s: %w", q.what, err)
		}
	}
	return nil
}

func (d *demo) search(ctx context.Context, q question) error {
	before, err := d.legs(ctx)
	if err != nil {
		return err
	}
	var (
		answer *meilisearch.SearchResponse
		times  []time.Duration
	)
	for range repeats {
		began := time.Now()
		request := q.request
		answer, err = d.sdk.Index(indexUID).SearchWithContext(ctx, q.request.Query, &request)
		if err != nil {
			return err
		}
		times = append(times, time.Since(began))
	}
	after, err := d.legs(ctx)
	if err != nil {
		return err
	}
	slices.Sort(times)
	found := fmt.Sprintf("about %d", answer.EstimatedTotalHits)
	if answer.TotalHits > 0 {
		found = fmt.Sprintf("exactly %d", answer.TotalHits)
	}
	d.say("%-36s %s found, %.1f ms, answered by %s", q.what, found,
		float64(times[len(times)/2].Microseconds())/1000, strings.Join(answered(before, after), ", "))
	return d.sayHits(answer)
}

func (d *demo) sayHits(answer *meilisearch.SearchResponse) error {
	var found []struct {
		cities.City
		Distance *int `json:"_geoDistance"`
	}
	if err := answer.Hits.DecodeInto(&found); err != nil {
		return fmt.Errorf("hits: %w", err)
	}
	for _, c := range found {
		distance := ""
		if c.Distance != nil {
			distance = fmt.Sprintf("  %d m", *c.Distance)
		}
		d.say("    %-32s %s  %8.4f %9.4f%s", c.Name, c.Country, c.Geo.Lat, c.Geo.Lng, distance)
	}
	if len(answer.FacetDistribution) > 0 {
		return d.sayFacets(answer.FacetDistribution)
	}
	d.say("")
	return nil
}

func (d *demo) sayFacets(raw json.RawMessage) error {
	var facets map[string]map[string]int
	if err := json.Unmarshal(raw, &facets); err != nil {
		return fmt.Errorf("facets: %w", err)
	}
	var counts []string
	for country, n := range facets["country"] {
		counts = append(counts, fmt.Sprintf("%s %d", country, n))
	}
	slices.Sort(counts)
	d.say("    %s\n", strings.Join(counts, ", "))
	return nil
}
