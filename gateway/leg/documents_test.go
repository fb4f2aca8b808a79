package leg

import (
	"testing"

	"github.com/miroir-search/miroir/internal/meili"
)

// MG-3: a leg that is merged with others brings stamps besides the fields that the client wants.
func TestDocuments(t *testing.T) {
	for _, c := range []struct{ name, query, piece, stamps string }{
		{"plain", `{"offset":7,"limit":3}`, `{"offset":5,"limit":2}`, `{"offset":5,"limit":2,"fields":["_miroir_updated_at"]}`},
		{"everything", `{"fields":["a"],"filter":"b = 1","retrieveVectors":true,"ids":[1]}`,
			`{"offset":5,"limit":2,"fields":["a","_miroir_updated_at"],"filter":"b = 1","retrieveVectors":true,"ids":[1]}`,
			`{"offset":5,"limit":2,"fields":["_miroir_updated_at"],"filter":"b = 1","ids":[1]}`},
		{"no fields", `{"fields":[]}`, `{"offset":5,"limit":2,"fields":["_miroir_updated_at"]}`, `{"offset":5,"limit":2,"fields":["_miroir_updated_at"]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, e := meili.ParseDocumentsBody([]byte(c.query))
			if e != nil {
				t.Fatal(e)
			}
			d := NewDocuments(q)
			sameObject(t, d.Body(5, 2, true), c.piece)
			sameObject(t, d.Stamps(5, 2), c.stamps)
		})
	}
	q, _ := meili.ParseDocumentsBody([]byte(`{"fields":["a"]}`))
	sameObject(t, NewDocuments(q).Body(0, 4, false), `{"offset":0,"limit":4,"fields":["a"]}`)
}
