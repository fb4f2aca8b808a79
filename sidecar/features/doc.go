// Package features keeps the engine's experimental features as the cluster has committed them. They are each engine's own,
// and searches depend on them, so they must be the same on all nodes.
//
// Gateways change them, on all nodes at once, and commit the change when all nodes show it. This package is what makes that
// last: it looks when the committed features change, when the engine returns, and from time to time. While a change is
// under way it touches nothing; a change that was not over in its time is none, and the engine is set back.
package features
