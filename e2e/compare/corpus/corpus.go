package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/miroir-search/miroir/dev/cities"
)

// Corpus is the documents of one index.
type Corpus struct {
	UID        string
	PrimaryKey string
	Settings   json.RawMessage
	Documents  []Document
	// Searchable are the fields that queries take their words from, Texts, Numbers and Lists those with facet values of
	// one kind. All but the first may be filtered by; Sortable may be sorted by.
	Searchable, Texts, Numbers, Lists, Sortable []string
	// Displayed are fields of the documents that may be retrieved.
	Displayed []string
	Embedded  bool     // documents have vectors
	Keyed     bool     // the primary key can be filtered by
	Share     int      // of the queries, against the other corpora
	Words     []string // that occur in Searchable, in lower case; a word that occurs twice is listed twice
}

// Document is a document in both forms: as it is sent, and to be looked into.
type Document struct {
	Raw    json.RawMessage
	Fields map[string]any // numbers are json.Number
}

// Text is a field as text, empty where there is none.
func (d Document) Text(field string) string {
	text, _ := d.Fields[field].(string)
	return text
}

// Split cuts a text into lower-case words, roughly as an engine does.
func Split(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// Movies are the 1,200 movies of ../shared, which stands beside the project. The rules of their index are those that
// all versions know, and one by a field.
func Movies(shared string) (*Corpus, error) {
	raw, err := os.ReadFile(filepath.Join(shared, "data", "movies.ndjson"))
	if err != nil {
		return nil, fmt.Errorf("movies: %w", err)
	}
	c := &Corpus{
		UID: "movies", PrimaryKey: "id", Share: 42, Keyed: true,
		Settings: json.RawMessage(`{
			"searchableAttributes": ["title", "director", "distributor"],
			"filterableAttributes": ["id", "major_genre", "mpaa_rating", "imdb_rating", "director", "distributor", "tags", "year", "source", "_geo"],
			"sortableAttributes": ["imdb_rating", "title", "director", "us_gross", "year", "_geo"],
			"rankingRules": ["words", "typo", "proximity", "attribute", "sort", "exactness", "imdb_votes:desc"],
			"synonyms": {"film": ["movie"], "nyc": ["new york"], "picture": ["film", "movie"]},
			"stopWords": ["the", "a", "of"],
			"faceting": {"sortFacetValuesBy": {"director": "count", "tags": "count", "year": "count"}}
		}`),
		Searchable: []string{"title", "director", "distributor"},
		Texts:      []string{"major_genre", "mpaa_rating", "director", "distributor", "source"},
		Numbers:    []string{"imdb_rating", "year"},
		Lists:      []string{"tags"},
		Sortable:   []string{"imdb_rating", "title", "director", "us_gross", "year"},
		Displayed:  []string{"id", "title", "director", "year", "tags", "_geo", "imdb_rating"},
	}
	for line := range bytes.Lines(raw) {
		if err := c.add(bytes.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("movies: %w", err)
		}
	}
	return c, nil
}

// Cities are a number of cities of the world, chosen by seed, in the order of their ids. Their index has the rules that
// an engine has by default, and hides a field.
func Cities(ctx context.Context, count int, seed uint64) (*Corpus, error) {
	archive, err := cities.Fetch(ctx)
	if err != nil {
		return nil, err
	}
	c := &Corpus{
		UID: "cities", PrimaryKey: "id", Share: 42, Keyed: true,
		Settings: json.RawMessage(`{
			"searchableAttributes": ["name", "country"],
			"filterableAttributes": ["country", "region", "id", "_geo"],
			"sortableAttributes": ["name", "country", "region", "id", "_geo"],
			"displayedAttributes": ["id", "name", "country", "_geo"],
			"faceting": {"sortFacetValuesBy": {"country": "count"}, "maxValuesPerFacet": 50}
		}`),
		Searchable: []string{"name"},
		Texts:      []string{"country", "region"},
		Numbers:    []string{"id"},
		Sortable:   []string{"name", "country", "region", "id"},
		Displayed:  []string{"id", "name", "country", "_geo"},
	}
	random := rand.New(rand.NewPCG(seed, 0))
	left, wanted := cities.Count, count
	err = cities.EachBatch(archive, cities.Count, func(batch []cities.City) error {
		for _, city := range batch {
			// Each of those left is as likely as any other to be among those wanted.
			if take := random.IntN(left) < wanted; take {
				wanted--
				raw, err := json.Marshal(city)
				if err != nil {
					return err
				}
				if err := c.add(raw); err != nil {
					return err
				}
			}
			left--
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cities: %w", err)
	}
	return c, nil
}

func (c *Corpus) add(raw []byte) error {
	d := Document{Raw: bytes.Clone(raw)}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&d.Fields); err != nil {
		return err
	}
	c.Documents = append(c.Documents, d)
	for _, field := range c.Searchable {
		c.Words = append(c.Words, Split(d.Text(field))...)
	}
	return nil
}
