package corpus

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
)

const (
	// Embedder is the name of the embedder of an index with vectors, and Dimensions the length of these.
	Embedder   = "v"
	Dimensions = 8

	withVectors = 500 // documents
)

// Vectors are some of the movies with vectors of their own. A few have none.
func Vectors(movies *Corpus, seed uint64) (*Corpus, error) {
	c := &Corpus{
		UID: "vectors", PrimaryKey: movies.PrimaryKey, Share: 1, Keyed: true,
		Settings: fmt.Appendf(nil, `{
			"searchableAttributes": ["title", "director"],
			"filterableAttributes": ["id", "major_genre", "director", "year", "imdb_rating", "_geo"],
			"sortableAttributes": ["title", "year"],
			"embedders": {%q: {"source": "userProvided", "dimensions": %d}}
		}`, Embedder, Dimensions),
		Searchable: []string{"title", "director"},
		Texts:      []string{"major_genre", "director"},
		Numbers:    []string{"imdb_rating", "year"},
		Sortable:   []string{"title", "year"},
		Displayed:  []string{"id", "title", "year", "director"},
		Embedded:   true,
	}
	random := rand.New(rand.NewPCG(seed, 1))
	for i, movie := range movies.Documents[:withVectors] {
		fields := maps.Clone(movie.Fields)
		var vector any = Vector(random)
		if i%10 == 0 {
			vector = nil // refuses to be embedded, which a document with vectors of the user must say
		}
		fields["_vectors"] = map[string]any{Embedder: vector}
		raw, err := json.Marshal(fields)
		if err != nil {
			return nil, fmt.Errorf("vectors: %w", err)
		}
		if err := c.add(raw); err != nil {
			return nil, fmt.Errorf("vectors: %w", err)
		}
	}
	return c, nil
}

// Vector makes a vector of length 1.
func Vector(random *rand.Rand) []any {
	values, sum := make([]float64, Dimensions), 0.0
	for i := range values {
		values[i] = random.NormFloat64()
		sum += values[i] * values[i]
	}
	vector := make([]any, Dimensions)
	for i, value := range values {
		vector[i] = math.Round(value/math.Sqrt(sum)*1e4) / 1e4
	}
	return vector
}
