package judge

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

// headerApproximate names facets whose lists were cut before they were added up (MG-5).
const headerApproximate = "X-Miroir-Facets-Approximate"

// facetsByIndex explains unequal facets of a federated search, index by index.
func (j *Judge) facetsByIndex(ctx context.Context, p Pair) (Verdict, error) {
	single, _ := p.Single.member("facetsByIndex").(map[string]any)
	cluster, _ := p.Cluster.member("facetsByIndex").(map[string]any)
	result := Verdict{Class: Equal}
	for _, uid := range slices.Sorted(maps.Keys(single)) {
		one := p
		one.Query.Index = uid
		one.Single.Body, one.Cluster.Body = ofIndex(p.Single, single[uid]), ofIndex(p.Cluster, cluster[uid])
		for _, member := range one.differing() {
			v, err := j.facets(ctx, one, member)
			if err != nil || v.Class == Different {
				return v, err
			}
			result = v
		}
	}
	return result, nil
}

// ofIndex is a body with the facets of one index, named as those of a search are.
func ofIndex(a Answer, facets any) map[string]any {
	object, _ := facets.(map[string]any)
	return map[string]any{
		"estimatedTotalHits": a.member("estimatedTotalHits"), "totalHits": a.member("totalHits"),
		"facetDistribution": object["distribution"], "facetStats": object["stats"],
	}
}

// facets explains unequal facets.
func (j *Judge) facets(ctx context.Context, p Pair, member string) (Verdict, error) {
	// Facets count the matching documents; where these differ, facets do.
	if p.Single.total() != p.Cluster.total() {
		return j.counts(ctx, p)
	}
	if p.Query.Has("distinct") {
		return verdict(Distinct, "facets are those of each leg's documents"), nil
	}
	single, _ := p.Single.member(member).(map[string]any)
	cluster, _ := p.Cluster.member(member).(map[string]any)
	approximate := strings.Split(p.Cluster.Header.Get(headerApproximate), ", ")
	result := Verdict{Class: Equal}
	for name, want := range single {
		got, ok := cluster[name]
		if ok && jsondiff.Same(want, got) {
			continue
		}
		switch {
		case member == "facetDistribution" && slices.Contains(approximate, name):
			result = verdict(FacetCut, "%s", name)
		case member == "facetDistribution" && j.byCount(p, name) && sameButAtTheCut(want, got):
			result = verdict(FacetTies, "%s: other values at the cut", name)
		default:
			if class, ok := j.corpusBound(ctx, p.Query); ok {
				result = verdict(class, "%s", name) // other documents match, though as many
				continue
			}
			return different("%s of %s is %s, by the engine %s", member, name, jsondiff.Show(got), jsondiff.Show(want)), nil
		}
	}
	for name := range cluster {
		if _, ok := single[name]; !ok {
			return different("%s has %s", member, name), nil
		}
	}
	return result, nil
}

// facetSearch explains unequal lists of values: of those with the least count a full list holds some and not all.
func (j *Judge) facetSearch(p Pair, differing []string) Verdict {
	list := func(a Answer) (byValue map[string]any, counts []int64) {
		hits, _ := a.member("facetHits").([]any)
		byValue = map[string]any{}
		for _, h := range hits {
			one, _ := h.(map[string]any)
			value, _ := one["value"].(string)
			byValue[value] = one["count"]
			counts = append(counts, whole(one["count"]))
		}
		return byValue, counts
	}
	single, want := list(p.Single)
	cluster, got := list(p.Cluster)
	if slices.Equal(differing, []string{"facetHits"}) && j.byCount(p, p.Query.Text("facetName")) && slices.Equal(want, got) && sameButAtTheCut(single, cluster) {
		return verdict(FacetTies, "%s", p.Query.Text("facetName"))
	}
	return different("%v", differing)
}

// sameButAtTheCut says of two lists of values by count whether they differ only in values of the least count, of which a
// full list holds some and not all.
func sameButAtTheCut(want, got any) bool {
	x, okX := want.(map[string]any)
	y, okY := got.(map[string]any)
	if !okX || !okY || len(x) != len(y) {
		return false
	}
	least := int64(-1)
	for _, n := range x {
		if c := whole(n); least < 0 || c < least {
			least = c
		}
	}
	for value, n := range x {
		if m, ok := y[value]; ok && whole(m) != whole(n) || !ok && whole(n) != least {
			return false
		}
	}
	for value, n := range y {
		if _, ok := x[value]; !ok && whole(n) != least {
			return false
		}
	}
	return true
}

// byCount says whether the index orders the values of a facet by their counts.
func (j *Judge) byCount(p Pair, facet string) bool {
	var settings struct {
		Faceting struct {
			SortFacetValuesBy map[string]string `json:"sortFacetValuesBy"`
		} `json:"faceting"`
	}
	if err := json.Unmarshal(j.corpus(p.Query.Index).Settings, &settings); err != nil {
		return false
	}
	return settings.Faceting.SortFacetValuesBy[facet] == "count"
}

// orderOfFacets compares what a comparison of objects does not see: the order in which values of facets are given.
func (j *Judge) orderOfFacets(p Pair) Verdict {
	single, cluster := ordered(p.Single.Raw), ordered(p.Cluster.Raw)
	result := Verdict{Class: Equal}
	for name, want := range single {
		got := cluster[name]
		if slices.Equal(want, got) {
			continue
		}
		if !j.byCount(p, name) || !slices.EqualFunc(want, got, func(a, b entry) bool { return a.count == b.count }) {
			return different("the values of facet %s are ordered %v, by the engine %v", name, got, want)
		}
		result = verdict(FacetTies, "%s", name)
	}
	return result
}

// entry is a value of a facet.
type entry struct {
	value string
	count int64
}

// ordered reads the facets of an answer in their order.
func ordered(raw []byte) map[string][]entry {
	var answer struct {
		FacetDistribution map[string]json.RawMessage `json:"facetDistribution"`
	}
	if json.Unmarshal(raw, &answer) != nil {
		return nil
	}
	facets := map[string][]entry{}
	for name, object := range answer.FacetDistribution {
		decoder := json.NewDecoder(bytes.NewReader(object))
		if _, err := decoder.Token(); err != nil {
			return nil
		}
		for decoder.More() {
			var e entry
			key, err := decoder.Token()
			if err != nil {
				return nil
			}
			e.value, _ = key.(string)
			if err := decoder.Decode(&e.count); err != nil {
				return nil
			}
			facets[name] = append(facets[name], e)
		}
	}
	return facets
}
