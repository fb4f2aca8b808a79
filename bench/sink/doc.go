// Package sink stands before a sidecar and swallows what is written: legs with documents are read to their end and answered
// as accepted, at once; everything else goes on to the sidecar. What comes in through a cluster of sinks costs what Envoy and
// the gateway cost, and nothing of engines.
//
// Tasks of swallowed legs never end, for no engine knows of them.
package sink
