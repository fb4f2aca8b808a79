// Package proxy is the only door to the engine: the HTTP server that takes legs from gateways and coordinators and
// forwards them to the Meilisearch process beside the sidecar.
//
// Every route has an explicit rule in the table of routes.go; what has none does not reach the engine. A rule says
// whether the route reads or writes, whether its body must be looked at, and what the answer is, so that reserved fields
// and physical names can be taken out of it. The server never forwards the caller's credentials, cookies or internal
// headers: it has its own key for the engine, and its callers prove the node key.
//
// Order of duties of a read: headers, placement (wait for a view that is on its way, else stale_placement), index ready
// (and placement again, when the view changed meanwhile), filter, engine, strip. Of a write: fence, placement, index ensured, dispatch table, body check, engine, answer.
//
// The server decides nothing about other nodes and keeps no state of a request outside the request.
package proxy
