// Package probe watches the engine beside the sidecar (NS-2) and reports what it finds.
//
// Every interval the engine is asked for its health. A run of misses makes it unhealthy, a run of good answers healthy
// again. The package only observes: who reads the report decides what to do with it.
package probe
