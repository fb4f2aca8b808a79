// Package reply holds what the gateway answers with: finished answers, or the order to let Envoy route a request to one
// node. It shapes bodies as Meilisearch does and knows no request.
package reply
