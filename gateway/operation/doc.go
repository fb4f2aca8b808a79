// Package operation turns method and path of a client request into a typed operation.
//
// One table lists every route of the Meilisearch API with its action and its access rule; there is no other place where
// a path is compared. The package is pure and knows neither bodies nor nodes.
package operation
