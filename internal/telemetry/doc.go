// Package telemetry owns what a process tells about itself: the logger, the metrics registry with its build
// information, and the port where metrics, health and profiles are read.
//
// It knows no component and declares no component's metrics: each package does that in its own metrics.go and
// registers with the registry it is given. Nothing here is global, so two components can live in one test.
package telemetry
