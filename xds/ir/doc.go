// Package ir says in the project's own words what every Envoy of the cluster must do: where it listens, which process
// decides about a request, and which sidecars and coordinators it can reach.
//
// It owns the plain values and their validity. It must not know Envoy's resources, the store the values come from, or
// the way they travel; package translate turns a valid Config into resources.
//
// The contract between this configuration and the gateway process:
//
//   - Every request but a CORS preflight is shown to the gateway first (headers, then the body chunk by chunk).
//   - A request that the gateway lets through goes to the cluster named by the request header Target, which is
//     ClusterOfNode of one node, or ClusterOfPair of two; the gateway sets it and asks for the route to be chosen again.
//   - Requests below AdminPrefix and UIPrefix are shown with their headers only and go to the coordinators.
package ir
