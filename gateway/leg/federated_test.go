package leg

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/miroir-search/miroir/internal/meili"
)

func federated(t *testing.T, body string, settings map[string]string) *Federated {
	t.Helper()
	m, e := meili.ParseMultiSearch([]byte(body))
	if e != nil {
		t.Fatal(e)
	}
	indexes := map[string]Index{}
	for uid, s := range settings {
		indexes[uid] = Index{UID: uid, Physical: uid + "--1", PrimaryKey: "id", Settings: ParseSettings([]byte(s))}
	}
	return NewFederated(m, indexes)
}

// F11: a part has the queries of its indexes, under the nodes' names, from rank 0 and with what the merge compares.
func TestParts(t *testing.T) {
	f := federated(t, `{"federation":{"offset":5,"limit":3,"facetsByIndex":{"a":["x"],"b":null,"c":["y"]},"mergeFacets":{"maxValuesPerFacet":2}},
		"queries":[{"indexUid":"b","q":"1"},{"indexUid":"a","q":"2","federationOptions":{"weight":0.25}},{"indexUid":"b","attributesToRetrieve":["t"]}]}`,
		map[string]string{"a": `{"displayedAttributes":["x","t"]}`, "b": ``, "c": ``})
	parts := f.Parts([]string{"b"})
	if len(parts) != 1 || !slices.Equal(parts[0].Queries, []int{0, 2}) || !reflect.DeepEqual(parts[0].Indexes, map[string]string{"b--1": "b"}) {
		t.Fatalf("%+v", parts)
	}
	sameObject(t, parts[0].Body, `{"federation":{"limit":8,"facetsByIndex":{"c--1":["y"]}},"queries":[
		{"indexUid":"b--1","q":"1","showRankingScoreDetails":true},
		{"indexUid":"b--1","attributesToRetrieve":["t","_miroir_updated_at"],"showRankingScoreDetails":true}]}`)
	parts = f.Parts([]string{"a", "b"})
	if len(parts) != 1 || !slices.Equal(parts[0].Queries, []int{0, 1, 2}) {
		t.Fatalf("%+v", parts)
	}
	var body struct {
		Queries []struct{ FederationOptions json.RawMessage }
	}
	if err := json.Unmarshal(parts[0].Body, &body); err != nil || string(body.Queries[1].FederationOptions) != `{"weight":0.25}` {
		t.Errorf("%s %v", parts[0].Body, err)
	}
	req := f.Request()
	if req.MergeFacets == nil || req.MergeFacets.MaxValues != 2 || len(req.Unused) != 1 || req.Unused[0].Index != "c" || !req.Facets["b"].Silent || req.Facets["a"].Silent {
		t.Errorf("%+v", req)
	}
	if req.Queries[1].Weight != 0.25 || !reflect.DeepEqual(req.Queries[1].Veil.Displayed, []string{"x", "t"}) {
		t.Errorf("%+v", req.Queries)
	}
	sameObject(t, f.Whole().Body, `{"federation":{"limit":0,"facetsByIndex":{"a--1":["x"],"c--1":["y"]}},"queries":[
		{"indexUid":"b--1","q":"1","showRankingScoreDetails":true},
		{"indexUid":"a--1","q":"2","attributesToRetrieve":["x","t","_miroir_updated_at"],"showRankingScoreDetails":true,"federationOptions":{"weight":0.25}},
		{"indexUid":"b--1","attributesToRetrieve":["t","_miroir_updated_at"],"showRankingScoreDetails":true}]}`)
}

// MG-9: the distinct field of a federation is brought along and counted, and taken away again; queries with distinct fields
// of their own are asked for one by one.
func TestFederatedDistinct(t *testing.T) {
	const settings = `{"filterableAttributes":["brand"]}`
	f := federated(t, `{"federation":{"page":2,"hitsPerPage":4,"distinct":"brand","facetsByIndex":{"a":["brand"]}},"queries":[{"indexUid":"a","attributesToRetrieve":["t"]},{"indexUid":"b"}]}`,
		map[string]string{"a": settings, "b": settings})
	sameObject(t, f.Parts([]string{"a"})[0].Body, `{"federation":{"page":1,"hitsPerPage":8,"distinct":"brand","facetsByIndex":{"a--1":["brand"]}},"queries":[
		{"indexUid":"a--1","attributesToRetrieve":["t","brand","_miroir_updated_at"],"showRankingScoreDetails":true}]}`)
	sameObject(t, f.Parts([]string{"b"})[0].Body, `{"federation":{"page":1,"hitsPerPage":8,"distinct":"brand","facetsByIndex":{"b--1":["brand"]}},"queries":[
		{"indexUid":"b--1","showRankingScoreDetails":true}]}`)
	req := f.Request()
	if !req.DistinctCounted || req.Distinct != "brand" || len(req.Queries[0].Veil.Extra) != 1 || !req.Facets["b"].Silent || req.Facets["a"].Silent || req.Facets["a"].Hide != nil {
		t.Errorf("%+v", req)
	}
	f = federated(t, `{"federation":{},"queries":[{"indexUid":"a"},{"indexUid":"b"},{"indexUid":"a","attributesToRetrieve":["t"]}]}`,
		map[string]string{"a": `{"distinctAttribute":"brand"}`, "b": ``})
	parts := f.Parts([]string{"a", "b"})
	if len(parts) != 3 || !slices.Equal(parts[0].Queries, []int{0}) || !slices.Equal(parts[1].Queries, []int{2}) || !slices.Equal(parts[2].Queries, []int{1}) {
		t.Fatalf("%+v", parts)
	}
	if req := f.Request(); req.Apart["a"] != "id" || req.Queries[2].Distinct != "brand" || len(req.Queries[2].Veil.Extra) != 2 || len(req.Apart) != 1 {
		t.Errorf("%+v", req)
	}
}
