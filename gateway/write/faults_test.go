package write

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
)

// RT-4: one engine looks at a document as the whole payload leaves it. Recorded from Meilisearch 1.50, `_geo` sortable.
func TestRT4FaultsOfAPayload(t *testing.T) {
	geo, vectors := apierr.InvalidDocumentGeoField, apierr.Internal
	for _, c := range []struct {
		update  bool
		payload string
		want    apierr.Code // empty: nothing is wrong
		about   string
	}{
		{false, `[{"id":1,"_geo":5},{"id":1,"_geo":{"lat":1,"lng":2}}]`, "", ""},
		{false, `[{"id":2,"_geo":5},{"id":2}]`, "", ""},
		{true, `[{"id":3,"_geo":5},{"id":3,"x":1}]`, geo, `"3"`},
		{true, `[{"id":3,"_geo":5},{"id":3,"_geo":null}]`, "", ""},
		{false, `[{"id":3},{"id":3,"_geo":5}]`, geo, `"3"`},
		{false, `[{"id":31,"_geo":5},{"id":30,"_geo":6},{"id":40,"_geo":{}}]`, geo, `"31"`},
		{false, `[{"id":31,"_geo":5,"_vectors":3}]`, vectors, "`3`"},
		{false, `[{"id":32,"_vectors":3},{"id":31,"_geo":5}]`, vectors, "`3`"},
		{false, `[{"id":32,"_geo":3},{"id":31,"_vectors":5}]`, vectors, "`5`"},
		{false, `[{"id":1,"_vectors":5},{"id":1}]`, "", ""},
		{true, `[{"id":1,"_vectors":5},{"id":1}]`, vectors, "`5`"},
		{true, `[{"id":1,"_vectors":{"a":5}},{"id":1,"_vectors":{"b":[1]}}]`, "", ""},
		{true, `[{"id":1,"_vectors":null},{"id":1,"_vectors":{"b":[1]}}]`, "", ""},
		{false, `[{"id":1,"_geo":{"lat":1,"lng":2},"_vectors":{"a":[1]}}]`, "", ""},
		{false, `[{"_geo":5,"x":1},{"id":2}]`, apierr.MissingDocumentID, "`id`"}, // ids come first
	} {
		b, err := Read(formatOf(t, "application/json"), strings.NewReader(c.payload), Options{
			Index: "i", Shards: 5, PrimaryKey: new("id"), Memory: 1 << 20, Contents: &meili.Contents{Geo: true}, Update: c.update,
		})
		if err != nil {
			t.Fatalf("%s: %v", c.payload, err)
		}
		if c.want == "" && b.Failure != nil || c.want != "" && (b.Failure == nil || b.Failure.Code != c.want || !strings.Contains(b.Failure.Message, c.about)) {
			t.Errorf("%s, update %t: %v, want %q about %s", c.payload, c.update, b.Failure, c.want, c.about)
		}
		if b.Failure != nil && len(b.Touched()) > 0 {
			t.Errorf("%s: documents of a payload that fails are kept", c.payload)
		}
		b.Close()
	}
}

// What is remembered of wrong documents is bounded; one that is put right too late stays wrong.
func TestFaultsAreBounded(t *testing.T) {
	var f faults
	wrong := meili.Fault{Geo: apierr.New(apierr.InvalidDocumentGeoField, "x"), HasGeo: true}
	for i := range 3 * maxFaults {
		f.add(fmt.Append(nil, i), wrong, false)
	}
	if len(f.order) != maxFaults || len(f.known) != maxFaults {
		t.Errorf("%d documents are remembered", len(f.order))
	}
	for i := range 3 * maxFaults {
		f.add(fmt.Append(nil, i), meili.Fault{HasGeo: true}, false)
	}
	if f.first() == nil {
		t.Error("documents that nobody remembers were right in the end")
	}
}
