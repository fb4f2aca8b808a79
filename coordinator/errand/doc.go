// Package errand has one engine carry out one request, to its end, on behalf of a workflow.
//
// An errand is sent to a node's sidecar under a dispatch id, so that it is one task of the engine however often it is sent, and
// its end is waited for. A node that is down, or that gives no usable answer for too long, is behind: what it misses is
// left to the workflow, or to the node's own sidecar. An engine that does not want the request refuses it, in its own words.
package errand
