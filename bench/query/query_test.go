package query

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/miroir-search/miroir/dev/cities"
	"github.com/miroir-search/miroir/internal/meili"
)

func documents() []cities.City {
	var list []cities.City
	for i, name := range []string{"San Jose", "Köln", "New York City", "Reykjavík", "São Paulo", "Springfield", "Ürümqi", "Saint-Denis"} {
		list = append(list, cities.City{ID: i + 1, Name: name, Country: "C" + fmt.Sprint(i%3), Region: fmt.Sprint(i), Geo: cities.Geo{Lat: float64(i), Lng: 2}})
	}
	return list
}

func TestTheSameSeedMakesTheSameSearches(t *testing.T) {
	first, err := Make(documents(), 200, 20, 1)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Make(documents(), 200, 20, 1)
	other, _ := Make(documents(), 200, 20, 2)
	same := true
	for i := range first {
		if !bytes.Equal(first[i].Body, again[i].Body) {
			t.Fatalf("search %d: %s, then %s", i, first[i].Body, again[i].Body)
		}
		same = same && bytes.Equal(first[i].Body, other[i].Body)
	}
	if same {
		t.Error("another seed made the same searches")
	}
}

func TestEveryKindHasItsShareAndEverySearchIsOne(t *testing.T) {
	for _, hits := range []int{20, 1000} {
		list, err := Make(documents(), 300, hits, 7)
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, q := range list {
			count[q.Kind]++
			read, e := meili.ParseSearchBody(q.Body)
			if e != nil {
				t.Fatalf("%s: %v", q.Body, e)
			}
			if read.Exhaustive && read.HitsPerPage != hits || !read.Exhaustive && read.Limit != hits {
				t.Errorf("%s does not ask for %d hits", q.Body, hits)
			}
			var filter string
			_ = json.Unmarshal(read.Filter, &filter)
			if filter != q.Filter {
				t.Errorf("%s: filter noted as %q", q.Body, q.Filter)
			}
		}
		total := 0
		for _, k := range kinds {
			total += k.share
			if count[k.name] != 3*k.share {
				t.Errorf("%s: %d of 300 searches, want %d", k.name, count[k.name], 3*k.share)
			}
		}
		if total != 100 {
			t.Errorf("shares add up to %d", total)
		}
	}
}
