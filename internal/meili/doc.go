// Package meili owns what Meilisearch's API looks like: wire types, identifiers, the wording of errors, and how request
// parameters are read. It knows no node, no store and nothing of Miroir's own.
package meili
