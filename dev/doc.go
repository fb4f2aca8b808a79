// Package dev owns `miroir dev`: a whole cluster on one machine, made of the production processes (etcd, Envoy,
// engines, sidecars, gateway, coordinator), supervised, with all data in one folder.
//
// It starts processes and looks at them from outside: over HTTP, and in the cluster's state. It imports no component;
// what a component needs to know stands in its command line and environment, as in production.
//
// The order of a start: everything that can be wrong is checked first and told at once, the folder is locked, what an
// earlier run left behind is ended, etcd, engines and coordinator, sidecars and gateway, Envoy. The cluster is ready
// when a search comes back from the ingress. It is stopped from the outside in, so that no request meets a missing part.
package dev
