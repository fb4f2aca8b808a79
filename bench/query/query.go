package query

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/miroir-search/miroir/dev/cities"
)

// Settings are those of the index that the searches are for, as Meilisearch's PATCH settings takes them.
const Settings = `{"searchableAttributes":["name"],"filterableAttributes":["country","region","_geo"],"sortableAttributes":["name","id","_geo"]}`

// Query is one search.
type Query struct {
	Kind string `json:"kind"`
	Body []byte `json:"body"` // of POST search
	// Filter is the text of the body's filter parameter; empty for none.
	Filter string `json:"filter,omitempty"`
}

// kinds of searches, each with its share in percent.
var kinds = []struct {
	name  string
	share int
	make  func(*maker) parameters
}{
	{"word", 20, func(m *maker) parameters { return parameters{"q": m.word(4)} }},
	{"prefix", 24, func(m *maker) parameters { return parameters{"q": m.prefix()} }},
	{"typo", 10, func(m *maker) parameters { return parameters{"q": m.typo(m.word(6))} }},
	{"words", 12, func(m *maker) parameters { return parameters{"q": m.name(2)} }},
	{"filter", 10, (*maker).filtered},
	{"sort", 8, (*maker).sorted},
	{"geo", 6, (*maker).near},
	{"facets", 5, (*maker).counted},
	{"all", 2, func(*maker) parameters { return parameters{"q": ""} }},
	{"page", 3, (*maker).page},
}

// parameters are the members of a search body.
type parameters map[string]any

// Make returns n searches for documents among the given ones, each for a page of the given number of hits.
func Make(documents []cities.City, n, hits int, seed uint64) ([]Query, error) {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, uint64(hits))), documents: documents, hits: hits} //nolint:gosec // repeatable on purpose
	list := make([]Query, 0, n)
	for i := range n {
		kind := kinds[pick(i)]
		p := kind.make(m)
		if _, paged := p["hitsPerPage"]; !paged && hits != defaultHits {
			p["limit"] = hits
		}
		body, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("query: %w", err)
		}
		filter, _ := p["filter"].(string)
		list = append(list, Query{Kind: kind.name, Body: body, Filter: filter})
	}
	m.Shuffle(n, func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list, nil
}

// defaultHits is Meilisearch's default of the parameter limit, which clients then leave out.
const defaultHits = 20

// pick spreads the kinds evenly by their shares, whatever the number of searches: the steps of 37 visit every percent.
func pick(i int) int {
	percent := i * 37 % 100
	for k := range kinds {
		if percent -= kinds[k].share; percent < 0 {
			return k
		}
	}
	return 0
}

// maker draws what searches are made of.
type maker struct {
	*rand.Rand
	documents []cities.City
	hits      int
}

func (m *maker) city() cities.City { return m.documents[m.IntN(len(m.documents))] }

// name is a city's name of at least so many words.
func (m *maker) name(words int) string {
	for range 1000 {
		if name := m.city().Name; len(strings.Fields(name)) >= words {
			return name
		}
	}
	return m.city().Name
}

// word is a word of at least so many letters from a city's name, as people type it.
func (m *maker) word(letters int) string {
	for range 1000 {
		for _, word := range strings.FieldsFunc(m.city().Name, func(r rune) bool { return !unicode.IsLetter(r) }) {
			if utf8.RuneCountInString(word) >= letters {
				return strings.ToLower(word)
			}
		}
	}
	return "san"
}

// prefix is what stands in a search box after two to five letters.
func (m *maker) prefix() string {
	word := []rune(m.word(5))
	return string(word[:2+m.IntN(4)])
}

// typo changes one letter in the middle, drops one, or swaps two.
func (m *maker) typo(word string) string {
	letters := []rune(word)
	at := 1 + m.IntN(len(letters)-2)
	switch m.IntN(3) {
	case 0:
		letters[at] = 'a' + m.Int32N(26)
	case 1:
		letters = append(letters[:at], letters[at+1:]...)
	default:
		letters[at], letters[at-1] = letters[at-1], letters[at]
	}
	return string(letters)
}

func (m *maker) filtered() parameters {
	c := m.city()
	if m.IntN(2) == 0 {
		return parameters{"q": m.prefix(), "filter": fmt.Sprintf("country = %q", c.Country)}
	}
	return parameters{"q": "", "filter": fmt.Sprintf("country = %q AND region = %q", c.Country, c.Region)}
}

func (m *maker) sorted() parameters {
	order := []string{"name:asc", "name:desc", "id:desc", "id:asc"}[m.IntN(4)]
	if m.IntN(2) == 0 {
		return parameters{"q": m.prefix(), "sort": []string{order}}
	}
	return parameters{"q": "", "filter": fmt.Sprintf("country = %q", m.city().Country), "sort": []string{order}}
}

func (m *maker) near() parameters {
	at := m.city().Geo
	p := parameters{"q": "", "filter": fmt.Sprintf("_geoRadius(%g, %g, %d)", at.Lat, at.Lng, 20_000+m.IntN(200_000))}
	if m.IntN(2) == 0 {
		p["sort"] = []string{fmt.Sprintf("_geoPoint(%g, %g):asc", at.Lat, at.Lng)}
	}
	return p
}

func (m *maker) counted() parameters {
	if m.IntN(2) == 0 {
		return parameters{"q": m.word(4), "facets": []string{"country", "region"}}
	}
	return parameters{"q": m.prefix(), "facets": []string{"country"}}
}

func (m *maker) page() parameters {
	return parameters{"q": m.prefix(), "hitsPerPage": m.hits, "page": 1 + m.IntN(max(1, 60/m.hits))}
}
