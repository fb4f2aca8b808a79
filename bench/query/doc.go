// Package query makes the searches of a benchmark: what people type into a search box over the cities, as bodies of POST
// search. The same seed makes the same searches.
//
// It knows documents and Meilisearch's search parameters, and neither targets nor time.
package query
